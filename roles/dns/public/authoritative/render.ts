import type { Authoritative } from '../params.ts';

export const configFile = '/etc/knot/knot.conf';
/** The key of the host itself, as Knot reads it. */
export const includedKey = '/etc/knot/lab-key.conf';
/** Where updates and questions of the host itself go: port 53 of loopback may be a resolver's. */
export const loopback = { address: '127.0.0.1', port: 10_053 };

/**
 * The configuration of Knot for zones that updates alone own: the zone file is neither read nor written, all of the zone is in
 * the journal. (With a file beside it, Knot takes away on a reload what came by updates.) Pure.
 *
 * @param listen addresses of the host at which others ask
 */
export function renderKnot(zones: readonly string[], listen: readonly string[], params: Authoritative): string {
  const quoted = (text: string) => JSON.stringify(text);
  const addresses = [`${loopback.address}@${loopback.port}`, ...listen.map((address) => `${address}@53`)];
  return `# Managed by lab (role dns): changes are overwritten.
include: ${quoted(includedKey)}

server:
    rundir: "/run/knot"
    user: knot:knot
    automatic-acl: off
    # Who asks for it learns neither name nor version.
    identity: ""
    version: ""
    nsid: ""
    listen: [ ${addresses.map(quoted).join(', ')} ]

log:
  - target: syslog
    any: info

database:
    storage: "/var/lib/knot"

acl:
  - id: lab
    key: lab-local
    address: [ "127.0.0.1" ]
    action: update

# Answers are larger than questions: a stranger's address in a question must not flood the stranger.
mod-rrl:
  - id: lab
    rate-limit: ${params.rateLimit}
    slip: 2
    whitelist: [ "127.0.0.1" ]

policy:
  - id: lab
    algorithm: ecdsap256sha256
    # RFC 9276: no further iterations, no salt.
    nsec3: ${params.nsec3 ? 'on' : 'off'}
    nsec3-iterations: 0
    nsec3-salt-length: 0

template:
  - id: default
    global-module: mod-rrl/lab
    storage: "/var/lib/knot"
    file: "lab-%s.zone"
    zonefile-load: none
    zonefile-sync: -1
    journal-content: all
    dnssec-signing: on
    dnssec-policy: lab
    acl: lab

zone:
${zones.map((zone) => `  - domain: ${quoted(zone)}\n`).join('')}`;
}

/** Where Knot listens takes a new start; all else is taken up by a reload. */
export function listensIn(config: string | null): string {
  return /^\s*listen:.*$/m.exec(config ?? '')?.[0].trim() ?? '';
}
