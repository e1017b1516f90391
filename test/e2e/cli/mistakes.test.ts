import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../../src/cli/commands.ts';
import { type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// Mistakes that are told before any host is connected: the hosts here do not exist.

const inventory = `import { defineInventory } from 'labwright';
export default defineInventory({
  hosts: { nas: { address: '192.0.2.1' }, node1: { address: '192.0.2.2' } },
});
`;
const good = "lab.file({ path: '/etc/motd', content: 'hello' }),";

let project: LabProject;
beforeAll(() => {
  project = labProject({ 'inventory/index.ts': inventory });
});
afterAll(() => project?.remove());

async function fails(text: string, ...options: readonly string[]): Promise<string> {
  project.write('playbooks/site.ts', text);
  const { exitCode, stdout, stderr } = await project.lab(['run', 'site', ...options]);
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 4, stdout: '' });
  expect(stderr).not.toMatch(/^\s+at .*\(|node:internal|jiti/m);
  return stderr;
}

describe('a playbook in TypeScript', () => {
  it('with several type errors: all of them, each with its line', async () => {
    const error = await fails(
      playbook("lab.file({ path: '/etc/motd', content: 1 }),\n        lab.file({ paht: '/etc/motd' }),"),
    );
    expect(error).toMatch(/^PLAYBOOK_TYPES: /);
    expect(error).toMatch(/playbooks\/site\.ts:12:\d+/);
    expect(error).toMatch(/playbooks\/site\.ts:13:\d+/);
    expect(error).toMatch(/^\s*> 12 \|/m);
  });

  it('with a host that the inventory does not have: by the compiler, and without it', async () => {
    const text = playbook(good, { hosts: 'nsa' });
    expect(await fails(text)).toMatch(/^PLAYBOOK_TYPES: .*nas/);
    const error = await fails(text, '--no-type-check');
    expect(error).toMatch(/^PLAYBOOK_INVALID: .*"nsa"/);
    expect(error).toContain('did you mean "nas"?');
    expect(error).toMatch(/playbooks\/site\.ts:\d+/);
  });

  it('that throws: at its own line', async () => {
    const error = await fails(`${playbook(good)}\nthrow new Error('boom');\n`, '--no-type-check');
    expect(error).toContain('boom');
    expect(error).toMatch(/playbooks\/site\.ts:18:\d+/);
  });

  it('that throws while it declares resources: at its own line', async () => {
    const error = await fails(playbook("((): never => { throw new Error('boom'); })(),"), '--no-type-check');
    expect(error).toContain('boom');
    expect(error).toMatch(/playbooks\/site\.ts:12:\d+/);
  });

  it.each([
    ['while it is loaded', `${playbook(good)}\nprocess.exit(0);\n`, 18],
    ['while it declares resources', playbook('process.exit(0),'), 12],
    [
      'and does not wait for what does',
      `${playbook(good)}\nsetTimeout(() => process.exit(0), 1);\nawait new Promise((resolve) => setTimeout(resolve, 500));\n`,
      18,
    ],
  ])('that ends the process %s: no success with nothing done', async (_, text, line) => {
    const error = await fails(text, '--no-type-check');
    expect(error).toMatch(/^PLAYBOOK_LOAD: .*process\.exit\(0\)/);
    expect(error).toMatch(new RegExp(`playbooks/site\\.ts:${line}:\\d+`));
    expect(error.match(/PLAYBOOK_LOAD/g)).toHaveLength(1);
  });

  it('that is no TypeScript', async () => {
    const error = await fails('export default {', '--no-type-check');
    expect(error).toMatch(/^PLAYBOOK_LOAD: /);
    expect(error).toMatch(/playbooks\/site\.ts:1/);
  });

  it('with an import that does not exist', async () => {
    const error = await fails(`import x from './nothing.ts';\n${playbook(good)}export { x };\n`, '--no-type-check');
    expect(error).toMatch(/^PLAYBOOK_LOAD: .*nothing\.ts/);
    expect(error).toMatch(/playbooks\/site\.ts:1/);
    const unknown = await fails(`import { flie } from 'labwright';\n${playbook(good)}export { flie };\n`);
    expect(unknown).toMatch(/^PLAYBOOK_TYPES: .*'flie'[\s\S]*playbooks\/site\.ts:1:10/);
  });

  it('with values that no type can refuse: the path and what is expected', async () => {
    const error = await fails(
      playbook("lab.file({ path: 'etc/motd', content: 'x', mode: '999' }),"),
      '--no-type-check',
    );
    expect(error).toMatch(/^RESOURCE_PROPS: /);
    expect(error).toMatch(/playbooks\/site\.ts:12/);
    expect(error).toContain('mode');
    expect(error).toContain('path');
  });

  it('that declares one thing twice, differently', async () => {
    const error = await fails(playbook(`${good}\n        lab.file({ path: '/etc/motd', content: 'bye' }),`));
    expect(error).toMatch(/^RESOURCE_CONFLICT: .*file:\/etc\/motd/);
    expect(error).toMatch(/playbooks\/site\.ts:13/);
    expect(error).toMatch(/playbooks\/site\.ts:12/);
  });

  it('that removes in one place what it makes in another: both places', async () => {
    const error = await fails(
      playbook("lab.absent({ path: '/srv/app' }),\n        lab.file({ path: '/srv/app/x', content: 'x' }),"),
    );
    expect(error).toMatch(/^RESOURCE_CONFLICT: absent:\/srv\/app .*file:\/srv\/app\/x/);
    expect(error).toMatch(/playbooks\/site\.ts:13/);
    expect(error).toMatch(/playbooks\/site\.ts:12/);
  });

  it('that is not there: the nearest that is', async () => {
    project.write('playbooks/site.ts', playbook(good));
    const { exitCode, stderr } = await project.lab(['run', 'stie']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(/^PLAYBOOK_NOT_FOUND/) });
    expect(stderr).toContain('did you mean "site.ts"?');
  });
});

