import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';
import { type NameServer, startBind } from '../../support/name-server.ts';

// One certificate for all names of a domain: an authority (another Caddy) that looks for a record in the zone, which a real BIND takes.

vi.setConfig({ testTimeout: 180_000 });
let gateway: StartedHost;
let authority: StartedHost;
let names: NameServer;
let project: LabProject;
const canary = 'Y2FuYXJ5LTczOTEtbm90LXRoZS1zZWNyZXQtb2YtYmluZA==';

const inventory = ({ wildcards = ['example.dev'], more = '', state = 'present', port = 9443, email = '' } = {}) =>
  `import { defineInventory, secret } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${gateway.identityFile}' },
  networks: { public: { prefixes: '172.16.0.0/12', public: true } },
  hosts: {
    vps: {
      addresses: { public: '${gateway.address}' },
      params: {
        dns: { zones: { 'example.dev': { provider: { type: 'rfc2136', server: '${names.address}', key: { name: 'lab', secret: secret.fromEnvironment('TSIG') } } } } },
        'vps-gateway': {
          state: '${state}', ban: null,
          acme: { directory: 'https://${authority.address}:${port}/acme/local/directory', ${email && `email: '${email}',`} root: 'files/root.pem', wildcards: ${JSON.stringify(wildcards)} },
        },
      },
    },
  },
  services: {
    photos: { host: 'vps', port: 2342, public: 'photos.example.dev' },
    apex: { host: 'vps', port: 2342, public: 'example.dev' },
    ${more}
  },
});
`;
const site = `import { definePlaybook } from 'labwright';
import gateway from 'labwright/roles/vps-gateway';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [gateway] }] });
`;

beforeAll(async () => {
  [gateway, authority, names] = await Promise.all([
    startHost({ packages: ['caddy', 'lego', 'openssl', 'curl', 'faketime'] }),
    startHost({ packages: ['caddy', 'lego', 'openssl', 'curl'] }),
    startBind(),
  ]);
  for (const host of [gateway, authority]) await host.sh(`echo 'nameserver ${names.address}' >/etc/resolv.conf`);
  const configuration = [9443, 9444]
    .map((port) => `https://${authority.address}:${port} {\n tls internal\n acme_server\n}\n`)
    .join('');
  await authority.exec(['sh', '-c', 'cat >/etc/caddy/Caddyfile'], configuration);
  const root = await authority.sh(
    'systemctl restart caddy; file=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt; until [ -s $file ]; do sleep 0.2; done; cat $file',
  );
  await gateway.exec(['sh', '-c', 'cat >/root/root.pem'], root);
  await gateway.sh('systemd-run -q --unit=photos caddy respond --listen 127.0.0.1:2342 "port 2342"');
  project = roleProject({
    'inventory/index.ts': inventory(),
    'inventory/lab.lock.yml': lockFile({ vps: gateway }),
    'files/root.pem': root,
    'playbooks/site.ts': site,
  });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await Promise.all([gateway?.remove(), authority?.remove(), names?.[Symbol.asyncDispose]()]);
});

beforeEach(({ onTestFailed }) =>
  onTestFailed(async () => {
    console.error(await gateway.sh('journalctl --identifier lab-acme --no-pager -n 40; systemctl --failed'));
  }),
);

const run = (more: readonly string[] = [], secret = names.secret) =>
  project.lab(['run', 'site', '--output', 'plain', ...more], { env: { TSIG: secret } });
async function ok(...more: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(more);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}
const curl = (name: string, words = '') =>
  gateway.sh(
    `curl -sS ${words} --max-time 20 --cacert /root/root.pem --resolve ${name}:443:127.0.0.1 https://${name}/ 2>&1 || true`,
  );
const certificate = (name: string) =>
  gateway.sh(
    `openssl s_client -connect 127.0.0.1:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial -ext subjectAltName`,
  );

/** Puts a certificate in the place of the present one of which no time is left. */
const old = `cd /var/lib/private/lab-acme/example.dev/certificates; faketime '3 days ago' openssl req -x509 -days 2 -key _.example.dev.key -subj '/CN=*.example.dev' -addext 'subjectAltName=DNS:*.example.dev,DNS:example.dev' -addext basicConstraints=critical,CA:FALSE -out /root/old.crt; cat /root/old.crt >_.example.dev.crt`;

it('is issued in the run that declares it, for all names of the domain', async () => {
  await ok();
  for (const name of ['photos.example.dev', 'example.dev']) expect(await curl(name)).toContain('port 2342');
  const [photos, apex] = [await certificate('photos.example.dev'), await certificate('example.dev')];
  expect(photos).toContain('DNS:*.example.dev, DNS:example.dev');
  expect(apex).toBe(photos);
  // What proved it is gone.
  expect(await names.records('_acme-challenge.example.dev', 'TXT')).toEqual([]);
  expect(await ok()).toMatch(/0 changed/);
  expect(await ok()).toMatch(/1 round trip/);
});

it('has its key for Caddy alone, and the secret of the zone nowhere else', async () => {
  expect(await gateway.sh('cd /etc/caddy/lab-certificates; stat -c "%a %U:%G %n" . *')).toBe(
    '750 root:caddy .\n640 root:caddy example.dev.crt\n640 root:caddy example.dev.key\n',
  );
  const { stdout } = await gateway.exec(['grep', '-rlF', names.secret, '/etc', '/run', '/var/log', '/var/lib']);
  expect(stdout).toBe('/etc/lab/acme/example.dev.env\n');
  expect(await gateway.sh('stat -c %a:%U /etc/lab/acme/example.dev.env; systemctl show lab-acme-example.dev')).toMatch(
    /^600:root\n/,
  );
});

