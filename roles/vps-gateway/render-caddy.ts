import type { Params } from './params.ts';
import type { HttpRoute, HttpSite } from './routes.ts';
import { certificateFiles, isCovered } from './wildcards/covered.ts';

export const caddyfile = '/etc/caddy/Caddyfile';
export const acmeRootFile = '/etc/caddy/lab-acme-root.pem';
export const adminSocket = '/run/caddy/admin.sock';
export const accessLog = '/var/log/caddy/access.log';

/** Where the users of a service stand, which are nobody's to see. */
export function usersFile(service: string): string {
  return `/etc/caddy/lab-users-${service}`;
}

/**
 * The configuration of Caddy (caddyserver.com/docs/caddyfile): a site for each public name, and nothing for any other. Values are
 * checked by the schema of the inventory; what is free text is quoted.
 *
 * @param inside prefixes of private networks and of the tunnel: who is inside
 * @param passedOn names whose TLS ends elsewhere: who comes by HTTP is sent there
 */
export function renderCaddy(
  sites: readonly HttpSite[],
  params: Params,
  inside: readonly string[],
  passedOn: readonly string[] = [],
): string {
  return [
    '# Managed by lab (role vps-gateway).',
    ...block('', [
      `admin unix/${adminSocket}`,
      ...(params.acme.email === undefined ? [] : [`email ${params.acme.email}`]),
      ...(params.acme.directory === undefined ? [] : [`acme_ca ${params.acme.directory}`]),
      ...(params.acme.root === undefined ? [] : [`acme_ca_root ${acmeRootFile}`]),
      ...block('servers', ['protocols h1 h2 h3', ...block('timeouts', ['read_header 30s', 'idle 5m'])]),
    ]),
    '',
    ...snippets(params),
    ...sites.flatMap((site) => ['', ...siteBlocks(site, params, inside)]),
    '',
    ...passedOn.flatMap((name) => block(`http://${name}`, ['import lab', 'redir https://{host}{uri} 308'])),
    // Whoever asks for a name that is not here learns nothing.
    ...block('http://', ['respond 404']),
    '',
  ].join('\n');
}

function snippets({ log, hstsSeconds }: Params): string[] {
  return [
    ...block('(lab)', [
      ...block('log', [
        ...block(`output file ${accessLog}`, [
          `roll_size ${log.maxSize}`,
          `roll_keep ${log.keep - 1}`,
          'roll_keep_for 2160h',
        ]),
        'format json',
      ]),
      'encode zstd gzip',
      ...block('header', [
        ...(hstsSeconds === 0 ? [] : [`?Strict-Transport-Security "max-age=${hstsSeconds}"`]),
        '?X-Content-Type-Options nosniff',
        '?X-Frame-Options SAMEORIGIN',
        '?Referrer-Policy strict-origin-when-cross-origin',
        // What the gateway and the service run is nobody's business.
        '-Server',
        '-Via',
        '-X-Powered-By',
        'defer',
      ]),
    ]),
  ];
}

function siteBlocks(site: HttpSite, { acme }: Params, inside: readonly string[]): string[] {
  const wildcard = acme.wildcards.find((domain) => isCovered(site.name, domain));
  const several = site.others.length > 0 && wildcard === undefined;
  return [
    ...block(site.name, [
      'import lab',
      ...(wildcard === undefined ? [] : [`tls ${certificateFiles(wildcard).join(' ')}`]),
      // The authority asks any of the gateways, and over HTTP alone can they answer for each other.
      ...(several
        ? block('tls', [
            ...block('issuer acme', [
              ...(acme.directory === undefined ? [] : [`dir ${acme.directory}`]),
              ...(acme.email === undefined ? [] : [`email ${acme.email}`]),
              ...(acme.root === undefined ? [] : [`trusted_roots ${acmeRootFile}`]),
              'disable_tlsalpn_challenge',
            ]),
          ])
        : []),
      ...site.routes.flatMap((route, index) => handle(route, index, inside)),
      ...(site.routes.at(-1)?.options.path === '' ? [] : block('handle', ['respond 404'])),
    ]),
    ...(several ? ['', ...challengeBlock(site)] : []),
  ];
}

