import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import { FakeCloudflare, type Fault } from '../../support/cloudflare.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { type NameServer, startBind, startKnot } from '../../support/name-server.ts';

// A host that publishes, and real servers that take updates; what they say is asked from outside.

let vps: StartedHost;
beforeAll(async () => {
  vps = await startHost();
}, 240_000);
afterAll(() => vps?.remove());

const program = readRoleFile('dns/public/rfc2136.sh');
const everyType = `apex: true, wildcard: true, records: [
  { name: '@', type: 'MX', value: '10 mail.example.dev.' },
  { name: '@', type: 'CAA', value: '0 issue "letsencrypt.org"' },
  { name: '@', type: 'CAA', value: '0 issuewild ";"' },
  { name: '_sip._tcp', type: 'SRV', value: '0 5 5060 photos' },
  { name: 'www', type: 'CNAME', value: 'photos' },
  { name: 'lab', type: 'NS', value: 'ns.elsewhere.example.' },
  { name: 'long', type: 'TXT', value: 'v=DKIM1; p=' + 'x'.repeat(300) + ' "quoted" back\\\\slash ä' },
]`;

const playbook = `import { definePlaybook } from 'labwright';
import dns from 'labwright/roles/dns';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'names', hosts: 'vps', roles: [dns] }] });
`;

interface Declared {
  readonly provider: string;
  readonly zone?: string;
  readonly services?: Readonly<Record<string, string>>;
}

/** An inventory with the gateway vps and the service of each public name. */
function inventory({ provider, zone = '', services = { photos: 'photos.example.dev' } }: Declared): string {
  const entries = Object.entries(services).map(
    ([name, at]) => `    ${name}: { host: 'nas', port: 80, public: '${at}', gateways: 'vps' },`,
  );
  return `import { defineInventory, secret } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${vps.identityFile}' },
  networks: { public: { prefixes: ['203.0.113.0/24', '2001:db8::/64'], public: true }, home: { prefixes: '10.77.1.0/24' } },
  hosts: {
    vps: {
      address: '${vps.address}',
      addresses: { public: ['203.0.113.7', '2001:db8::7'] },
      params: { dns: { zones: { 'example.dev': { provider: ${provider}, ${zone} } } } },
    },
    nas: { addresses: { home: '10.77.1.10' } },
  },
  services: {
${entries.join('\n')}
  },
});
`;
}

function projectWith(declared: Declared): LabProject {
  return labProject({
    'inventory/index.ts': inventory(declared),
    'inventory/lab.lock.yml': lockFile({ vps }),
    'playbooks/site.ts': playbook,
  });
}

