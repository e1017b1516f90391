import { isIPv6 } from 'node:net';
import { docker } from './docker.ts';
import { addressesOf } from './state-folder.ts';
import type { SandboxContainer, SandboxTopology } from './topology.ts';

/** Where the authority of the sandbox answers, on every address of the machine outside. */
const authorityPort = 9443;

/**
 * Makes the machine outside what the internet is to a homelab: an authority that gives certificates by ACME, and a resolver
 * for which public names are delegated to the public hosts. Nothing is done when both run as they should.
 *
 * @returns the root certificate of the authority, PEM
 * @throws LabError SANDBOX_FAILED when one of them does not start
 */
export async function provisionInternet(client: SandboxContainer, topology: SandboxTopology): Promise<string> {
  return await docker(['exec', '--interactive', client.container, 'sh', '-s'], {
    purpose: `start the authority and the resolver on ${client.container}`,
    input: internetScript(client, topology),
  });
}

/** What is run on the machine outside. Pure. */
export function internetScript(client: SandboxContainer, topology: SandboxTopology): string {
  const addresses = addressesOf(client);
  const publicHosts = topology.hosts.flatMap((host) =>
    host.attachments
      .filter(({ dockerNetwork }) => client.attachments.some((own) => own.dockerNetwork === dockerNetwork))
      .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((address) => address !== undefined)),
  );
  const prefixes = topology.networks.filter((network) => network.public).flatMap(({ segments }) => segments);
  return `set -eu
changed=
put() {
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; changed=yes; fi
}
runs() { pgrep -x "$1" >/dev/null; }
mkdir -p /etc/lab-internet /var/lib/lab-internet
put /etc/lab-internet/unbound.conf <<'END'
${unboundConf(
  addresses,
  prefixes.map(({ prefix }) => prefix),
  topology.publicDomains,
  publicHosts,
)}END
put /etc/lab-internet/Caddyfile <<'END'
${caddyfile(addresses)}END
if [ -n "$changed" ] || ! runs unbound || ! runs caddy; then
  for program in unbound caddy; do
    pkill -x "$program" || :
    tries=0
    while runs "$program"; do
      tries=$((tries + 1))
      [ "$tries" -lt 100 ] || pkill -9 -x "$program" || :
      sleep 0.1
    done
  done
  unbound-checkconf /etc/lab-internet/unbound.conf >/dev/null
  unbound -c /etc/lab-internet/unbound.conf
  export HOME=/var/lib/lab-internet XDG_DATA_HOME=/var/lib/lab-internet XDG_CONFIG_HOME=/var/lib/lab-internet
  caddy start --config /etc/lab-internet/Caddyfile --adapter caddyfile </dev/null >/var/log/caddy.log 2>&1 || {
    tail -n 5 /var/log/caddy.log >&2
    exit 1
  }
fi
# In place, because the engine mounts it.
[ "$(cat /etc/resolv.conf)" = 'nameserver 127.0.0.1' ] || echo 'nameserver 127.0.0.1' >/etc/resolv.conf
root=/var/lib/lab-internet/caddy/pki/authorities/local/root.crt
trusted=/usr/local/share/ca-certificates/lab-sandbox.crt
cmp -s "$root" "$trusted" || { cp "$root" "$trusted"; update-ca-certificates >/dev/null 2>&1; }
cat "$root"
`;
}

/** Without DNSSEC: nobody signs for the sandbox's names. What changes is seen within seconds. */
function unboundConf(
  addresses: readonly string[],
  prefixes: readonly string[],
  domains: readonly string[],
  hosts: readonly string[],
): string {
  return `server:
${['127.0.0.1', ...addresses].map((address) => `  interface: ${address}\n`).join('')}${['127.0.0.0/8', ...prefixes].map((prefix) => `  access-control: ${prefix} allow\n`).join('')}  module-config: "iterator"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  logfile: "/var/log/unbound.log"
  do-not-query-localhost: no
  cache-max-ttl: 5
  cache-max-negative-ttl: 1
  infra-host-ttl: 1
  local-zone: "test." nodefault
remote-control:
  control-enable: no
${
  hosts.length === 0
    ? ''
    : domains
        .map(
          (domain) => `stub-zone:
  name: "${domain}"
${hosts.map((address) => `  stub-addr: ${address}\n`).join('')}`,
        )
        .join('')
}forward-zone:
  name: "."
  forward-addr: 127.0.0.11
`;
}

function caddyfile(addresses: readonly string[]): string {
  const sites = addresses.map((address) => `https://${isIPv6(address) ? `[${address}]` : address}:${authorityPort}`);
  return `{
	admin unix//run/lab-internet.sock
	skip_install_trust
	auto_https disable_redirects
}
${sites.join(', ')} {
	tls internal
	acme_server
}
`;
}
