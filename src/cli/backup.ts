import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { BackupResult } from '../backup/take-backup.ts';
import { projectRoot } from '../model/project-root.ts';
import { visibleLine } from '../report/visible.ts';
import { exitCodes } from '../shared/errors.ts';
import { reachHosts } from './endpoints.ts';
import { identityOptions } from './identity-options.ts';
import { printError } from './print-error.ts';
import { addConnectOptions, addLoadOptions, type ConnectOptions, type LoadOptions, list } from './run-options.ts';

type Options = ConnectOptions &
  LoadOptions & {
    readonly playbook: string;
    readonly out?: string;
    readonly recipient: readonly string[];
    readonly skip: readonly string[];
    readonly force?: boolean;
    readonly list?: string;
    readonly output: 'plain' | 'json';
  };

export function register(program: Command): void {
  const command = program
    .command('backup [hosts...]')
    .description('keep what cannot be made again (keys, certificates, zones, the journal) in one encrypted file')
    .option('-o, --out <file>', 'where to write it; default lab-backup-TIME.tar.age in this folder')
    .option('-p, --playbook <playbook>', 'whose roles say what is kept', 'site.ts')
    .option('--recipient <key>', 'who else can open it: a public key of age', list, [])
    .option('--skip <roles>', 'not what these roles keep; journal is that of lab itself', list, [])
    .option('--force', 'put it in the place of a file that is there')
    .option('--list <file>', 'show what is in a backup, and that it is whole; no host is asked')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'));
  addLoadOptions(addConnectOptions(command))
    .addHelpText(
      'after',
      `
Hosts are names, groups and patterns as for --limit of "lab run"; default all. Nothing is changed on them. The file can be
opened by those who can open the project's secrets, and by each --recipient.
Exit codes: 0 all hosts are in it, 1 a host failed, 3 a host was unreachable; the others are in it all the same.

Examples:
  lab backup -o monday.tar.age
  lab backup vps --recipient age1…
  lab backup --list monday.tar.age
  age --decrypt -i ~/.config/lab/identity.txt monday.tar.age | tar -tv`,
    )
    .action(async (hosts: string[], options: Options) => {
      process.exitCode = options.list === undefined ? await take(hosts, options) : await show(options.list, options);
    });
}

async function take(patterns: readonly string[], options: Options): Promise<number> {
  const target = resolve(options.out ?? defaultName());
  const [{ takeBackup }, { recipientsOf }, { checkSkipped }, { refuseExisting }, { openPlaybook }] = await Promise.all([
    import('../backup/take-backup.ts'),
    import('../backup/recipients.ts'),
    import('../backup/declared.ts'),
    import('../backup/write-backup.ts'),
    import('./backup/open-playbook.ts'),
  ]);
  const force = options.force === true;
  if (!force && existsSync(target)) refuseExisting(target);
  const { inventory, file, hosts, playsOf } = await openPlaybook(patterns, options);
  checkSkipped(options.skip, hosts.flatMap(playsOf));
  const project = projectRoot(resolve(inventory.source?.file ?? file));
  const recipients = await recipientsOf(project, options.recipient);
  const reach = await reachHosts(inventory, file, { accept: options.acceptNewHostKeys === true });
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const result = await takeBackup({
      ...{ inventory, hosts, playsOf, project, skip: options.skip, forks: options.forks, stop: stop.signal },
      target: { file: target, recipients, force },
      connect: (host) => reach(host, 'any', stop.signal),
    });
    return tell(result, target, recipients.length, options);
  } catch (thrown) {
    if (!stop.signal.aborted || thrown !== stop.signal.reason) throw thrown;
    process.stderr.write('interrupted: no backup was written\n');
    // Not when the hosts have answered what they were asked.
    process.exit(exitCodes.interrupted);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function tell(
  { manifest, errors }: BackupResult,
  file: string,
  recipients: number,
  { output }: Options,
): Promise<number> {
  const { summaryLines } = await import('../backup/describe.ts');
  const names = Object.keys(manifest.hosts);
  if (output === 'json')
    process.stdout.write(
      `${JSON.stringify({ version: 1, file: names.length > 0 ? file : null, ...shown(manifest) })}\n`,
    );
  else for (const line of summaryLines(manifest)) process.stdout.write(`${line}\n`);
  for (const error of errors) printError(error);
  process.stderr.write(
    names.length === 0
      ? 'no backup was written: no host could be read\n'
      : `wrote ${file}, for ${recipients} recipient${recipients === 1 ? '' : 's'}${errors.length > 0 ? `; without ${Object.keys(manifest.missing).join(', ')}` : ''}\n`,
  );
  if (errors.length === 0) return exitCodes.asDeclared;
  return errors.every(({ exitCode }) => exitCode === exitCodes.hostUnreachable)
    ? exitCodes.hostUnreachable
    : exitCodes.hostFailed;
}

async function show(file: string, { output }: Options): Promise<number> {
  const [{ readBackup }, { readIdentities }, { contentLines }] = await Promise.all([
    import('../backup/read-backup.ts'),
    import('../secrets/identity.ts'),
    import('../backup/describe.ts'),
  ]);
  const { manifest } = await readBackup(file, await readIdentities(identityOptions), []);
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify({ version: 1, file, ...shown(manifest) })}\n`);
    return exitCodes.asDeclared;
  }
  for (const line of contentLines(manifest)) process.stdout.write(`${line}\n`);
  for (const [host, why] of Object.entries(manifest.missing))
    process.stdout.write(`\n${visibleLine(`${host} is missing: ${why}`)}\n`);
  const { madeAt, madeBy, project } = manifest;
  process.stderr.write(`${visibleLine(`whole; made ${madeAt} by lab ${madeBy}, of ${project}`)}\n`);
  return exitCodes.asDeclared;
}

/** Without the version of the format, which is not that of the output. */
function shown({ madeAt, madeBy, project, hosts, missing }: BackupResult['manifest']) {
  return { madeAt, madeBy, project, hosts, missing };
}

function defaultName(): string {
  return `lab-backup-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}.tar.age`;
}