describe.each([
  ['BIND', startBind],
  ['Knot', startKnot],
])('by RFC 2136, with %s', (software, start) => {
  let server: NameServer;
  let project: LabProject;
  const provider = () =>
    `{ type: 'rfc2136', server: '${server.address}', key: { name: 'lab', secret: secret.fromEnvironment('TSIG') } }`;
  const lab = (...argv: string[]) => project.lab(argv, { env: { TSIG: server.secret } });
  const run = (...more: string[]) => lab('run', 'site', '--limit', 'vps', '--output', 'plain', ...more);
  const declare = (declared: Omit<Declared, 'provider'>) =>
    project.write('inventory/index.ts', inventory({ provider: provider(), ...declared }));
  beforeAll(async () => {
    server = await start();
    project = projectWith({ provider: provider() });
  }, 240_000);
  afterAll(async () => {
    project?.remove();
    await server?.[Symbol.asyncDispose]();
  });

  const ok = async (...more: string[]) => {
    const outcome = await run(...more);
    expect(outcome).toMatchObject({ exitCode: 0 });
    return outcome.stdout;
  };

  it('publishes the addresses of the gateway for a service, and changes nothing the second time', async () => {
    // On the first host ever the tools are to be installed: then nobody knows before what the server has.
    expect(await run('--check')).toMatchObject({ exitCode: 2 });
    await ok();
    expect(await server.records('photos.example.dev', 'A')).toEqual(['203.0.113.7']);
    expect(await server.records('photos.example.dev', 'AAAA')).toEqual(['2001:db8::7']);
    expect(await ok()).toMatch(/0 changed/);
    expect((await lab('run', 'site', '--limit', 'vps', '--check')).stdout).toMatch(/1 round trip/);
  });

  it('publishes what is declared, of every type, and the server has it as it was written', async () => {
    declare({ zone: everyType });
    await ok();
    expect(await ok()).toMatch(/0 changed/);
    expect(await server.records('example.dev', 'MX')).toEqual(['10 mail.example.dev.']);
    expect(await server.records('example.dev', 'CAA')).toEqual(['0 issue "letsencrypt.org"', '0 issuewild ";"']);
    expect(await server.records('_sip._tcp.example.dev', 'SRV')).toEqual(['0 5 5060 photos.example.dev.']);
    expect(await server.records('lab.example.dev', 'NS')).toEqual([]);
    expect(await server.records('www.example.dev', 'CNAME')).toEqual(['photos.example.dev.']);
    expect(await server.records('anything.example.dev', 'A')).toEqual(['203.0.113.7']);
    const [text = ''] = await server.records('long.example.dev', 'TXT');
    expect(text).toMatch(/^"v=DKIM1; p=x{244}" "x{56} \\"quoted\\" back\\\\slash \\195\\164"$/);
    declare({ zone: 'massChange: true' });
    await ok();
    for (const [name, type] of [
      ['long', 'TXT'],
      ['www', 'CNAME'],
      ['lab', 'NS'],
      ['anything', 'A'],
    ] as const)
      expect(await server.records(`${name}.example.dev`, type)).toEqual([]);
    expect(await server.records('photos.example.dev', 'A')).toEqual(['203.0.113.7']);
  });

  it('removes the records of a service that is gone, and none of others', async () => {
    await server.update('update add alone.example.dev. 60 A 192.0.2.1');
    declare({ services: { photos: 'photos.example.dev', files: 'files.example.dev' } });
    await ok();
    expect(await server.records('files.example.dev', 'A')).toEqual(['203.0.113.7']);
    declare({});
    expect(await ok('--diff')).toContain('files.example.dev.');
    expect(await server.records('files.example.dev', 'A')).toEqual([]);
    expect(await server.records('files.example.dev', 'AAAA')).toEqual([]);
    expect(await server.records('alone.example.dev', 'A')).toEqual(['192.0.2.1']);
    expect(await server.records('theirs.example.dev', 'TXT')).toEqual(['"not ours"']);
  });

  it('shows what somebody else has at a declared name, before it takes it over', async () => {
    await server.update('update add blog.example.dev. 60 A 192.0.2.1', 'update add blog.example.dev. 60 TXT theirs');
    declare({ services: { photos: 'photos.example.dev', blog: 'blog.example.dev' } });
    const { stdout } = await run('--check', '--diff');
    expect(stdout).toContain('blog.example.dev. A 192.0.2.1 for 60 s → 203.0.113.7 for 300 s');
    await ok();
    expect(await server.records('blog.example.dev', 'A')).toEqual(['203.0.113.7']);
    declare({});
    await ok();
    expect(await server.records('blog.example.dev', 'A')).toEqual([]);
    expect(await server.records('blog.example.dev', 'TXT')).toEqual(['"theirs"']);
  });

  it('does not take the answer of a wildcard for a record', async () => {
    await server.update('update add *.example.dev. 300 A 203.0.113.7');
    declare({ services: { photos: 'photos.example.dev', wild: 'wild.example.dev' } });
    const { stdout } = await run('--check', '--diff');
    expect(stdout).toContain('wild.example.dev. A 203.0.113.7');
    await ok();
    await server.update('update delete *.example.dev. A');
    expect(await server.records('wild.example.dev', 'A')).toEqual(['203.0.113.7']);
    declare({});
    await ok();
  });

  it('refuses a CNAME of somebody else at a declared name', async () => {
    await server.update('update add cdn.example.dev. 60 CNAME elsewhere.example.');
    declare({ services: { photos: 'photos.example.dev', cdn: 'cdn.example.dev' } });
    const { exitCode, stdout } = await run();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('somebody else made') });
    declare({});
  });

  it('applies a saved plan, and not when a record was changed since', async () => {
    declare({ services: { photos: 'photos.example.dev', shop: 'shop.example.dev' } });
    expect(await lab('plan', 'site', '--limit', 'vps', '-o', 'saved.json')).toMatchObject({ exitCode: 2 });
    await server.update('update add shop.example.dev. 60 A 192.0.2.66');
    const outcome = await lab('apply', 'saved.json');
    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(outcome.stdout + outcome.stderr).toContain('PLAN_DRIFTED');
    expect(await server.records('shop.example.dev', 'A')).toEqual(['192.0.2.66']);
    await server.update('update delete shop.example.dev. A');
    expect(await lab('plan', 'site', '--limit', 'vps', '-o', 'again.json')).toMatchObject({ exitCode: 2 });
    // What somebody does elsewhere in the zone is no matter of this plan.
    await server.update('update add elsewhere.example.dev. 60 A 192.0.2.1');
    expect(await lab('apply', 'again.json')).toMatchObject({ exitCode: 0 });
    expect(await server.records('shop.example.dev', 'A')).toEqual(['203.0.113.7']);
  });

  it('changes nothing when the zone is changed between the reading and the message', async () => {
    const words = [
      'example.dev',
      '/var/lib/lab-dns/example.dev.owned',
      '/etc/lab/dns/example.dev.key',
      server.address,
      '53',
    ];
    const send = (verb: string, ...lines: string[]) =>
      vps.exec(['sh', '-c', program, 'lab-dns', verb, ...words], lines.join('\n'));
    const lines = [
      '- race.example.dev. 60 A 192.0.2.1',
      '+ race.example.dev. 60 A 192.0.2.2',
      '+ race2.example.dev. 60 A 192.0.2.2',
    ];
    await server.update('update add race.example.dev. 60 A 192.0.2.66');
    const { exitCode, stderr } = await send('push', ...lines);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('192.0.2.66') });
    expect(stderr).toContain('somebody else changed it, and this was not taken');
    expect(await server.records('race2.example.dev', 'A')).toEqual([]);
    // What is done already is no change of somebody else.
    await server.update('update delete race.example.dev. A', 'update add race.example.dev. 60 A 192.0.2.2');
    expect(await send('push', ...lines)).toMatchObject({ exitCode: 0 });
    expect(await send('push', ...lines)).toMatchObject({ exitCode: 0 });
    expect(await server.records('race2.example.dev', 'A')).toEqual(['192.0.2.2']);
    await server.update('update delete race.example.dev.', 'update delete race2.example.dev.');
  });

  it('publishes more than one message holds, and takes it back', async () => {
    const names = Array.from({ length: 900 }, (_, index) => `service-number-${index}.example.dev.`);
    const words = ['example.dev', '/root/none', '/etc/lab/dns/example.dev.key', server.address, '53'];
    const send = (verb: string, sign: string) =>
      vps.exec(
        ['sh', '-c', program, 'lab-dns', verb, ...words],
        names
          .flatMap((name) => [`${sign} ${name} 300 A 203.0.113.7`, `${sign} ${name} 300 AAAA 2001:db8::7`])
          .join('\n'),
      );
    expect(await send('push', '+')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await server.records('service-number-899.example.dev', 'AAAA')).toEqual(['2001:db8::7']);
    expect(await send('back', '-')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await server.records('service-number-0.example.dev', 'A')).toEqual([]);
    expect(await server.records('service-number-899.example.dev', 'AAAA')).toEqual([]);
  });

  it('is taken back by a rollback, and that by another', async () => {
    declare({ services: { photos: 'photos.example.dev', back: 'back.example.dev' } });
    await ok();
    const rollback = async (...argv: string[]) => {
      const outcome = await lab('rollback', ...argv, '--limit', 'vps', '--output', 'json');
      expect(outcome).toMatchObject({ exitCode: 0 });
      return /"run":"([^"]+)"/.exec(outcome.stdout)?.[1] ?? '';
    };
    const undo = await rollback('dns');
    expect(await server.records('back.example.dev', 'A')).toEqual([]);
    expect(await server.records('shop.example.dev', 'A')).toEqual(['203.0.113.7']);
    expect(await vps.sh('cat /var/lib/lab-dns/example.dev.owned')).toContain('shop.example.dev.');
    await rollback('--run', undo);
    expect(await server.records('back.example.dev', 'A')).toEqual(['203.0.113.7']);
    expect(await ok()).toMatch(/0 changed/);
    // What somebody changed since is not overwritten.
    await server.update('update delete back.example.dev. A', 'update add back.example.dev. 60 A 192.0.2.66');
    const { exitCode, stdout, stderr } = await lab('rollback', 'dns', '--limit', 'vps');
    expect({ exitCode, told: stdout + stderr }).toMatchObject({
      exitCode: 1,
      told: expect.stringContaining('192.0.2.66'),
    });
    expect(await server.records('back.example.dev', 'A')).toEqual(['192.0.2.66']);
    await ok();
    declare({});
    await ok();
  });

  it('refuses a mass change but for the word', async () => {
    const many = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`s${index}`, `s${index}.example.dev`]));
    declare({ services: { photos: 'photos.example.dev', ...many } });
    await ok();
    declare({});
    const { exitCode, stdout } = await run();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('mass change') });
    expect(await server.records('s3.example.dev', 'A')).toEqual(['203.0.113.7']);
    declare({ zone: 'massChange: true' });
    await ok();
    expect(await server.records('s3.example.dev', 'A')).toEqual([]);
  });

  it('says what is wrong: another secret, another key, no server, a zone of somebody else', async () => {
    const failing = async (changed: string, env = { TSIG: server.secret }) => {
      project.write('inventory/index.ts', inventory({ provider: changed }));
      // What runs before the records are read: the key of this very run.
      const { exitCode, stdout } = await project.lab(['run', 'site', '--limit', 'vps', '--output', 'plain'], { env });
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 1 });
      expect(stdout).not.toContain(server.secret);
      return stdout;
    };
    expect(await failing(provider(), { TSIG: 'd3JvbmctZG5zLXRlc3Qtc2VjcmV0LTAxMjM0NTY3ODk=' })).toContain(
      'another secret for the key',
    );
    expect(await failing(provider().replace("'lab'", "'labb'"))).toContain('does not know the key');
    expect(await failing(provider().replace('key:', 'port: 5399, key:'))).toContain('does not answer');
    declare({});
    await ok();
  });

  it.skipIf(software !== 'Knot')('says that clocks are too far apart', async () => {
    const preload = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
    await server.host.sh(`systemctl stop knot; mkdir -p /run/knot; chown knot: /run/knot
      systemd-run -q --unit=skewed env LD_PRELOAD=${preload} FAKETIME=+2h FAKETIME_DONT_FAKE_MONOTONIC=1 /usr/sbin/knotd
      for i in $(seq 50); do dig @127.0.0.1 +time=1 +tries=1 example.dev SOA | grep -q NOERROR && break; sleep 0.2; done`);
    const { exitCode, stdout } = await run();
    await server.host.sh('systemctl stop skewed; systemctl start knot');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('too far apart') });
    expect(await ok()).toMatch(/0 changed/);
  });

  it('asks every name server after a change, and tells of one that does not follow', async () => {
    await server.update(
      'update add example.dev. 300 NS ns2.example.dev.',
      `update add ns2.example.dev. 300 A ${vps.address}`,
    );
    declare({ zone: 'agreeSeconds: 2', services: { photos: 'photos.example.dev', lag: 'lag.example.dev' } });
    const { exitCode, stdout } = await run();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('ns2.example.dev.') });
    expect(stdout).toContain('not every name server of example.dev says what was published');
    expect(await server.records('lag.example.dev', 'A')).toEqual(['203.0.113.7']);
    // Asked again until they do.
    expect(await run()).toMatchObject({ exitCode: 1 });
    await server.update('update delete example.dev. NS ns2.example.dev.', 'update delete ns2.example.dev. A');
    await ok();
    expect(await ok()).toMatch(/0 changed/);
    declare({});
    await ok();
  });

  it('has the secret in no argument, journal or output', async () => {
    // What the journal keeps of a file that was replaced is the way back.
    const words = ['--exclude=saved.*', server.secret, '/var/lib/lab', '/var/log', '/etc/lab'];
    const { stdout } = await vps.exec(['grep', '-rlF', ...words]);
    expect(stdout.trim()).toBe('/etc/lab/dns/example.dev.key');
    expect(await vps.sh('stat -c %a:%U /etc/lab/dns/example.dev.key')).toBe('600:root\n');
  });

  it('takes all of it away with the zone: --prune', async () => {
    project.write('inventory/index.ts', inventory({ provider: provider() }).replace(/params: \{ dns.*\n/, ''));
    const { exitCode, stdout } = await lab('run', 'site', '--limit', 'vps', '--prune', '--output', 'plain');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(await server.records('photos.example.dev', 'A')).toEqual([]);
    expect(await server.records('theirs.example.dev', 'TXT')).toEqual(['"not ours"']);
    await vps.sh('test ! -e /etc/lab/dns && test ! -e /var/lib/lab-dns');
  });
});

