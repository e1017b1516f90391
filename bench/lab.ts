import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contestant, Field } from './contestant.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** As a user's own repository: an inventory, a role, a playbook. The role imports the workload's data. */
const role = `import { authorizedKeys, cron, defineRole, directory, file, line, packages, sysctl, unit, user, z } from 'labwright';
import * as workload from './workload.ts';

export const bench = defineRole({
  name: 'bench',
  params: z.strictObject({}),
  resources: ({ host }) => [
    workload.directories.map((path) => directory({ path })),
    packages({ names: workload.packages }),
    workload.templatedFiles(host.name).map(({ path, content, mode }) => file({ path, content, mode })),
    workload.lineEdits.map(({ path, match, line: text }) => line({ path, match: new RegExp(match), line: text })),
    Object.entries(workload.sysctls).map(([key, value]) => sysctl({ key, value })),
    workload.users.map(({ name, shell, key }) => [user({ name, shell }), authorizedKeys({ user: name, keys: [key] })]),
    file({ ...workload.ruleset, validate: workload.validateRuleset }),
    cron(workload.cronJob),
    workload.services.map((name) => unit({ name, state: 'running', enabled: true })),
  ],
});
`;

const playbook = `import { definePlaybook } from 'labwright';
import inventory from '../inventory/index.ts';
import { bench } from '../roles/bench/role.ts';

export default definePlaybook({ inventory, plays: [{ name: 'bench', hosts: ['all'], roles: [bench] }] });
`;

function inventory({ targets, identityFile }: Field): string {
  const hosts = targets.map(({ name, address, port }) => [name, { address, ssh: { port } }]);
  const declared = { ssh: { user: 'root', identityFile }, hosts: Object.fromEntries(hosts) };
  return `import { defineInventory } from 'labwright';\n\nexport default defineInventory(${JSON.stringify(declared, null, 2)});\n`;
}

export const lab: Contestant = {
  name: 'lab',
  kinds: ['first', 'converged', 'check'],
  prepare: async (field) => {
    const at = (path: string) => join(field.folder, path);
    for (const folder of ['inventory', 'playbooks', 'roles/bench', 'node_modules'])
      mkdirSync(at(folder), { recursive: true });
    symlinkSync(root, at('node_modules/labwright'));
    writeFileSync(at('package.json'), '{ "name": "bench-homelab", "private": true, "type": "module" }\n');
    cpSync(join(root, 'bench/workload.ts'), at('roles/bench/workload.ts'));
    writeFileSync(at('inventory/index.ts'), inventory(field));
    writeFileSync(at('roles/bench/role.ts'), role);
    writeFileSync(at('playbooks/bench.ts'), playbook);
  },
  processes: ({ folder }, kind) => {
    const options = ['--accept-new-host-keys', '--forks', '25', ...(kind === 'check' ? ['--check'] : [])];
    return [{ argv: [process.execPath, join(root, 'bin/lab.js'), 'run', 'bench.ts', ...options], cwd: folder }];
  },
  verify: (kind, [output = '']) => {
    if (kind !== 'first' && !/\b0 changed/.test(output)) throw new Error(`lab was not converged:\n${output}`);
  },
};
