import type { Family } from '../firewall/address-set.ts';
import type { Params } from './params.ts';
import { authority, loopback, type Passthrough, passthroughPort } from './routes.ts';

/** Where its unit finds what the program and lab alone may see. */
export const haproxyRuntime = 'lab-passthrough';

/**
 * The configuration of HAProxy (docs.haproxy.org/2.6/configuration.html): who asks for a name that is passed on gets to its service,
 * and all others to Caddy, which sees the client's own address.
 *
 * @param families of the gateway's addresses
 * @param hasSites whether there is a Caddy; without one, who asks for another name, or for none, is refused
 */
export function renderHaproxy(
  passthrough: readonly Passthrough[],
  { passthrough: { connections, idle } }: Params,
  families: readonly Family[],
  hasSites: boolean,
): string {
  const names = passthrough.flatMap(({ service, names }) => names.map((name) => ({ service, name })));
  return [
    '# Managed by lab (role vps-gateway).',
    ...section('global', [
      'log stdout format raw daemon',
      `maxconn ${connections}`,
      // Workers of former configurations go when their last connection does, and the oldest of so many in any case.
      'mworker-max-reloads 20',
      // By it a new worker gets the sockets of the one before: none that waits there is lost.
      `stats socket /run/${haproxyRuntime}/admin.sock mode 600 level admin expose-fd listeners`,
    ]),
    ...section('defaults', [
      'mode tcp',
      'log global',
      'option dontlognull',
      // From where to which service, and how it ended.
      'log-format "%ci:%cp for %b by %s: %B bytes in %Tt ms, %ts"',
      'option tcpka',
      'timeout connect 3s',
      `timeout client ${idle}`,
      `timeout server ${idle}`,
      'timeout client-fin 30s',
      'timeout server-fin 30s',
    ]),
    ...section('frontend tls', [
      ...families.map((family) => `bind ${authority(loopback[family], passthroughPort)} id ${id[family]} transparent`),
      'tcp-request inspect-delay 5s',
      ...names.map(({ name }) => `acl passed_on req.ssl_sni -i ${name}`),
      // Caddy has a log of its own.
      `tcp-request content ${hasSites ? 'set-log-level silent' : 'reject'} unless passed_on`,
      ...names.map(({ service, name }) => `use_backend ${service} if { req.ssl_sni -i ${name} }`),
      ...(hasSites ? families.map((family) => `use_backend caddy:${id[family]} if { so_id ${id[family]} }`) : []),
    ]),
    ...passthrough.flatMap(backend),
    ...(hasSites ? families.flatMap(backendOfCaddy) : []),
    '',
  ].join('\n');
}

const id = { ipv4: 4, ipv6: 6 } as const;
const any = { ipv4: '0.0.0.0', ipv6: '[::]' } as const;

/** Debian's Caddy 2.6 does not understand the PROXY protocol. */
function backendOfCaddy(family: Family): string[] {
  return section(`backend caddy:${id[family]}`, [
    `server caddy ${authority(loopback[family], 443)} source ${any[family]} usesrc clientip`,
  ]);
}

function backend({ service, upstreams, proxyProtocol }: Passthrough): string[] {
  const several = upstreams.length > 1;
  return section(`backend ${service}`, [
    ...(several
      ? [
          'balance leastconn',
          // Who does not answer is passed over at once.
          'option redispatch 1',
          // Soon again: after a boot the tunnel comes up later than the checks begin.
          `default-server check inter 5s downinter 1s fall 2 rise 1${proxyProtocol ? ' check-send-proxy' : ''}`,
        ]
      : // A service that starts anew is waited for, a second each.
        ['retries 5']),
    ...upstreams.map((upstream, at) => `server ${at + 1} ${upstream}${proxyProtocol ? ' send-proxy-v2' : ''}`),
  ]);
}

function section(head: string, lines: readonly string[]): string[] {
  return [head, ...lines.map((line) => `\t${line}`)];
}