describe('a server of its own', () => {
  let server: StartedHost;
  let client: StartedHost;
  let project: LabProject;
  const declared = (services: readonly string[]) => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${server.identityFile}' },
  networks: { public: { prefixes: '172.16.0.0/12', public: true } },
  hosts: {
    vps: {
      addresses: { public: '${server.address}' },
      params: { dns: { zones: { 'example.dev': { provider: { type: 'authoritative' } } } } },
    },
  },
  services: {
${services.map((name) => `    ${name}: { host: 'vps', port: 80, public: '${name}.example.dev' },`).join('\n')}
  },
});
`;
  const run = (...more: string[]) => project.lab(['run', 'site', '--output', 'plain', ...more]);
  const ok = async () => {
    const outcome = await run();
    expect(outcome).toMatchObject({ exitCode: 0 });
    return outcome.stdout;
  };
  /** As a stranger asks. */
  const dig = (...words: string[]) => client.sh(`dig @${server.address} ${words.join(' ')}`);

  beforeAll(async () => {
    [server, client] = await Promise.all([
      startHost(),
      startHost({ packages: ['bind9-dnsutils', 'bind9', 'knot', 'knot-dnsutils', 'curl', 'jq', 'libfaketime'] }),
    ]);
    project = labProject({
      'inventory/index.ts': declared(['photos']),
      'inventory/lab.lock.yml': lockFile({ vps: server }),
      'playbooks/site.ts': playbook,
    });
  }, 240_000);
  afterAll(async () => {
    project?.remove();
    await Promise.all([server?.remove(), client?.remove()]);
  });

  it('is set up, signs, and answers with what is published', async () => {
    await ok();
    expect(await dig('+short photos.example.dev A')).toBe(`${server.address}\n`);
    expect(await dig('+short example.dev NS')).toBe('ns1.example.dev.\n');
    expect(await dig('+short ns1.example.dev A')).toBe(`${server.address}\n`);
    expect(await ok()).toMatch(/0 changed/);
  }, 180_000);

  it('has signatures that a validating resolver believes, for names that are missing too', async () => {
    const ds = (await server.sh('cat /etc/lab/dns/example.dev.ds')).trim();
    const [, tag, algorithm, , digest] = /DS (\d+) (\d+) (\d+) (\S+)/.exec(ds) ?? [];
    expect({ ds, algorithm }).toMatchObject({ algorithm: '13' });
    await client.exec(
      ['sh', '-c', 'cat >/root/anchors'],
      `trust-anchors { example.dev. static-ds ${tag} ${algorithm} 2 "${digest}"; };\n`,
    );
    const delv = (...words: string[]) =>
      client.sh(`delv @${server.address} -a /root/anchors +root=example.dev ${words.join(' ')} 2>&1 || true`);
    expect(await delv('photos.example.dev A')).toContain('; fully validated');
    expect(await delv('missing.example.dev A')).toContain('; negative response, fully validated');
  });

  it('answers nothing else: no recursion, no transfer, no version, no updates from outside', async () => {
    expect(await dig('+recurse other.example A')).toMatch(/status: REFUSED/);
    expect(await dig('photos.example.dev A')).not.toMatch(/flags:[^;]* ra/);
    expect(await dig('example.dev AXFR')).toMatch(/Transfer failed/);
    expect(await dig('+short version.bind CH TXT')).not.toMatch(/Knot/i);
    expect(await dig('+short id.server CH TXT')).not.toMatch(/testhost/);
    const key = await server.sh('cat /etc/lab/dns/local.key');
    await client.exec(['sh', '-c', 'cat >/root/stolen.key'], key);
    const update = `server ${server.address}\nzone example.dev\nupdate add evil.example.dev. 60 A 192.0.2.1\nsend\n`;
    const { exitCode } = await client.exec(['nsupdate', '-k', '/root/stolen.key'], update);
    expect(exitCode).not.toBe(0);
    expect(await dig('+short evil.example.dev A')).toBe('');
    // The key of the server is in no folder of others, and no one else listens.
    expect(await server.sh('stat -c "%a %U:%G" /etc/lab/dns/local.key /etc/knot/lab-key.conf')).toBe(
      '600 root:root\n640 root:knot\n',
    );
  });

  it('keeps what was published over a reload and a new start, and follows changes', async () => {
    project.write('inventory/index.ts', declared(['photos', 'files']));
    await ok();
    await server.sh('knotc -b reload; systemctl restart knot');
    expect(await dig('+short files.example.dev A')).toBe(`${server.address}\n`);
    project.write('inventory/index.ts', declared(['photos']));
    await ok();
    await server.sh('systemctl restart knot');
    expect(await dig('files.example.dev A')).toMatch(/status: NXDOMAIN/);
    expect(await ok()).toMatch(/0 changed/);
  });

  it('limits what one network of strangers gets', async () => {
    await server.sh("sed -i 's/rate-limit: .*/rate-limit: 5/' /etc/knot/knot.conf; knotc -b reload");
    const answers = await client.sh(
      `for i in $(seq 60); do echo "photos.example.dev A"; done >/root/many
       dig @${server.address} +tries=1 +time=1 +ignore +noall +comments -f /root/many | grep -c 'flags: qr aa tc' || true`,
    );
    expect(Number(answers)).toBeGreaterThan(0);
    // Somebody's own setting is brought back.
    expect(await ok()).toMatch(/1 changed/);
  });

  it('tells who else has its port', async () => {
    await server.sh(
      `systemctl stop knot; sed -i 's/^    listen:.*/    listen: [ "127.0.0.1@10053" ]/' /etc/knot/knot.conf`,
    );
    await server.sh(
      `systemd-run -q --unit=other perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => "${server.address}", LocalPort => 53, Proto => "tcp", Listen => 5) or die; sleep 1000'; sleep 1`,
    );
    const { exitCode, stdout } = await run();
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('another DNS server on port 53'),
    });
    await server.sh('systemctl stop other; systemctl reset-failed knot; systemctl start knot');
    await ok();
    expect(await dig('+short photos.example.dev A')).toBe(`${server.address}\n`);
  });

  it('is taken back by a rollback', async () => {
    const outcome = await project.lab(['rollback', 'dns', '--steps', '20']);
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(await server.sh('test -e /etc/lab/dns || echo gone; test -e /usr/sbin/knotd || echo gone')).toBe(
      'gone\ngone\n',
    );
  });
});

