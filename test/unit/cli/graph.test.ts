import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { readXml } from '../../support/xml.ts';

const jiti = fileURLToPath(new URL('../../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const cli = fileURLToPath(new URL('../../support/run-cli.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'labwright-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

writeFileSync(
  join(folder, 'inventory.yml'),
  [
    'networks:',
    '  home: { prefixes: 10.77.1.0/24 }',
    '  vpn: { prefixes: 10.80.0.0/24, tunnel: true }',
    'hosts:',
    '  nas:',
    '    addresses: { home: 10.77.1.10, vpn: 10.80.0.10 }',
    '    ssh: { password: !secret nas/root }',
    'services:',
    '  files: { host: nas, port: 445 }',
    'flows:',
    '  - { from: home, to: files, reason: "<b>everybody</b> at home" }',
  ].join('\n'),
);

function graph(...options: readonly string[]) {
  return spawnSync(process.execPath, [jiti, cli, 'graph', ...options], { cwd: folder, encoding: 'utf8' });
}

test('prints a picture, or writes what the name of the file says, and opens no secret', () => {
  const { status, stdout, stderr } = graph();
  expect(status).toBe(0);
  expect(readXml(stdout).name).toBe('svg');
  // Nobody in this tunnel can be dialled: that is no reason to draw nothing.
  expect(stderr).toBe('no tunnel is drawn: nobody in the tunnel "vpn" can be dialled\n');
  expect(graph('--out', 'homelab.html').stderr).toMatch(/^wrote homelab\.html$/m);
  expect(readXml(readFileSync(join(folder, 'homelab.html'), 'utf8')).name).toBe('html');
  expect(graph('-o', 'homelab.html', '--format', 'svg').status).toBe(0);
  expect(readFileSync(join(folder, 'homelab.html'), 'utf8')).toBe(stdout);
}, 60_000);

test('leaves nothing half written, and says what it could not do', () => {
  const { status, stdout, stderr } = graph('-o', join('gone', 'homelab.svg'));
  expect([status, stdout]).toEqual([4, '']);
  expect(stderr).toContain('the picture cannot be written to gone/homelab.svg');
  expect(readdirSync(folder)).not.toContain('gone');
}, 30_000);