/** A challenge that this gateway did not begin is another's; whoever is asked by a gateway does not ask on. */
function challengeBlock({ name, others }: HttpSite): string[] {
  return block(`http://${name}`, [
    'import lab',
    ...block('handle /.well-known/acme-challenge/*', [
      '@asked header X-Lab-Gateway 1',
      ...block('handle @asked', ['respond 404']),
      ...block('handle', [
        ...block(`reverse_proxy ${others.join(' ')}`, [
          'lb_policy first',
          'lb_try_duration 5s',
          'header_up X-Lab-Gateway 1',
          'header_up Host {host}',
          ...block('transport http', ['dial_timeout 2s']),
        ]),
      ]),
    ]),
    ...block('handle', ['redir https://{host}{uri} 308']),
  ]);
}

function handle({ service, options, upstreams }: HttpRoute, index: number, inside: readonly string[]): string[] {
  const { path, access, users, authorizer, headers, maxBody } = options;
  const matcher = path === '' ? '' : ` @route${index}`;
  return [
    `# ${service}`,
    ...(path === '' ? [] : [`@route${index} path ${quoted(path)} ${quoted(`${path}/*`)}`]),
    ...block(`handle${matcher}`, [
      ...(access === 'inside'
        ? [`@outside${index} not remote_ip 127.0.0.0/8 ::1/128 ${inside.join(' ')}`, `error @outside${index} 403`]
        : []),
      ...(maxBody === undefined ? [] : block('request_body', [`max_size ${maxBody}`])),
      ...(users.size === 0 ? [] : block('basicauth', [`import ${usersFile(service)}`])),
      ...(authorizer === undefined ? [] : forwardAuth(authorizer)),
      ...(headers.size === 0
        ? []
        : block('header', [
            ...[...headers].map(([name, value]) => (value === null ? `-${name}` : `${name} ${quoted(value)}`)),
            'defer',
          ])),
      ...block(
        `reverse_proxy ${upstreams.map((one) => schemed(one, options.tls)).join(' ')}`,
        proxyOptions(upstreams, options),
      ),
    ]),
  ];
}

function schemed(upstream: string, tls: 'verified' | 'unverified' | undefined): string {
  return tls === undefined ? upstream : `https://${upstream}`;
}

function proxyOptions(upstreams: readonly string[], { health, tls }: HttpRoute['options']): string[] {
  const several = upstreams.length > 1;
  return [
    ...(several ? ['lb_policy least_conn', 'fail_duration 10s'] : []),
    // A service that starts anew is waited for.
    'lb_try_duration 5s',
    'lb_try_interval 250ms',
    ...(health === undefined ? [] : [`health_uri ${quoted(health)}`, 'health_interval 10s', 'health_timeout 5s']),
    'header_up X-Real-IP {remote_host}',
    ...block('transport http', [
      'dial_timeout 3s',
      ...(tls === 'verified' ? ['tls_server_name {host}'] : []),
      ...(tls === 'unverified' ? ['tls_insecure_skip_verify'] : []),
    ]),
  ];
}

/** What the authorizer says of who asks is passed on, as Authelia, authentik and oauth2-proxy name it. */
function forwardAuth(url: string): string[] {
  const { origin, pathname, search } = new URL(url);
  return block(`forward_auth ${origin}`, [
    `uri ${quoted(`${pathname}${search}`)}`,
    'copy_headers Remote-User Remote-Groups Remote-Name Remote-Email X-Auth-Request-User X-Auth-Request-Email',
  ]);
}

function block(head: string, lines: readonly string[]): string[] {
  return [head === '' ? '{' : `${head} {`, ...lines.map((line) => `\t${line}`), '}'];
}

/** Between backticks, which the schema refuses, nothing has a meaning but placeholders in braces. */
function quoted(text: string): string {
  return `\`${text.replaceAll(/[{}]/g, '\\$&')}\``;
}
