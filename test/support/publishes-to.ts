import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readRoleFile } from '../../src/shared/own-package.ts';
import { type StartedHost, startHost } from './host.ts';
import type { LabProject } from './lab-project.ts';
import type { NameServer } from './name-server.ts';
import { type Declared, everyType, inventoryOf, projectWith } from './publishing.ts';

const program = readRoleFile('dns/public/rfc2136.sh');

/** What must hold with every server that takes updates (RFC 2136); what it says is asked from outside. */
export function publishesTo(software: string, start: () => Promise<NameServer>): void {
  vi.setConfig({ testTimeout: 180_000 });
  describe(`by RFC 2136, with ${software}`, () => {
    let vps: StartedHost;
    let server: NameServer;
    let project: LabProject;
    const provider = () =>
      `{ type: 'rfc2136', server: '${server.address}', key: { name: 'lab', secret: secret.fromEnvironment('TSIG') } }`;
    const lab = (...argv: string[]) => project.lab(argv, { env: { TSIG: server.secret } });
    const run = (...more: string[]) => lab('run', 'site', '--limit', 'vps', '--output', 'plain', ...more);
    const declare = (declared: Omit<Declared, 'provider'>) =>
      project.write('inventory/index.ts', inventoryOf(vps, { provider: provider(), ...declared }));
    beforeAll(async () => {
      [vps, server] = await Promise.all([startHost(), start()]);
      project = projectWith(vps, { provider: provider() });
    }, 240_000);
    afterAll(async () => {
      project?.remove();
      await Promise.all([vps?.remove(), server?.[Symbol.asyncDispose]()]);
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
      expect({ exitCode, stdout }).toMatchObject({
        exitCode: 1,
        stdout: expect.stringContaining('somebody else made'),
      });
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
        project.write('inventory/index.ts', inventoryOf(vps, { provider: changed }));
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
      project.write('inventory/index.ts', inventoryOf(vps, { provider: provider() }).replace(/params: \{ dns.*\n/, ''));
      const { exitCode, stdout } = await lab('run', 'site', '--limit', 'vps', '--prune', '--output', 'plain');
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
      expect(await server.records('photos.example.dev', 'A')).toEqual([]);
      expect(await server.records('theirs.example.dev', 'TXT')).toEqual(['"not ours"']);
      await vps.sh('test ! -e /etc/lab/dns && test ! -e /var/lib/lab-dns');
    });
  });
}