describe('by the API of Cloudflare', () => {
  let api: FakeCloudflare;
  let project: LabProject;
  const provider = (more = '') =>
    `{ type: 'cloudflare', token: secret.fromEnvironment('TOKEN'), api: '${api.url}', ca: ${JSON.stringify(api.ca)}, ${more} }`;
  const lab = (...argv: string[]) => project.lab(argv, { env: { TOKEN: api.token } });
  const run = (...more: string[]) => lab('run', 'site', '--limit', 'vps', '--output', 'plain', ...more);
  const ok = async (...more: string[]) => {
    const outcome = await run(...more);
    expect(outcome).toMatchObject({ exitCode: 0 });
    return outcome.stdout;
  };
  // Nobody in the world serves this zone: its name servers are not asked.
  const declare = ({ zone = '', ...more }: Omit<Declared, 'provider'>) =>
    project.write('inventory/index.ts', inventory({ provider: provider(), zone: `agreeSeconds: 0, ${zone}`, ...more }));

  beforeAll(async () => {
    api = await FakeCloudflare.start(vps.address.replace(/\.\d+$/, '.1'));
    api.add({ name: 'theirs.example.dev', type: 'TXT', ttl: 1, content: '"not ours"' });
    for (let index = 0; index < 7; index++)
      api.add({ name: `their${index}.example.dev`, type: 'A', ttl: 1, content: `192.0.2.${index}`, proxied: true });
    project = projectWith({ provider: provider(), zone: 'agreeSeconds: 0' });
  }, 240_000);
  afterAll(async () => {
    project?.remove();
    await api?.[Symbol.asyncDispose]();
  });

  it('publishes every type, changes nothing the second time, and leaves those of others', async () => {
    declare({ zone: everyType });
    await ok();
    expect(api.of('photos.example.dev')).toEqual(['A 203.0.113.7', 'AAAA 2001:db8::7']);
    expect(api.of('example.dev')).toContain('MX 10 mail.example.dev');
    expect(api.of('_sip._tcp.example.dev')).toEqual([
      'SRV {"priority":0,"weight":5,"port":5060,"target":"photos.example.dev"}',
    ]);
    expect(api.of('example.dev')).toContain('CAA {"flags":0,"tag":"issuewild","value":";"}');
    const second = await ok();
    expect(second).toMatch(/0 changed/);
    declare({ zone: 'massChange: true' });
    await ok();
    expect(api.of('www.example.dev')).toEqual([]);
    expect(api.of('theirs.example.dev')).toEqual(['TXT "not ours"']);
    expect(api.records.size).toBe(10);
  });

  it('takes over what is there, shows that Cloudflare stood before it, and gives it back', async () => {
    declare({ services: { photos: 'photos.example.dev', their: 'their3.example.dev' } });
    const { stdout } = await run('--check', '--diff');
    expect(stdout).toContain('their3.example.dev. A 192.0.2.3 proxied for 1 s → 203.0.113.7 for 300 s');
    await ok();
    expect(api.of('their3.example.dev')).toEqual(['A 203.0.113.7', 'AAAA 2001:db8::7']);
    expect(await lab('rollback', 'dns', '--limit', 'vps')).toMatchObject({ exitCode: 0 });
    const [before] = [...api.records.values()].filter(({ name }) => name === 'their3.example.dev');
    expect(before).toMatchObject({ content: '192.0.2.3', proxied: true, ttl: 1 });
    declare({});
    await ok();
  });

  it('waits when it is told to, asks again after an error, and finds that a call without an answer was taken', async () => {
    api.faults = [
      { method: 'GET', status: 429, headers: { 'retry-after': '1' } },
      { method: 'GET', status: 503 },
      { method: 'POST', status: 429, headers: { 'retry-after': '1' } },
      { method: 'POST', status: 500 },
      { method: 'POST', status: 0, after: 'all' },
    ];
    declare({ services: { photos: 'photos.example.dev', slow: 'slow.example.dev' } });
    await ok();
    expect(api.faults).toEqual([]);
    expect(api.of('slow.example.dev')).toEqual(['A 203.0.113.7', 'AAAA 2001:db8::7']);
  });

  it('goes on with what was half done, by itself and in the next run', async () => {
    api.remove('slow.example.dev');
    api.add({ name: 'slow.example.dev', type: 'A', ttl: 300, content: '192.0.2.9' });
    api.faults = [{ method: 'POST', status: 500, after: 'deletes' }];
    await ok();
    expect(api.of('slow.example.dev')).toEqual(['A 203.0.113.7', 'AAAA 2001:db8::7']);
    // Nothing works any more after the first half: the run takes back what it can, and says so.
    api.remove('slow.example.dev');
    api.add({ name: 'slow.example.dev', type: 'A', ttl: 300, content: '192.0.2.9' });
    const bad = { method: 'POST', status: 500 } as const;
    api.faults = [{ ...bad, after: 'deletes' }, { ...bad }, { ...bad }, { ...bad }];
    const outcome = await run();
    expect(outcome).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('a problem of its own (500)') });
    expect(api.of('slow.example.dev')).toEqual(['A 192.0.2.9']);
    await ok();
    expect(api.of('slow.example.dev')).toEqual(['A 203.0.113.7', 'AAAA 2001:db8::7']);
  });

  it('says what is wrong: a token, an outage, too many requests, an answer that is none, a zone of others', async () => {
    const failing = async (fault?: Fault, times = 1) => {
      api.faults = fault === undefined ? [] : Array.from({ length: times }, () => ({ ...fault }));
      const { exitCode, stdout } = await run();
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 1 });
      expect(stdout).not.toContain(api.token);
      return stdout;
    };
    expect(await failing({ method: 'GET', status: 429, headers: { 'retry-after': '900' } })).toContain(
      'for 900 seconds',
    );
    expect(await failing({ method: 'GET', status: 502, body: '<html>bad gateway</html>' }, 4)).toContain(
      'problem of its own (502)',
    );
    expect(await failing({ method: 'GET', status: 200, body: '<html>welcome</html>' })).toContain(
      'no answer of Cloudflare',
    );
    expect(await failing({ method: 'GET', status: 403 })).toContain('does not let this token in (403)');
    api.faults = [];
    const wrong = await project.lab(['run', 'site', '--limit', 'vps', '--output', 'plain'], {
      env: { TOKEN: 'no-such-token-at-all' },
    });
    expect(wrong.stdout).toContain('Authentication error (10000)');
    project.write('inventory/index.ts', inventory({ provider: provider().replace(/ca: "[^"]*",/, '') }));
    expect(await failing()).toMatch(/certificate/);
    project.write('inventory/index.ts', inventory({ provider: provider().replace(/:(\d+)\/client/, ':1/client') }));
    expect(await failing()).toContain('does not answer');
    declare({});
    await ok();
  });

  it('has the token in no argument, journal or output', async () => {
    const words = ['--exclude=saved.*', api.token, '/var/lib/lab', '/var/log', '/etc/lab'];
    const { stdout } = await vps.exec(['grep', '-rlF', ...words]);
    expect(stdout.trim()).toBe('/etc/lab/dns/example.dev.curl');
    await lab('rollback', 'dns', '--limit', 'vps', '--steps', '50');
  });
});