it('serves a further name at once, without asking the authority', async () => {
  const before = await certificate('photos.example.dev');
  await authority.sh('systemctl stop caddy');
  project.write(
    'inventory/index.ts',
    inventory({ more: "wiki: { host: 'vps', port: 2342, public: 'wiki.example.dev' }," }),
  );
  await ok();
  expect(await curl('wiki.example.dev')).toContain('port 2342');
  expect(await certificate('wiki.example.dev')).toBe(before);
  await authority.sh('systemctl start caddy');
});

it('is renewed by its timer while requests go on, and that is no drift', async () => {
  const before = await certificate('photos.example.dev');
  expect(await gateway.sh('systemctl start lab-acme-example.dev; systemctl is-active lab-acme-example.dev.timer')).toBe(
    'active\n',
  );
  // Nothing was due.
  expect(await certificate('photos.example.dev')).toBe(before);
  await gateway.sh(
    // A request that meets the end of its connection is sent again, as browsers do (RFC 9110, 9.2.2).
    `rm -f /root/stop; systemd-run -q --unit=asking sh -c 'while [ ! -e /root/stop ]; do curl -s --retry 1 --retry-all-errors -o /dev/null -w "%{http_code}\\n" --cacert /root/root.pem --resolve photos.example.dev:443:127.0.0.1 "https://photos.example.dev/[1-10]"; done >/root/codes'`,
  );
  await gateway.sh(`${old}; systemctl start lab-acme-example.dev`);
  expect(await certificate('photos.example.dev')).not.toBe(before);
  await gateway.sh('sleep 1; touch /root/stop; while systemctl is-active -q asking; do sleep 0.1; done');
  expect(await gateway.sh('sort /root/codes | uniq -c')).toMatch(/^ *\d+ 200\n$/);
  expect(await ok()).toMatch(/0 changed/);
});

it.each([
  ['authority', { port: 9444 }],
  ['address that the authority writes to', { port: 9444, email: 'ada@example.dev' }],
])('is a new one with another %s, and renewed there', async (_, change) => {
  const before = await certificate('photos.example.dev');
  project.write('inventory/index.ts', inventory(change));
  await ok();
  const issued = await certificate('photos.example.dev');
  expect(issued).not.toBe(before);
  expect(await ok()).toMatch(/0 changed/);
  await gateway.sh(`${old}; systemctl start lab-acme-example.dev`);
  expect(await certificate('photos.example.dev')).not.toBe(issued);
});

it('is given to Caddy by the next run where it could not take it', async () => {
  const before = await certificate('photos.example.dev');
  const dropIn = '/run/systemd/system/caddy.service.d';
  await gateway.sh(
    `mkdir -p ${dropIn}; printf '[Service]\\nExecReload=\\nExecReload=/bin/false\\n' >${dropIn}/zz-broken.conf; systemctl daemon-reload; ${old}; ! systemctl start lab-acme-example.dev`,
  );
  expect(await certificate('photos.example.dev')).toBe(before);
  await gateway.sh(`rm -r ${dropIn}; systemctl daemon-reload`);
  expect(await ok()).toMatch(/certificate/);
  expect(await certificate('photos.example.dev')).not.toBe(before);
  expect(await ok()).toMatch(/0 changed/);
});

it.each([
  [
    'another secret than the server has',
    { wildcards: ['sub.example.dev', 'example.dev'] },
    canary,
    /BADSIG|bad signature|BAD/i,
  ],
  [
    'a zone that nobody publishes',
    { wildcards: ['example.org'] },
    undefined,
    /a zone that holds it, published by the role dns/,
  ],
])('says what is wrong with %s, and leaves what is there', async (_, change, secret, reason) => {
  const before = await gateway.sh('cat /etc/caddy/Caddyfile');
  const domain = change.wildcards[0];
  project.write(
    'inventory/index.ts',
    inventory({ ...change, more: `x: { host: 'vps', port: 2342, public: 'x.${domain}' },` }),
  );
  const { exitCode, stdout, stderr } = await run([], secret);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ said: expect.stringMatching(reason) });
  expect(exitCode).not.toBe(0);
  expect(stdout + stderr).not.toContain(canary);
  expect(await gateway.sh('ls -A /run/lab-acme')).toBe('');
  expect(await gateway.sh('cat /etc/caddy/Caddyfile')).toBe(before);
  expect(await curl('photos.example.dev')).toContain('port 2342');
});

it('is left where it is by a rollback, and by state "absent"', async () => {
  project.write('inventory/index.ts', inventory());
  await ok();
  const before = await gateway.sh('sha256sum /etc/caddy/lab-certificates/*');
  project.write('inventory/index.ts', inventory({ wildcards: [] }));
  await ok();
  expect(await gateway.sh('cat /etc/caddy/Caddyfile')).not.toContain('lab-certificates');
  const { exitCode, stdout, stderr } = await project.lab(['rollback', 'vps-gateway', '--output', 'plain'], {
    env: { TSIG: names.secret },
  });
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  expect(await curl('photos.example.dev')).toContain('port 2342');
  project.write('inventory/index.ts', inventory({ state: 'absent' }));
  await ok();
  expect(
    await gateway.sh('test ! -e /etc/lab/acme/example.dev.env; systemctl is-active lab-acme-example.dev.timer || true'),
  ).toBe('inactive\n');
  expect(await gateway.sh('sha256sum /etc/caddy/lab-certificates/*')).toBe(before);
});
