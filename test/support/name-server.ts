import { type StartedHost, startHost } from './host.ts';

/** What a test needs of a server that takes updates; `dig` on it looks from outside of what is tested. */
export interface NameServer extends AsyncDisposable {
  readonly host: StartedHost;
  readonly address: string;
  /** In base64, of the key `lab`. */
  readonly secret: string;
  /** Answers as `dig +short` prints them, sorted. */
  records(name: string, type: string): Promise<string[]>;
  /** Lines for nsupdate, past what is tested. */
  update(...lines: string[]): Promise<void>;
}

const packages = ['bind9', 'bind9-dnsutils', 'knot', 'knot-dnsutils', 'curl', 'jq', 'libfaketime'];
const secret = 'bGFiLWRucy10ZXN0LXNlY3JldC0wMTIzNDU2Nzg5YWI=';

const zoneFile = (address: string) => `$TTL 300
@ IN SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A ${address}
theirs A 192.0.2.99
theirs TXT "not ours"
`;

/** BIND with `example.dev`, which the key `lab` may change. */
export async function startBind(): Promise<NameServer> {
  const host = await startHost({ packages });
  await host.exec(
    ['sh', '-c', 'cat >/etc/bind/named.conf'],
    `key "lab" { algorithm hmac-sha256; secret "${secret}"; };
options { directory "/var/cache/bind"; listen-on { any; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };
zone "example.dev" { type primary; file "/var/cache/bind/example.dev.zone"; allow-update { key lab; }; };
`,
  );
  await host.exec(['sh', '-c', 'cat >/var/cache/bind/example.dev.zone'], zoneFile(host.address));
  await host.sh('chown bind: /var/cache/bind/*; systemctl restart named');
  return nameServer(host);
}

/** Knot with `example.dev`, owned by updates. */
export async function startKnot(): Promise<NameServer> {
  const host = await startHost({ packages });
  await host.exec(
    ['sh', '-c', 'cat >/etc/knot/knot.conf'],
    `server:
    rundir: "/run/knot"
    user: knot:knot
    listen: 0.0.0.0@53
database:
    storage: "/var/lib/knot"
key:
  - id: lab
    algorithm: hmac-sha256
    secret: ${secret}
acl:
  - id: lab
    key: lab
    action: update
zone:
  - domain: example.dev
    file: "/var/lib/knot/example.dev.zone"
    zonefile-load: whole
    journal-content: changes
    acl: lab
`,
  );
  await host.exec(['sh', '-c', 'cat >/var/lib/knot/example.dev.zone'], zoneFile(host.address));
  await host.sh('systemctl disable -q --now named; chown knot: /var/lib/knot/*.zone; systemctl restart knot');
  return nameServer(host);
}

async function nameServer(host: StartedHost): Promise<NameServer> {
  const server: NameServer = {
    host,
    address: host.address,
    secret,
    async records(name, type) {
      const answer = await host.sh(`dig @${host.address} +norecurse +short ${name} ${type}`);
      return answer.trim().split('\n').filter(Boolean).sort();
    },
    async update(...lines) {
      const key = `key "lab" { algorithm hmac-sha256; secret "${secret}"; };`;
      const text = [`server ${host.address}`, 'zone example.dev', ...lines, 'send', ''].join('\n');
      await host.exec(['sh', '-c', 'cat >/root/lab.key'], key);
      const { exitCode, stderr } = await host.exec(['nsupdate', '-k', '/root/lab.key'], text);
      if (exitCode !== 0) throw new Error(stderr);
    },
    [Symbol.asyncDispose]: () => host.remove(),
  };
  await host.sh(
    'for i in $(seq 50); do dig @127.0.0.1 +time=1 +tries=1 example.dev SOA | grep -q NOERROR && exit 0; sleep 0.2; done; exit 1',
  );
  return server;
}
