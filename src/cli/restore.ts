import type { Command } from 'commander';
import type { HostRestore } from '../backup/restore.ts';
import type { Host } from '../model/types.ts';
import { visibleLine } from '../report/visible.ts';
import { run } from '../runner/run.ts';
import { LabError } from '../shared/errors.ts';
import type { HostKey } from '../transport/contract.ts';
import { hostKeyIn, hostKeysIn, withNewMachine } from './backup/new-machine.ts';
import { openPlaybook } from './backup/open-playbook.ts';
import { reachHosts } from './endpoints.ts';
import { identityOptions } from './identity-options.ts';
import {
  addConnectOptions,
  addGuardOption,
  addLoadOptions,
  addShowOptions,
  type ConnectOptions,
  type GuardOption,
  type LoadOptions,
  list,
  type ShowOptions,
} from './run-options.ts';
import { rendererFor } from './run-playbook.ts';
import { stopOnInterrupt } from './stop-on-interrupt.ts';

type Options = ConnectOptions &
  ShowOptions &
  LoadOptions &
  GuardOption & {
    readonly playbook: string;
    readonly skip: readonly string[];
    readonly check?: boolean;
    readonly force?: boolean;
    readonly hostKey?: string;
  };

export function register(program: Command): void {
  const command = program
    .command('restore <file> <hosts...>')
    .description('put back on hosts what "lab backup" kept of them, before the first run on a new machine')
    .option('-c, --check', 'only say what would change; exit code 2 when something would')
    .option('-p, --playbook <playbook>', 'whose roles say what is kept', 'site.ts')
    .option('--skip <roles>', 'not what these roles keep; journal is that of lab itself', list, [])
    .option('--force', 'replace what is there and differs from the backup')
    .option('--host-key <key>', 'the public host key of a new machine, "ssh-ed25519 AAAA…", until it has its old one');
  addLoadOptions(addGuardOption(addShowOptions(addConnectOptions(command))))
    .addHelpText(
      'after',
      `
The whole file is read and verified first. It is a run as any: planned, journaled, guarded, and taken back by
"lab rollback restore". A host that has other keys, certificates or zones than the backup is refused without --force.
Exit codes are those of "lab run".

Examples:
  lab restore monday.tar.age vps --check
  lab restore monday.tar.age vps --host-key "ssh-ed25519 AAAA…" && lab run site.ts`,
    )
    .action(async (file: string, hosts: string[], options: Options) => {
      process.exitCode = await restore(file, hosts, options);
    });
}

async function restore(file: string, patterns: readonly string[], options: Options): Promise<number> {
  const [{ readBackup }, { readIdentities }, { restoreOf, restorePlaybook }, { declarationsOf, checkSkipped }] =
    await Promise.all([
      import('../backup/read-backup.ts'),
      import('../secrets/identity.ts'),
      import('../backup/restore.ts'),
      import('../backup/declared.ts'),
    ]);
  const ownKey = options.hostKey === undefined ? undefined : hostKeyIn(options.hostKey);
  const { inventory, file: playbookFile, hosts, playsOf } = await openPlaybook(patterns, options);
  const [first] = hosts;
  if (ownKey !== undefined && (hosts.length > 1 || first === undefined))
    throw new LabError('USAGE', '--host-key is that of one machine', {
      expected: 'one host',
      found: hosts.map(({ name }) => name).join(', '),
    });
  checkSkipped(options.skip, hosts.flatMap(playsOf));
  const names = hosts.map(({ name }) => name);
  const backup = await readBackup(file, await readIdentities(identityOptions), names);
  const restores = new Map(
    hosts.map((host): [string, HostRestore] => {
      const declarations = declarationsOf(host, playsOf(host), inventory, options.skip);
      const contents = backup.contents.get(host.name) ?? new Map<string, Uint8Array>();
      return [host.name, restoreOf(host, backup.manifest, declarations, contents)];
    }),
  );
  tellWhatIsLeftOut(restores);
  const { playbook, play } = restorePlaybook(inventory, restores, {
    madeAt: backup.manifest.madeAt,
    force: options.force === true,
    newMachines: new Set(ownKey === undefined ? [] : names),
  });
  const renderer = rendererFor(options);
  const contact = { accept: options.acceptNewHostKeys === true, suspend: () => renderer.suspend() };
  const restored = (name: string): HostKey[] => {
    const parts = restores.get(name)?.parts.filter(({ declaration }) => declaration.hostKeys) ?? [];
    return hostKeysIn(
      backup,
      name,
      parts.flatMap(({ entries }) => entries.map(({ path }) => path)),
    );
  };
  const reach = await reachHosts(inventory, playbookFile, contact, (policy) =>
    ownKey === undefined || first === undefined
      ? policy
      : withNewMachine(policy, first.name, ownKey, restored(first.name)),
  );
  const stop = stopOnInterrupt(renderer);
  try {
    const { exitCode } = await run({
      mode: options.check ? 'check' : 'run',
      ...{ playbook, hosts, playsOf: (_: Host) => [play], forks: options.forks, guardSeconds: options.guardTimeout },
      connect: (host, which) => reach(host, which, stop.signal),
      onEvent: (event) => renderer.handle(event),
      stop: stop.signal,
    });
    return exitCode;
  } finally {
    stop.end();
    await renderer.close();
  }
}

function tellWhatIsLeftOut(restores: ReadonlyMap<string, HostRestore>): void {
  for (const [host, { leftOut }] of restores) {
    const [first, ...others] = leftOut;
    if (first === undefined) continue;
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    process.stderr.write(`${host}: left out, as no role keeps it now: ${visibleLine(first)}${more}\n`);
  }
}
