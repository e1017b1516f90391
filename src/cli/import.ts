import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { inventoryNames } from '../model/load-inventory.ts';
import { LabError } from '../shared/errors.ts';

interface Options {
  readonly out?: string;
  readonly format?: 'ts' | 'yaml';
  readonly playbookDir?: string;
  readonly role: string;
  readonly force?: boolean;
}

/** `lab import`: inventories of other programs become one of lab. */
export function register(program: Command): void {
  program
    .command('import')
    .description('take over the inventory of another program: ansible')
    .addHelpText(
      'after',
      '\nExamples:\n  lab import ansible hosts.ini -o inventory/index.ts\n  lab import ansible --help',
    )
    .command('ansible <inventory>')
    .description('write an inventory of Ansible, with its group_vars and host_vars, as one of lab')
    .option('-o, --out <file>', 'where to write it; default: standard output')
    .addOption(
      new Option('--format <format>', 'TypeScript or YAML; default: by the ending of FILE, else ts').choices([
        'ts',
        'yaml',
      ]),
    )
    .option('--playbook-dir <dir>', 'folder of the playbooks, whose group_vars and host_vars count too')
    .option('--role <name>', 'role whose parameters the variables become', 'ansible')
    .option('--force', 'replace a file that exists')
    .addHelpText(
      'after',
      `
Reads INI, YAML, a folder of them, and the JSON of "ansible-inventory --list --export", which is the way for inventories that
are programs or plugins. Nothing is connected to. Passwords and what ansible-vault encrypted are never copied: their places
hold secret('…') to be filled. What was taken over and what was not is told on standard error.
Exit codes: 0, 4 nothing was written.

Examples:
  lab import ansible hosts.ini -o inventory/index.ts
  lab import ansible inventories/production --playbook-dir . --format yaml
  ansible-inventory -i aws_ec2.yml --list --export > aws.json && lab import ansible aws.json`,
    )
    .action(importFromAnsible);
}

async function importFromAnsible(inventory: string, options: Options): Promise<void> {
  const { importAnsible } = await import('../migrate/ansible/import.ts');
  const { reportLines } = await import('../migrate/ansible/report.ts');
  const { roleName } = await import('../playbook/define-role.ts');
  if (!roleName.test(options.role))
    throw new LabError('USAGE', '--role is no name of a role', {
      expected: 'lower-case letters, digits and "-", beginning with a letter',
      found: JSON.stringify(options.role),
    });
  if (options.out !== undefined) refuseToReplace(options.out, options.force === true);
  const imported = importAnsible(inventory, {
    format: formatOf(options),
    role: options.role,
    playbookFolder: options.playbookDir,
  });
  if (options.out === undefined) process.stdout.write(imported.text);
  else await write(options.out, imported.text);
  const lines = [
    ...reportLines(imported, options.role),
    ...(options.out === undefined ? [] : ['', `written: ${options.out}`]),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** @throws LabError USAGE when the ending says something else */
function formatOf({ out, format }: Options): 'ts' | 'yaml' {
  const ending = out === undefined ? '' : extname(out);
  const byEnding = /^\.ya?ml$/.test(ending) ? 'yaml' : /^\.[cm]?ts$/.test(ending) ? 'ts' : undefined;
  if (out !== undefined && (byEnding === undefined || (format !== undefined && format !== byEnding)))
    throw new LabError('USAGE', 'the file has the wrong ending for an inventory', {
      expected: format === 'yaml' ? '.yml' : format === 'ts' ? '.ts' : '.ts or .yml',
      found: out,
    });
  return byEnding ?? format ?? 'ts';
}

/** @throws LabError USAGE */
function refuseToReplace(out: string, isForced: boolean): void {
  if (existsSync(out) && !isForced)
    throw new LabError('USAGE', 'this file exists: nothing was written', {
      found: out,
      hint: 'name another one, or replace it with --force',
    });
  const folder =
    basename(dirname(resolve(out))) === 'inventory' ? dirname(dirname(resolve(out))) : dirname(resolve(out));
  const others = inventoryNames
    .map((name) => join(folder, name))
    .filter((file) => file !== resolve(out) && existsSync(file));
  if (inventoryNames.some((name) => join(folder, name) === resolve(out)) && others.length > 0)
    throw new LabError('USAGE', 'this folder would have two inventories: nothing was written', {
      expected: 'one inventory',
      found: others.map((file) => relative(process.cwd(), file)).join(', '),
      hint: 'move that one away, or name another file',
    });
}

async function write(out: string, text: string): Promise<void> {
  const { writeWhole } = await import('../secrets/write-whole.ts');
  await mkdir(dirname(resolve(out)), { recursive: true });
  await writeWhole(resolve(out), text, 0o644);
}
