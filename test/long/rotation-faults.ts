import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../support/random.ts';
import { type Ending, type LaneName, laneNames, type RotationLane } from './rotation-lane.ts';
import type { RunningRotation } from './running-rotation.ts';

/** Steps of a rotation, in order. */
export const rotationSteps = ['make keys', 'stage', 'prove', 'cut over', 'confirm', 'drain', 'retire'] as const;

/**
 * `controller`: SIGKILL to its process. `power`: `docker kill`, and a boot later. `reboot`: an orderly one. `network`: a host
 * drops every packet but its own, and later no more. `disk`: no room where a host keeps configurations, keys and the journal.
 */
export const faults = ['controller', 'power', 'reboot', 'network', 'disk'] as const;
export type Fault = (typeof faults)[number];

/** What goes wrong in a rotation, and how the rotation is ended afterwards. */
export interface FaultPlan {
  readonly fault: Fault;
  readonly step: (typeof rotationSteps)[number];
  /** After the step, before the next one; or in the middle of it, as a part of the time that it takes. */
  readonly when: 'after' | number;
  readonly victim: LaneName;
  /** Whether it lasts until the controller has given up. */
  readonly long: boolean;
  /** Of the disk, in KiB. */
  readonly free: number;
  readonly ending: Ending;
}

/**
 * Every fault at the boundary after each step and in the middle of it, in random order; then again, until there are enough.
 *
 * @param like a regular expression for `FAULT STEP`
 */
export function planFaults(count: number, random: Random, like = ''): FaultPlan[] {
  const pattern = new RegExp(like);
  const plans: FaultPlan[] = [];
  while (plans.length < count) {
    const round: FaultPlan[] = [];
    for (const fault of faults)
      for (const step of rotationSteps)
        for (const inside of [false, true])
          round.push({
            fault,
            step,
            when: inside ? random.integer(1000) / 1000 : 'after',
            victim: random.pick(laneNames),
            long: random.integer(2) === 0,
            free: random.pick([0, 4, 16, 64, 200]),
            ending: { kind: random.pick(['resume', 'resume', 'abort']), atOnce: random.integer(2) === 0 },
          });
    const chosen = round.filter(({ fault, step }) => pattern.test(`${fault} ${step}`));
    if (chosen.length === 0) throw new Error(`no fault is like ${like}`);
    while (chosen.length > 0) plans.push(...chosen.splice(random.integer(chosen.length), 1));
  }
  return plans.slice(0, count);
}

/** A disk that does not outlast a boot has no place for faults that end in one. */
export function fits({ smallDisk }: RotationLane, { fault }: FaultPlan): boolean {
  return smallDisk ? fault !== 'power' && fault !== 'reboot' : fault !== 'disk';
}

/** What became of a rotation that met a fault. */
export interface FaultReport {
  /** What does not hold; empty when all is well. */
  readonly complaints: readonly string[];
  /** What the controllers told of it last. */
  readonly became: string;
}

/** Lets a rotation meet a fault, ends it, and looks at everything that has to hold. */
export async function meetFault(lane: RotationLane, plan: FaultPlan): Promise<FaultReport> {
  const before = await lane.secrets();
  const rotation = await lane.rotate(plan.when === 'after' ? plan.step : null);
  const complaints: string[] = [];
  try {
    if (!(await comeTo(lane, plan, rotation))) complaints.push(`the rotation never came to: ${plan.step}`);
    await strike(lane, plan, rotation);
    rotation.goOn();
    complaints.push(...(await lane.mute(liveDuring(plan))).map((text) => `during the fault: ${text}`));
    // A full disk is no reason to give up before something is to be written.
    if (plan.long || plan.fault === 'disk') await rotation.endsWithin(60);
    await lift(lane, plan);
    complaints.push(...(await lane.nameless()));
    if (!(await rotation.endsWithin(400))) complaints.push('the controller did not come to its end');
  } finally {
    rotation.kill();
  }
  complaints.push(
    ...(await lane.mute(laneNames)).map((text) => `after the fault: ${text}`),
    ...(await lane.nameless()),
  );
  const ended = await lane.end(plan.ending);
  complaints.push(...ended.complaints);
  complaints.push(...(await lane.notAtRest()), ...(await lane.mute(laneNames)), ...(await lane.notDeclared()));
  complaints.push(...(await lane.copiesOf(before)));
  if (complaints.length > 0) complaints.push(`the rotation told:\n${rotation.told.join('\n')}\nthen:\n${ended.text}`);
  return { complaints, became: `${rotation.told.at(-1)} | ${ended.text.split('\n').at(-1)}` };
}

/** False when the rotation ended before. */
async function comeTo(lane: RotationLane, { step, when }: FaultPlan, rotation: RunningRotation): Promise<boolean> {
  if (when === 'after') return rotation.comesTo('finished', step);
  if (!(await rotation.comesTo('started', step))) return false;
  await pause(when * (lane.durations.get(step) ?? 1000));
  return true;
}

async function strike({ tunnel }: RotationLane, plan: FaultPlan, rotation: RunningRotation): Promise<void> {
  const { fault, victim, free } = plan;
  if (fault === 'controller') rotation.kill();
  else if (fault === 'power') await tunnel.down(victim);
  else if (fault === 'reboot') {
    // The controller does not stand still meanwhile.
    rotation.goOn();
    await tunnel.up(victim);
  } else if (fault === 'network') await tunnel.hosts[victim].sh(`nft -f - <<'EOF'\n${cut}\nEOF`);
  else
    await tunnel.hosts[victim].sh(
      `dd if=/dev/zero of=/disk/filler bs=64k 2>/dev/null || true; truncate -s -${free}K /disk/filler`,
    );
}

async function lift({ tunnel }: RotationLane, { fault, victim }: FaultPlan): Promise<void> {
  if (fault === 'power') await tunnel.up(victim);
  else if (fault === 'network') await tunnel.hosts[victim].sh('nft delete table inet cut');
  else if (fault === 'disk') await tunnel.hosts[victim].sh('rm /disk/filler');
}

function liveDuring({ fault, victim }: FaultPlan): readonly LaneName[] {
  return fault === 'power' || fault === 'network' ? laneNames.filter((name) => name !== victim) : laneNames;
}

const cut = `table inet cut {
  chain in { type filter hook input priority -400; policy drop; iif lo accept; }
  chain out { type filter hook output priority -400; policy drop; oif lo accept; }
  chain through { type filter hook forward priority -400; policy drop; }
}`;
