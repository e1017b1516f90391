import type { Random } from '../support/random.ts';
import type { Version } from './every-resource.ts';
import type { Strike, Victim } from './strike.ts';

/** Version that the run goes towards → the strikes at it. */
export type Strikes = Record<Version, Strike[]>;

/** An action as the journal of a whole run has it. */
interface Action {
  readonly stage: number;
  readonly number: number;
}

const victims: readonly Victim[] = ['connection', 'controller', 'host'];
/** Milliseconds that a run of all resources takes at least. */
const runMs = 4000;

/**
 * Every boundary of every action for every victim, towards one version or the other by turns: before the journal says that
 * it begins, when all its commands have run and the journal does not say so yet, and at the end of each stage. What is left
 * of a host is different between `begin` and the first command as well.
 */
export function atEveryBoundary(journals: Readonly<Record<Version, readonly string[]>>): Strikes {
  const strikes: Strikes = { a: [], b: [] };
  victims.forEach((victim, turn) => {
    for (const version of ['a', 'b'] as const) {
      const points = journals[version].flatMap((line) => boundariesAt(line, victim));
      const mine = points.filter((_, index) => (index + turn) % 2 === (version === 'a' ? 0 : 1));
      strikes[version].push(...mine.map((when) => ({ victim, when })));
    }
  });
  return strikes;
}

function boundariesAt(line: string, victim: Victim): string[] {
  const [stage, word, what] = line.split(' ');
  const point = `apply ${stage} ${word} ${what}`;
  if (word === 'begin' && victim === 'host') return [point, `apply ${stage} after begin ${what}`];
  return word === 'begin' || word === 'done' || word === 'end' ? [point] : [];
}

/**
 * In the middle of actions: of the host before one of its commands, and while it takes that back; of the program alone; and of
 * all but that at any time.
 */
export function atRandom(
  journals: Readonly<Record<Version, readonly string[]>>,
  random: Random,
  count: number,
): Strikes {
  const strikes: Strikes = { a: [], b: [] };
  for (const version of ['a', 'b'] as const) {
    const actions = actionsOf(journals[version]);
    const guarded = new Set(journals[version].filter((line) => / guard /.test(line)).map((line) => Number(line[0])));
    for (let number = 0; number < count; number++) {
      const kind = number % 5;
      if (kind === 0) strikes[version].push({ victim: random.pick(victims), when: random.integer(runMs) });
      else if (kind === 3) strikes[version].push(insideAnUndoing(actions, guarded, random));
      else if (kind === 4)
        strikes[version].push({ ...insideAnAction(random.pick(actions), random, false), victim: 'program' });
      else strikes[version].push(insideAnAction(random.pick(actions), random, kind === 2));
    }
  }
  return strikes;
}

/** The host goes down in the middle of an action, and perhaps again while the next boot takes that back. */
function insideAnAction({ stage, number }: Action, random: Random, again: boolean): Strike {
  const afterwards = again ? [`recover ${stage} begin ${number} +${random.integer(4)}`] : [];
  return {
    victim: 'host',
    when: `apply ${stage} after begin ${number} +${random.integer(1 + random.integer(16))}`,
    afterwards,
  };
}

/**
 * The controller dies, the host takes everything back by itself, and goes down while it does. A guarded stage has a guardian
 * of its own, who would be quicker.
 */
function insideAnUndoing(actions: readonly Action[], guarded: ReadonlySet<number>, random: Random): Strike {
  const { stage, number } = random.pick(actions.filter((action) => !guarded.has(action.stage)));
  const before = actions.filter(
    (action) => action.stage < stage || (action.stage === stage && action.number <= number),
  );
  const undone = random.pick(before);
  const verb = undone.stage === stage ? 'apply' : 'take-back';
  return {
    victim: 'controller',
    when: `apply ${stage} begin ${number}`,
    onDisconnect: 'revert',
    afterwards: [`${verb} ${undone.stage} reverted ${undone.number}`],
    becomes: 'reverted',
  };
}

function actionsOf(journal: readonly string[]): Action[] {
  return journal.flatMap((line) => {
    const [stage, word, number] = line.split(' ');
    return word === 'begin' ? [{ stage: Number(stage), number: Number(number) }] : [];
  });
}
