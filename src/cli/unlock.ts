import type { Command } from 'commander';
import type { Session } from '../remote/session.ts';
import { visibleLine } from '../report/visible.ts';
import { controlScript } from '../runner/apply/control-script.ts';
import { JournalReader } from '../runner/journal/read.ts';
import { recoverRun } from '../runner/recover.ts';
import { formatError } from '../shared/errors.ts';
import { onHosts } from './open-hosts.ts';
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
      const outcomes = await onHosts([hosts], options, (session, { name }) =>
        unlock(session, name, options.yes === true),
      );
      for (const { error } of outcomes) if (error !== undefined) process.stderr.write(`${formatError(error)}\n`);
      const codes = outcomes.map(({ value, error }) => error?.exitCode ?? (value ? 0 : 1));
      process.exitCode = codes.find((code) => code !== 0) ?? 0;
    });
}

/** Whether the lock is free in the end. */
async function unlock(session: Session, host: string, yes: boolean): Promise<boolean> {
  const say = (text: string) => process.stdout.write(`${host}: ${visibleLine(text)}\n`);
  const lock = await new JournalReader(session).lock();
  if (lock === null) {
    say('not locked');
    return true;
  }
  const run = lock.get('run') ?? '';
  say(`locked by run ${run} of ${lock.get('who')}, since ${lock.get('since')}`);
  if (lock.has('stage') || lock.has('guardian')) {
    say(
      lock.has('stage') ? 'the host is working on its plan' : 'the host waits for a fresh login to confirm what it did',
    );
    say('nothing was done: wait for its end, or follow it with "lab resume"');
    return false;
  }
  if (lock.has('rebooted')) say('the host has booted since: nobody is behind the lock');
  else if (lock.has('controller')) say('its controller is connected, between two steps of its plan');
  else say('nobody is behind it: no plan is under way, and its controller is gone');
  if (!yes && !(await confirmed(host))) {
    say('nothing was done');
    return false;
  }
  if (!lock.has('held')) {
    const state = await recoverRun(session, run);
    if (state !== '') say(`put in order: ${state.split(' ')[0]}`);
  }
  await session.exchange(`${controlScript}\nrm -f "$LAB_STATE/lock"`, () => {});
  say('unlocked');
  return true;
}

async function confirmed(host: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const { confirm } = await import('@inquirer/prompts');
  return confirm({ message: `Take the lock of ${host} away?`, default: false }, { output: process.stderr });
}
