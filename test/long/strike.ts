import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Playbook } from '../../src/playbook/contract.ts';
import type { HostFinished } from '../../src/runner/events.ts';
import type { RunState } from '../../src/runner/journal/read.ts';
import type { ControllerTask } from './controller.ts';
import { other, type Version } from './every-resource.ts';
import { guardSeconds, type KillTarget } from './kill-target.ts';

/**
 * Who dies: the connection (sshd's process for it), the controller (SIGKILL), the host (`docker kill`, then it boots), or the
 * program that changes the host, alone (SIGKILL, as when the host is out of memory).
 */
export type Victim = 'connection' | 'controller' | 'host' | 'program';

/** One kill, or several, in the middle of a run. */
export interface Strike {
  readonly victim: Victim;
  /** An exact point, `apply 1 begin 3`, or milliseconds after the run began. */
  readonly when: string | number;
  /** Points at which the host dies after that, while it takes back what was half done. */
  readonly afterwards?: readonly string[];
  readonly onDisconnect?: Playbook['onDisconnect'];
  /** What the journal shall say of the run afterwards; `reverted` leaves nothing of it. */
  readonly becomes?: RunState;
}

export interface StrikeReport {
  /** How often somebody was killed. */
  readonly kills: number;
  /** What is not as it should be; empty when all is well. */
  readonly complaints: readonly string[];
}

/** A run under way. `ended` gives its outcome, and undefined when it was killed. */
interface UnderWay {
  readonly ended: Promise<HostFinished | undefined>;
  kill(): void;
}

/** Lets a run towards the other version be struck, and looks at everything that has to hold afterwards. */
export async function strike(target: KillTarget, blow: Strike): Promise<StrikeReport> {
  const wanted = other(target.version);
  const complaints: string[] = [];
  const kills = await hit(target, blow, wanted, complaints);
  await target.quiet();
  // Nothing on a running host takes note of a program that is killed: the next run does.
  if (blow.victim !== 'program') complaints.push(...(await target.inBetween()));
  if (blow.becomes !== undefined) complaints.push(...(await becameOf(target, blow.becomes)));
  // Whatever was left is done by the next run, and a further one has nothing to do.
  const next = await target.run(wanted);
  complaints.push(...complaintsAbout('the next run', next.finished));
  complaints.push(...(await target.notAs(wanted)));
  const further = await target.run(wanted);
  if (further.finished.status !== 'ok') complaints.push(`a further run: ${described(further.finished)}`);
  await target.quiet();
  complaints.push(...(await target.leftovers()));
  target.version = wanted;
  return { kills, complaints };
}

async function becameOf(target: KillTarget, wanted: RunState): Promise<string[]> {
  const state = await target.host.sh('read -r run </var/lib/lab/last-run; cat /var/lib/lab/runs/$run/state');
  return [
    ...(state.startsWith(wanted) ? [] : [`the run is ${state.trim()} and not ${wanted}`]),
    ...(wanted === 'reverted' ? await target.notAs(target.version) : []),
  ];
}

/** The blows themselves. @returns how many */
async function hit(target: KillTarget, blow: Strike, wanted: Version, complaints: string[]): Promise<number> {
  const { victim, when, afterwards = [] } = blow;
  const hold = typeof when === 'string' ? await target.holdAt(when) : undefined;
  const run = victim === 'controller' ? startController(target, wanted, blow) : startHere(target, wanted, blow);
  if (hold === undefined) await Promise.race([pause(when as number), run.ended]);
  else if (!(await Promise.race([target.isHeld(hold, 60), ended(run)]))) {
    complaints.push(`the run never came to: ${when}; ${described(await run.ended)}`);
    return 0;
  }
  let next = afterwards[0] === undefined ? undefined : await target.holdAt(afterwards[0]);
  await kill(target, victim, run, next !== undefined);
  let kills = 1;
  for (const [index, point] of afterwards.entries()) {
    if (next === undefined || !(await target.isHeld(next, 60))) complaints.push(`the host never came to: ${point}`);
    const following = afterwards[index + 1];
    next = following === undefined ? undefined : await target.holdAt(following);
    await (next === undefined ? target.powerCycle() : target.powerCycleOnly());
    kills++;
  }
  const finished = await run.ended;
  await target.holdNothing();
  if (
    (victim === 'host' || victim === 'program') &&
    hold !== undefined &&
    (finished?.status === 'changed' || finished?.status === 'ok')
  )
    complaints.push(`the run that lost its ${victim}: ${described(finished)}`);
  // A connection that is lost while a stage runs is made anew; one that is lost before is an error.
  if (victim === 'connection' && hold !== undefined) complaints.push(...complaintsAbout('the run', finished));
  return kills;
}

async function kill(target: KillTarget, victim: Victim, run: UnderWay, more: boolean): Promise<void> {
  if (victim === 'host') return more ? target.powerCycleOnly() : target.powerCycle();
  if (victim === 'controller') run.kill();
  else if (victim === 'program') await target.host.sh(`pkill -KILL -f '[p]rogram apply' || true`);
  else await target.host.sh(`pkill -KILL -f 'sshd: [r]oot' || true`);
  await target.letGo();
}

function startHere(target: KillTarget, wanted: Version, { onDisconnect }: Strike): UnderWay {
  const run = target.run(wanted, onDisconnect === undefined ? {} : { onDisconnect });
  return { ended: run.then(({ finished }) => finished), kill: () => {} };
}

function startController(target: KillTarget, version: Version, { onDisconnect }: Strike): UnderWay {
  const { address, connection, hostKeys } = target.host;
  const host = { address, connection, hostKeys };
  const task: ControllerTask = { host, version, checksums: target.checksums, guardSeconds, onDisconnect };
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const argv = [path('../../node_modules/jiti/lib/jiti-cli.mjs'), path('controller.ts'), JSON.stringify(task)];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const ended = once(child, 'close').then(() => (output === '' ? undefined : (JSON.parse(output) as HostFinished)));
  return { ended, kill: () => void child.kill('SIGKILL') };
}

async function ended(run: UnderWay): Promise<false> {
  await run.ended;
  return false;
}

function complaintsAbout(what: string, finished: HostFinished | undefined): string[] {
  const well = (finished?.status === 'changed' || finished?.status === 'ok') && finished.counts.differences === 0;
  return well ? [] : [`${what}: ${described(finished)}`];
}

function described(finished: HostFinished | undefined): string {
  return JSON.stringify(finished ?? 'killed');
}
