import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';
import { playbook } from '../../support/publishing.ts';

vi.setConfig({ testTimeout: 180_000 });

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
    project = roleProject({
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

  it('is found from outside as it is declared, and told where it is not', async () => {
    const right = await project.lab(['verify', 'dns']);
    expect(right).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^example.dev +\S+ +2 of 2$/m) });
    project.write('inventory/index.ts', declared(['photos', 'wiki']));
    expect(await project.lab(['verify', 'dns'])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('the world is told nothing for wiki.example.dev A, declared is'),
    });
    project.write('inventory/index.ts', declared(['photos']));
    await server.sh('systemctl stop knot');
    expect(await project.lab(['verify', 'dns'])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('silent: nobody answers for photos.example.dev A at'),
    });
    await server.sh('systemctl start knot');
  });

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
