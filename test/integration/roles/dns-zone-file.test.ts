import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';
import { type NameServer, startBind } from '../../support/name-server.ts';
import { inventoryOf, playbook } from '../../support/publishing.ts';

describe('as a zone file', () => {
  let server: NameServer;
  let project: LabProject;
  const path = '/var/cache/bind/example.dev.zone';
  const declared = (records: string, reload = "reload: ['rndc', 'reload', 'example.dev']") =>
    inventoryOf(server.host, {
      provider: `{ type: 'file', path: '${path}', nameservers: ['ns1.example.dev.'], ${reload} }`,
      zone: `records: [{ name: 'ns1', type: 'A', value: '203.0.113.7' }, ${records}]`,
    });
  const run = (...more: string[]) => project.lab(['run', 'site', '--limit', 'vps', '--output', 'plain', ...more]);
  const serial = async () => Number((await server.records('example.dev', 'SOA'))[0]?.split(' ')[2]);
  const today = () => Number(`${new Date().toISOString().slice(0, 10).replaceAll('-', '')}00`);

  beforeAll(async () => {
    server = await startBind();
    await server.host.sh("sed -i 's/allow-update { key lab; };//' /etc/bind/named.conf; rndc reconfig");
    project = roleProject({
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
