import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const jiti = fileURLToPath(new URL('../../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const cli = fileURLToPath(new URL('../../support/run-cli.ts', import.meta.url));

/** Nobody listens on port 1: whatever is written, is written before a connection. */
const inventory = `networks: { vpn: { prefixes: [10.80.0.0/24, 'fd80::/64'], tunnel: true } }
ssh: { user: root, port: 1, configFile: ssh_config }
hosts:
  nas: { address: 127.0.0.1, addresses: { vpn: auto } }
  vps: { address: 127.0.0.2, addresses: { vpn: 10.80.0.1 } }
devices:
  phone: { owner: ada, addresses: { vpn: auto } }
`;
const playbook = `import { definePlaybook, file, loadInventory } from 'labwright';
const inventory = await loadInventory('../inventory/index.yml');
export default definePlaybook({
  inventory,
  plays: [{ name: 'site', hosts: 'all', resources: () => [file({ path: '/etc/motd', content: 'hello' })] }],
});
`;

function project() {
  const root = mkdtempSync(join(tmpdir(), 'lab-assigned-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of ['inventory', 'playbooks', 'home']) mkdirSync(join(root, folder));
  const write = (name: string, text: string) => writeFileSync(join(root, name), text);
  write('inventory/index.yml', inventory);
  write('playbooks/site.ts', playbook);
  write('ssh_config', '');
  const home = join(root, 'home');
  const env = { PATH: process.env.PATH, HOME: home, XDG_CACHE_HOME: home, XDG_STATE_HOME: home, XDG_CONFIG_HOME: home };
  return {
    write,
    lock: () => {
      const file = join(root, 'inventory/lab.lock.yml');
      return existsSync(file) ? readFileSync(file, 'utf8').replace(/^(#.*)?\n/gm, '') : undefined;
    },
    lab: (...argv: string[]) =>
      new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
        execFile(process.execPath, [jiti, cli, ...argv], { cwd: root, env }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
        );
      }),
  };
}

test('assigned addresses are shown by every command, and kept once hosts are to be changed', {
  timeout: 60_000,
}, async () => {
  const { lab, lock, write } = project();
  const before = await lab('inventory');
  expect(before).toMatchObject({ code: 0, stderr: '' });
  expect(before.stdout).toMatch(/^nas +root@127\.0\.0\.1:1 +vpn 10\.80\.0\.2 fd80::2 \(assigned\)$/m);
  expect(before.stdout).toMatch(/^phone +ada +vpn 10\.80\.0\.3 fd80::3 \(assigned\)$/m);
  expect((await lab('run', 'site', '--limit', 'vps', '--check', '--no-type-check')).code).toBe(3);
  expect(lock()).toBeUndefined();

  expect((await lab('run', 'site', '--limit', 'vps', '--no-type-check')).code).toBe(3);
  const kept = `version: 1
hosts:
  nas:
    addresses:
      vpn: [ 10.80.0.2, fd80::2 ]
devices:
  phone:
    addresses:
      vpn: [ 10.80.0.3, fd80::3 ]
`;
  expect(lock()).toBe(kept);

  write(
    'inventory/index.yml',
    inventory.replace('devices:', '  a: { address: a, addresses: { vpn: auto } }\ndevices:'),
  );
  const after = await lab('inventory', '--host', 'a,nas');
  expect(after.stdout).toMatch(/^on vpn +10\.80\.0\.4 fd80::4 \(assigned\)$/m);
  expect(after.stdout).toMatch(/^on vpn +10\.80\.0\.2 fd80::2 \(assigned\)$/m);
  expect(lock()).toBe(kept);
});