describe('an inventory in YAML', () => {
  const yaml = `groups:
  storage:
hosts:
  nas: { address: 192.0.2.1, groups: [storag] }
  node1:
    address: 192.0.2.1
    ssh: { port: 022, password: hunter2 }
`;
  const site = `import { definePlaybook, loadInventory } from 'labwright';
const inventory = await loadInventory('../yaml/inventory.yml');
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [] }] });
`;

  it('with mistakes: all of them with file, line and path, from every command', async () => {
    project.write('yaml/inventory.yml', yaml);
    const error = await fails(site);
    expect(error).toMatch(/^INVENTORY_INVALID: /);
    expect(error).toMatch(/yaml\/inventory\.yml:4:\d+/);
    expect(error).toMatch(/yaml\/inventory\.yml:7:\d+/);
    expect(error).toContain('did you mean "storage"?');
    expect(error).toContain('hosts.node1.ssh.port');
    expect(error).toContain('hosts.node1.ssh.password');
    expect(error).not.toContain('hunter2');
    for (const argv of [['inventory'], ['facts', 'all'], ['exec', 'all', '--', 'true']]) {
      const { exitCode, stderr } = await project.lab([
        ...argv.slice(0, 1),
        '-i',
        'yaml/inventory.yml',
        ...argv.slice(1),
      ]);
      expect({ argv, exitCode, stderr }).toMatchObject({
        exitCode: 4,
        stderr: expect.stringMatching(/inventory\.yml:4:/),
      });
    }
  });

  it('that is no YAML', async () => {
    project.write('yaml/inventory.yml', 'hosts:\n  nas: [\n');
    expect(await fails(site)).toMatch(/^INVENTORY_INVALID: [\s\S]*yaml\/inventory\.yml:\d+:\d+/);
  });

  it('that does not exist', async () => {
    expect(await fails(site.replace('inventory.yml', 'other.yml'))).toMatch(/^INVENTORY_NOT_FOUND/);
  });
});

describe('the command line', () => {
  it.each([
    [['run'], 'playbook'],
    [['rnu', 'site'], 'run'],
    [['run', 'site', '--frobs', '3'], '--forks'],
    [['run', 'site', '--forks', 'many'], 'whole number'],
    [['run', 'site', '--output', 'xml'], 'json'],
    [['plan', 'site'], '--out'],
    [['exec', 'all'], 'command'],
  ])('%s: exit code 4 and what was meant', async (argv, expected) => {
    const { exitCode, stdout, stderr } = await project.lab(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toContain(expected);
  });

  it('has a help with an example for every command', async () => {
    const all = await project.lab(['--help']);
    expect(all).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringContaining('Example') });
    const names = Object.keys(commands).filter((name) => name !== 'complete');
    for (const name of names) expect(all.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    const nested: readonly (readonly string[])[] = [
      ...['up', 'down', 'status', 'shell'].map((name) => ['sandbox', name]),
      ...['add', 'list', 'show', 'revoke', 'rotate'].map((name) => ['device', name]),
      ...['list', 'run', 'remove'].map((name) => ['schedule', name]),
      ...['init', 'edit', 'view', 'set', 'rotate', 'recipients'].map((name) => ['secrets', name]),
    ];
    for (const words of [...names.map((name) => [name]), ...nested]) {
      const { exitCode, stdout, stderr } = await project.lab([...words, '--help']);
      expect({ words, exitCode, stderr }).toEqual({ words, exitCode: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`Examples?:\\n\\s+.*(lab|source) .*${words[0]}`));
    }
  });

  it('says its version', async () => {
    expect(await project.lab(['--version'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});
