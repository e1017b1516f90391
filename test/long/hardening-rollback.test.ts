import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../support/host.ts';
import { eventsOf, inventoryFiles, type LabProject, labProject } from '../support/lab-project.ts';
import { fileSystemOf } from '../support/snapshot.ts';

// The strict level, with all that it installs, is taken back as a whole, and put back as a whole.

vi.setConfig({ testTimeout: 900_000 });
let host: StartedHost;
let project: LabProject;
const site = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base({
  hostname: null, timezone: null, packages: { install: [] }, upgrades: { enabled: false }, timeSync: { with: 'none' },
  hardening: { level: 'strict' },
})] }] });
`;

beforeAll(async () => {
  host = await startHost({ packages: ['aide', 'cracklib-runtime', 'debsums', 'fail2ban', 'libpam-pwquality'] });
  await host.sh('systemctl disable --now fail2ban');
  project = labProject({ ...inventoryFiles({ alpha: host }), 'playbooks/site.ts': site });
}, 300_000);
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

/** But for what runs and logs, and what PAM's own programs write anew each time. */
async function files(): Promise<string[]> {
  const all = await fileSystemOf(host, [
    '/var/lib/lab',
    '/var/lib/fail2ban',
    '/var/lib/systemd',
    '/var/log',
    '/var/cache',
  ]);
  return all
    .split('\n')
    .filter((line) => !/shadow|\.pwd\.lock|opasswd|__pycache__|\/var\/lib\/aide|status-old/.test(line));
}

/** @returns the run that it was */
async function lab(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await project.lab([...words, '--output', 'json']);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return String(eventsOf(stdout).find(({ event }) => event === 'run-started')?.run);
}
const differences = (before: readonly string[], after: readonly string[]) => [
  ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
  ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
];

it('is as before after lab rollback base, and hardened after the rollback of that', async () => {
  const before = await files();
  await lab('run', 'site');
  const hardened = await files();
  expect(differences(before, hardened)).not.toEqual([]);
  const run = await lab('rollback', 'base');
  expect(differences(before, await files())).toEqual([]);
  expect(await host.sh('sysctl -n net.ipv4.tcp_rfc1337; systemctl is-active fail2ban || :')).toBe('0\ninactive\n');
  await lab('rollback', '--run', run);
  expect(differences(hardened, await files())).toEqual([]);
  expect(await host.sh('sysctl -n net.ipv4.tcp_rfc1337; systemctl is-active fail2ban')).toBe('1\nactive\n');
});
