import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describe, expect, test, vi } from 'vitest';
import { register } from '../../../src/cli/inventory.ts';

const homelab = fileURLToPath(new URL('./fixtures/homelab.yml', import.meta.url));

async function lab(...argv: string[]): Promise<string> {
  const program = new Command('lab').exitOverride();
  register(program);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    await program.parseAsync(['inventory', ...argv], { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return printed;
}

describe('lab inventory', () => {
  test('lists every kind in aligned tables', async () => {
    const text = await lab('-i', homelab);
    expect(text).toMatch(/^HOST {3}CONNECT {10}GROUPS {11}ADDRESSES$/m);
    expect(text).toMatch(
      /^nas {4}root@10\.77\.1\.10 {2}storage indoors {2}home 10\.77\.1\.10, vpn 10\.80\.0\.10 fd80::10$/m,
    );
    expect(text).toMatch(/^indoors {2}storage cluster {2}nas node1 node2$/m);
    expect(text).toMatch(/^phone {3}ada {4}vpn 10\.80\.0\.2 fd80::2 \(assigned\)$/m);
    expect(text).toMatch(/^photos {3}nas {4}2342\/tcp {2}http {2}photos\.example\.dev via vps {2}photos\.home\.arpa$/m);
    expect(text).toMatch(/^all {9}internet {14}53,123\/udp {17}names and time$/m);
    expect(text).not.toMatch(/[ \t]$/m);
  });

  test('leaves out what is not declared', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'lab-inventory-')), 'inventory.yml');
    await writeFile(file, 'hosts: { nas: { address: nas.example } }\n');
    expect(await lab('-i', file)).toBe('HOST  CONNECT\nnas   nas.example\n');
  });

  test('draws groups, hosts, services and flows', async () => {
    const text = await lab('-i', homelab, '--graph');
    expect(text).toContain(`└─ indoors
   ├─ storage
   │  └─ nas  root@10.77.1.10
   │     ├─ photos  2342/tcp  photos.example.dev via vps  photos.home.arpa
   │     └─ files  445/tcp  files.home.arpa
   └─ cluster
`);
    expect(text).toMatch(/grafana {5}→ {2}metrics/);
  });

  test('draws a flowchart in which every end of an arrow is a node', async () => {
    const text = await lab('-i', homelab, '--graph=mermaid');
    expect(text).toMatch(/^flowchart LR\n/);
    const nodes = new Set([...text.matchAll(/^ +(?:subgraph )?(n\d+)[[(]/gm)].map((match) => match[1]));
    const arrows = [...text.matchAll(/^ +(n\d+) -->\|"[^"]+"\| (n\d+)$/gm)];
    expect(arrows.length).toBeGreaterThan(10);
    for (const [, from, to] of arrows) expect([nodes.has(from), nodes.has(to)]).toEqual([true, true]);
    expect(text.match(/subgraph/g)?.length).toBe(text.match(/^ +end$/gm)?.length);
  });

  test('explains a host: every value, and where it was declared', async () => {
    const text = await lab('-i', homelab, '--host', 'vps');
    expect(text).toMatch(/^base\.timezone +Etc\/UTC +group gateway {2}\S+homelab\.yml:\d+:9$/m);
    expect(text).toMatch(/^user +root +all +\S+homelab\.yml:4:3$/m);
    expect(text).toMatch(/^become +none +default$/m);
  });

  test('shows no secret, and opens none', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'lab-inventory-')), 'inventory.yml');
    const secrets =
      '{ address: nas, ssh: { password: !secret nas.ssh }, params: { r: { token: !secret nas.token, list: [ !secret x ] } } }';
    await writeFile(file, `hosts:\n  nas: ${secrets}\n`);
    const text = await lab('-i', file, '--host', 'all');
    expect(text).toMatch(/^password +‹secret›/m);
    expect(text).toMatch(/^r\.token +‹secret›/m);
    expect(text).toMatch(/^r\.list +\["‹secret›"\]/m);
  });

  test('shows where else a host may answer', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'lab-inventory-')), 'inventory.yml');
    const fallback = '[{ port: 22, user: root }, { password: !secret nas.old }]';
    await writeFile(file, `hosts:\n  nas:\n    address: nas\n    ssh:\n      fallback: ${fallback}\n`);
    expect(await lab('-i', file, '--host', 'nas')).toMatch(
      /^fallback +\[\{"become":"none","port":22,"user":"root"\},\{"password":"‹secret›"\}\] +host nas +\S+:5:7$/m,
    );
    const { hosts } = JSON.parse(await lab('-i', file, '--host', 'nas', '--output', 'json'));
    expect(hosts[0].connection).toContainEqual({
      name: 'fallback',
      value: [{ become: 'none', port: 22, user: 'root' }, { password: '‹secret›' }],
      from: { level: 'host', name: 'nas', at: { file, line: 5, column: 7 } },
    });
  });

  test('gives JSON of both', async () => {
    const all = JSON.parse(await lab('-i', homelab, '--output', 'json'));
    expect(all).toMatchObject({ version: 1, file: homelab, devices: [{ name: 'phone', owner: 'ada' }] });
    expect(all.devices[0]).toMatchObject({ addresses: { vpn: ['10.80.0.2', 'fd80::2'] }, assigned: ['vpn'] });
    expect(all.hosts[1]).toMatchObject({
      name: 'nas',
      addresses: { home: ['10.77.1.10'] },
      params: { base: { timezone: 'Europe/Berlin' }, dns: { resolvers: ['nas', 'node1'] } },
    });
    const { hosts } = JSON.parse(await lab('-i', homelab, '--host', 'vps,nas', '--output', 'json'));
    expect(hosts.map((host: { name: string }) => host.name)).toEqual(['vps', 'nas']);
    expect(hosts[0].params).toContainEqual({
      name: 'base.timezone',
      value: 'Etc/UTC',
      from: { level: 'group', name: 'gateway', at: { file: homelab, line: expect.any(Number), column: 9 } },
    });
  });

  test('refuses an unknown host, and a graph of one host', async () => {
    await expect(lab('-i', homelab, '--host', 'nass')).rejects.toMatchObject({ code: 'HOST_PATTERN' });
    await expect(lab('-i', homelab, '--graph', '--host', 'nas')).rejects.toMatchObject({
      code: 'commander.conflictingOption',
    });
  });
});