describe('as a zone file', () => {
  let server: NameServer;
  let project: LabProject;
  const path = '/var/cache/bind/example.dev.zone';
  const declared = (records: string, reload = "reload: ['rndc', 'reload', 'example.dev']") =>
    inventory({
      provider: `{ type: 'file', path: '${path}', nameservers: ['ns1.example.dev.'], ${reload} }`,
      zone: `records: [{ name: 'ns1', type: 'A', value: '203.0.113.7' }, ${records}]`,
    }).replace(vps.address, server.address);
  const run = (...more: string[]) => project.lab(['run', 'site', '--limit', 'vps', '--output', 'plain', ...more]);
  const serial = async () => Number((await server.records('example.dev', 'SOA'))[0]?.split(' ')[2]);
  const today = () => Number(`${new Date().toISOString().slice(0, 10).replaceAll('-', '')}00`);

  beforeAll(async () => {
    server = await startBind();
    await server.host.sh("sed -i 's/allow-update { key lab; };//' /etc/bind/named.conf; rndc reconfig");
    project = labProject({
      'inventory/index.ts': declared(''),
      'inventory/lab.lock.yml': lockFile({ vps: server.host }),
      'playbooks/site.ts': playbook,
    });
  }, 240_000);
  afterAll(async () => {
    project?.remove();
    await server?.[Symbol.asyncDispose]();
  });

  it('is read by BIND, with a serial that counts up when something changes, and only then', async () => {
    expect(await run()).toMatchObject({ exitCode: 0 });
    await expect.poll(() => server.records('photos.example.dev', 'A')).toEqual(['203.0.113.7']);
    const first = await serial();
    expect(first).toBe(today() + 1);
    expect((await run()).stdout).toMatch(/0 changed/);
    expect(await serial()).toBe(first);
    project.write('inventory/index.ts', declared("{ name: 'long', type: 'TXT', value: 'x'.repeat(600) + ' \"q\" ä' }"));
    expect(await run()).toMatchObject({ exitCode: 0 });
    await expect.poll(serial).toBe(first + 1);
    expect((await server.records('long.example.dev', 'TXT'))[0]).toMatch(
      /^"x{255}" "x{255}" "x{90} \\"q\\" \\195\\164"$/,
    );
    expect(await project.lab(['rollback', 'dns', '--limit', 'vps'])).toMatchObject({ exitCode: 0 });
    await expect.poll(serial).toBe(first + 2);
    expect(await server.records('long.example.dev', 'TXT')).toEqual([]);
  });

  it('is not put in place when a checker has something against it', async () => {
    project.write(
      'inventory/index.ts',
      declared("{ name: 'sub', type: 'NS', value: 'ns.sub' }, { name: '@', type: 'MX', value: '10 gone' }").replace(
        "'ns.sub'",
        "'ns'",
      ),
    );
    const before = await server.host.sh(`cat ${path}`);
    await server.host.sh(
      "printf '#!/bin/sh\\necho bad zone; exit 1\\n' >/usr/local/bin/named-checkzone; chmod +x /usr/local/bin/named-checkzone",
    );
    const { exitCode, stdout } = await run();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('bad zone') });
    expect(await server.host.sh(`cat ${path}; ls ${path}*`)).toBe(`${before}${path}\n`);
    await server.host.sh('rm /usr/local/bin/named-checkzone');
  });
});
