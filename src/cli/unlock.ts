import type { Command } from 'commander';
import type { Session } from '../remote/session.ts';
import { visibleLine } from '../report/visible.ts';
import { controlScript } from '../runner/apply/control-script.ts';
import { JournalReader } from '../runner/journal/read.ts';
import { recoverRun } from '../runner/recover.ts';
import { quote } from '../shared/quote.ts';
import { onHosts } from './open-hosts.ts';
import { printError } from './print-error.ts';
import { addConnectOptions, type ConnectOptions } from './run-options.ts';

type Options = ConnectOptions & { readonly inventory?: string; readonly yes?: boolean };

export function register(program: Command): void {
  const command = program
    .command('unlock <hosts>')
    .description('say who holds the lock of a host, and take it away when nobody is behind it')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .option('-y, --yes', 'do not ask');
  addConnectOptions(command)
    .addHelpText(
      'after',
      `
A run finds out by itself when the run that left a lock is gone: this is for a look, and for a lock whose controller is out
of reach. What it found is said before it asks. A lock is never taken from a plan that the host is working on: wait for its
end, or follow it with "lab resume".
Exit codes: 0 the lock is free, 1 it is not, 3 a host unreachable.

Example:
  lab unlock vps`,
    )
    .action(async (hosts: string, options: Options) => {
      // One question at a time.
      const forks = options.yes ? options.forks : 1;
      const outcomes = await onHosts([hosts], { ...options, forks }, (session, { name }) =>
        unlock(session, name, options.yes === true),
      );
      for (const { error } of outcomes) if (error !== undefined) printError(error);
      const codes = outcomes.map(({ value, error }) => error?.exitCode ?? (value ? 0 : 1));
      process.exitCode = codes.find((code) => code !== 0) ?? 0;
    });
}

/** Whether the lock is free in the end. */
async function unlock(session: Session, host: string, yes: boolean): Promise<boolean> {
  const say = (text: string) => process.stdout.write(`${host}: ${visibleLine(text)}\n`);
  const reader = new JournalReader(session);
  const lock = await reader.lock();
  if (lock === null) {
    say('not locked');
    return true;
  }
  const run = lock.get('run') ?? '';
  say(`locked by run ${run} of ${lock.get('who')}, since ${lock.get('since')}`);
  say(describe(lock));
  if (isAtWork(lock)) {
    say('nothing was done: wait for its end, or follow it with "lab resume"');
    return false;
  }
  if (!yes && !(await confirmed(host))) {
    say(process.stdin.isTTY ? 'nothing was done' : 'nothing was done: nobody is here to be asked, --yes says yes');
    return false;
  }
  // Whoever is asked takes their time.
  const now = await reader.lock();
  if (now !== null && (now.get('run') !== run || isAtWork(now))) {
    say(`nothing was done: by now, run ${now.get('run')} of ${now.get('who')} is at work`);
    return false;
  }
  if (!now?.has('held')) {
    const state = await recoverRun(session, run);
    if (state !== '') say(`what was half done was put in order: ${state.split(' ')[0]}`);
  }
  await session.exchange(`${controlScript}\nlab_unlock ${quote(run)}`, () => {});
  say('unlocked');
  return true;
}

/** Changing the host, or about to. */
function isAtWork(lock: ReadonlyMap<string, string>): boolean {
  return lock.has('stage') || lock.has('guardian');
}

function describe(lock: ReadonlyMap<string, string>): string {
  if (lock.has('stage')) return 'the host is working on its plan';
  if (lock.has('guardian')) return 'the host waits for a fresh login to confirm what it did';
  if (lock.has('rebooted')) return 'the host has booted since: nobody is behind the lock';
  if (lock.has('controller')) return 'its controller is connected, and about to go on with its plan';
  return 'nobody is behind it: no plan is under way, and its controller is gone';
}

async function confirmed(host: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const { confirm } = await import('@inquirer/prompts');
  return confirm({ message: `Take the lock of ${host} away?`, default: false }, { output: process.stderr });
}
