import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FakeCloudflare, type Fault } from '../../support/cloudflare.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import type { LabProject } from '../../support/lab-project.ts';
import { type Declared, everyType, inventoryOf, projectWith } from '../../support/publishing.ts';

vi.setConfig({ testTimeout: 180_000 });

let vps: StartedHost;
beforeAll(async () => {
  vps = await startHost();
}, 240_000);
afterAll(() => vps?.remove());

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
    project.write(
      'inventory/index.ts',
      inventoryOf(vps, { provider: provider(), zone: `agreeSeconds: 0, ${zone}`, ...more }),
    );

  beforeAll(async () => {
    api = await FakeCloudflare.start(vps.address.replace(/\.\d+$/, '.1'));
    api.add({ name: 'theirs.example.dev', type: 'TXT', ttl: 1, content: '"not ours"' });
    for (let index = 0; index < 7; index++)
      api.add({ name: `their${index}.example.dev`, type: 'A', ttl: 1, content: `192.0.2.${index}`, proxied: true });
    project = projectWith(vps, { provider: provider(), zone: 'agreeSeconds: 0' });
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
    project.write('inventory/index.ts', inventoryOf(vps, { provider: provider().replace(/ca: "[^"]*",/, '') }));
    expect(await failing()).toMatch(/certificate/);
    project.write(
      'inventory/index.ts',
      inventoryOf(vps, { provider: provider().replace(/:(\d+)\/client/, ':1/client') }),
    );
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
