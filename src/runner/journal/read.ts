import { parsePairs } from '../../remote/facts/parse-system.ts';
import type { Frame } from '../../remote/frames.ts';
import type { Session } from '../../remote/session.ts';
import { asLabError, LabError } from '../../shared/errors.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import { quote, quoteAll } from '../../shared/quote.ts';
import { functionsOf } from '../../shared/shell-functions.ts';
import type { ActionReference } from '../apply/action-plan.ts';
import { posixChecksum } from './posix-checksum.ts';
import { type JournaledAction, parseAction, parseMeta, type RunMeta } from './record.ts';

const script = [
  readOwnFile('remote/process.sh'),
  readOwnFile('remote/fingerprint.sh'),
  functionsOf(readOwnFile('remote/stage/journal.sh'), ['lab_sum_of_listing', 'lab_sum_of_tree']),
  readOwnFile('remote/history.sh'),
]
  .join('\n')
  .replaceAll(/^\s*#.*\n/gm, '');

/**
 * How a run ended: `complete`; `failed`; `stopped` by Ctrl-C; `reverted` and `guard-reverted`: taken back; `unattended`: the
 * host finished what it had after the controller was gone; `interrupted`: cut short, and what was half done taken back;
 * `damaged`: its journal cannot be trusted; `running`; `dead`: cut short, and not put in order yet.
 */
export type RunState =
  | 'complete'
  | 'failed'
  | 'stopped'
  | 'reverted'
  | 'guard-reverted'
  | 'unattended'
  | 'interrupted'
  | 'damaged'
  | 'running'
  | 'dead';

const states: ReadonlySet<string> = new Set<RunState>([
  ...(['complete', 'failed', 'stopped', 'reverted', 'guard-reverted', 'unattended', 'interrupted', 'damaged'] as const),
]);

/** A run as the host's journal tells it. */
export interface JournaledRun {
  readonly run: string;
  /** Counts the runs of the host; 0 for one that never got to work. */
  readonly number: number;
  /** `anna@laptop` */
  readonly who: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly state: RunState;
  readonly endedAt: string | undefined;
  /** Absent when a run ended before it said what it was. */
  readonly meta: RunMeta | undefined;
  /** Of what it set out to change. */
  readonly roles: readonly string[];
  readonly stages: readonly number[];
  /** Actions that were done, also those taken back later. */
  readonly done: number;
  readonly locked: boolean;
  /** It ended when its controller was gone, and nobody has been told since. */
  readonly unseen: boolean;
}

/** What can still be read of a journal of which a part is damaged. */
export interface ReadableActions {
  /** All of them, or those that came after the damage: what happened before it may have been taken back in it. */
  readonly actions: readonly JournaledActionState[];
  readonly damage?: { readonly run: string; readonly error: LabError } | undefined;
}

/** What became of an action; `null` when it never began. */
export type Fate = 'begin' | 'done' | 'failed' | 'reverted' | null;

/** An action with all that the journal says of it. */
export interface JournaledActionState {
  readonly at: ActionReference;
  readonly action: JournaledAction;
  readonly fate: Fate;
  /** What it left at each of its paths, and then of those it watches; shorter when it was cut short. */
  readonly after: readonly string[];
  /** Checksums of its pre-images. */
  readonly saved: readonly string[];
}

/** Reads the journal of one host. Changes nothing. */
export class JournalReader {
  readonly #session: Session;
  #sent = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** All runs, oldest first. One round trip. */
  async runs(): Promise<readonly JournaledRun[]> {
    const frames = await this.#request('lab_read_runs');
    return [...frames]
      .map(([id, frame]) => runOf(id.slice('run '.length), frame))
      .sort((a, b) => a.number - b.number || (a.run < b.run ? -1 : 1));
  }

  /** What the lock says: `run`, `who`, `since`, `held`, …; null when it is free. */
  async lock(): Promise<ReadonlyMap<string, string> | null> {
    const pairs = parsePairs((await this.#request('lab_read_lock')).get('lock')?.body);
    return pairs.length === 0 ? null : new Map(pairs);
  }

  /**
   * The actions of runs, in the order in which they were done. One round trip.
   *
   * @throws LabError JOURNAL_DAMAGED when a checksum does not fit
   */
  async actions(runs: readonly Pick<JournaledRun, 'run' | 'stages'>[]): Promise<readonly JournaledActionState[]> {
    return (await this.#stagesOf(runs)).flatMap(({ read }) => read());
  }

  /** The same, as far as it can be read. */
  async readable(runs: readonly Pick<JournaledRun, 'run' | 'stages'>[]): Promise<ReadableActions> {
    const actions: JournaledActionState[][] = [];
    for (const { run, read } of (await this.#stagesOf(runs)).reverse()) {
      try {
        actions.unshift(read());
      } catch (thrown) {
        return { actions: actions.flat(), damage: { run, error: asLabError(thrown) } };
      }
    }
    return { actions: actions.flat() };
  }

  /** What of each run is damaged; runs that are as they were written are left out. One round trip. */
  async damage(runs: readonly Pick<JournaledRun, 'run' | 'stages'>[]): Promise<ReadonlyMap<string, string>> {
    const stages = runs.flatMap(({ run, stages }) => stages.map((stage) => ({ run, stage })));
    const found = new Map<string, string>();
    if (stages.length === 0) return found;
    const frames = await this.#request(
      `lab_read_damage ${quoteAll(stages.map(({ run, stage }) => `${run}/stage-${stage}`))}`,
    );
    for (const { run, stage } of stages) {
      try {
        this.#journalOf(run, stage, frames.get(`journal ${run} ${stage}`));
      } catch {
        found.set(run, `stage-${stage}/journal`);
      }
    }
    for (const line of linesOf(frames.get('damaged'))) {
      const at = line.indexOf('/');
      found.set(line.slice(0, at), line.slice(at + 1));
    }
    return found;
  }

  async #stagesOf(runs: readonly Pick<JournaledRun, 'run' | 'stages'>[]) {
    const stages = runs.flatMap(({ run, stages }) => stages.map((stage) => ({ run, stage })));
    const commands = stages.map(({ run, stage }) => `lab_read_stage ${quote(run)} ${stage}`);
    const frames = stages.length === 0 ? new Map<string, Frame>() : await this.#request(commands.join('\n'));
    return stages.map(({ run, stage }) => ({ run, read: () => this.#stageOf(run, stage, frames) }));
  }

  /**
   * Makes sure that what actions kept is as they kept it.
   *
   * @throws LabError JOURNAL_DAMAGED
   */
  async verify(actions: readonly JournaledActionState[]): Promise<void> {
    const keeping = actions.filter(({ action }) => action.paths.length > 0);
    if (keeping.length === 0) return;
    const frames = await this.#request(
      keeping
        .map(({ at, action }) => `lab_read_kept ${quote(at.run)} ${at.stage} ${at.number} ${action.paths.length}`)
        .join('\n'),
    );
    for (const { at, action, saved } of keeping) {
      const now = linesOf(frames.get(`kept ${at.run} ${at.stage} ${at.number}`));
      const wrong = action.paths.findIndex((_, index) => saved[index] !== undefined && saved[index] !== now[index]);
      if (wrong >= 0) throw this.#damaged(at.run, `what was kept of ${action.paths[wrong]} is not what was kept`);
    }
  }

  /** What is at each path now. One round trip. */
  async fingerprints(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (paths.length === 0) return new Map();
    const lines = linesOf((await this.#request(`lab_read_now ${quoteAll(paths)}`)).get('now'));
    return new Map(paths.map((path, index) => [path, lines[index] ?? '']));
  }

  /** For each file of `origin/`, the actions that hold the way back to what was there before `lab`. */
  async origins(files: readonly string[]): Promise<ReadonlyMap<string, readonly ActionReference[]>> {
    if (files.length === 0) return new Map();
    const frames = await this.#request(`lab_read_origins ${quoteAll(files)}`);
    return new Map(
      [...frames].map(([id, frame]) => [
        id.slice('origin '.length),
        linesOf(frame).map((line) => referenceOf(line.slice(line.indexOf(' ') + 1))),
      ]),
    );
  }

  /** A file below `/var/lib/lab/owned`; empty when there is none. */
  async owned(name: string): Promise<string> {
    return (await this.#request(`lab_read_owned ${quote(name)}`)).get('owned')?.body.toString() ?? '';
  }

  async #request(commands: string): Promise<Map<string, Frame>> {
    const text = this.#sent ? commands : `${script}\n${commands}`;
    this.#sent = true;
    return this.#session.request(text);
  }

  #stageOf(run: string, stage: number, frames: ReadonlyMap<string, Frame>): JournaledActionState[] {
    const damaged = linesOf(frames.get(`damaged ${run} ${stage}`));
    const parts = damaged.map((path) => path.slice(path.indexOf('/') + 1));
    if (parts.length > 0) throw this.#damaged(run, parts.join(', '));
    const said = this.#journalOf(run, stage, frames.get(`journal ${run} ${stage}`));
    const lines = linesOf(frames.get(`plan ${run} ${stage}`));
    return lines.map((line) => {
      const action = this.#parse(run, () => parseAction(line));
      const { fate = null, after = [], saved = [] } = said.get(action.number) ?? {};
      return { at: { run, stage, number: action.number }, action, fate, after, saved };
    });
  }

  #journalOf(run: string, stage: number, frame: Frame | undefined) {
    const said = new Map<number, { fate: Fate; after: string[]; saved: string[] }>();
    const of = (number: string | undefined) => {
      const known = said.get(Number(number)) ?? { fate: null, after: [], saved: [] };
      said.set(Number(number), known);
      return known;
    };
    let sum = 0;
    const text = frame?.body.toString() ?? '';
    // What a crash cut off at the end has no newline.
    for (const line of text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1)) {
      const at = line.lastIndexOf(' #');
      const words = line.slice(0, at);
      sum = posixChecksum(`${sum} ${words}`);
      if (line.slice(at + 2) !== String(sum)) throw this.#damaged(run, `stage-${stage}/journal, at the line "${line}"`);
      const [word, number, index, value = ''] = words.split(' ');
      if (word === 'begin' || word === 'done' || word === 'failed' || word === 'reverted') of(number).fate = word;
      else if (word === 'after') of(number).after[Number(index)] = value;
      else if (word === 'saved') of(number).saved[Number(index)] = value;
    }
    return said;
  }

  #parse<Value>(run: string, parse: () => Value): Value {
    try {
      return parse();
    } catch (cause) {
      throw this.#damaged(run, 'its plan was not written by this version', cause);
    }
  }

  #damaged(run: string, found: string, cause?: unknown): LabError {
    return new LabError('JOURNAL_DAMAGED', `the journal of run ${run} is damaged`, {
      host: this.#session.host,
      expected: 'every part as it was written, by its checksum',
      found,
      hint: `what it and the runs before it changed cannot be taken back by lab any more; look at /var/lib/lab/runs/${run} on the host`,
      cause,
    });
  }
}

function runOf(run: string, frame: Frame): JournaledRun {
  const pairs = parsePairs(frame.body);
  const one = (key: string) => pairs.find(([name]) => name === key)?.[1];
  const all = (key: string) => pairs.filter(([name]) => name === key).map(([, value]) => value);
  const [word = '', endedAt, note] = (one('state') ?? '').split(' ');
  const running = one('running') === 'yes';
  let meta: RunMeta | undefined;
  try {
    meta = parseMeta(one('meta') ?? '');
  } catch {
    // A run that ended before it said what it was.
  }
  return {
    run,
    number: Number(one('number') ?? 0),
    who: one('who') ?? '',
    since: one('since') ?? '',
    state: states.has(word) ? (word as RunState) : running ? 'running' : 'dead',
    endedAt,
    meta,
    roles: [...new Set(all('role'))],
    stages: all('stage')
      .map(Number)
      .sort((a, b) => a - b),
    done: Number(one('done') ?? 0),
    locked: one('locked') === 'yes',
    unseen: word === 'unattended' || note === 'unseen',
  };
}

function referenceOf(text: string): ActionReference {
  const [run = '', stage, number] = text.split('/');
  return { run, stage: Number(stage), number: Number(number) };
}

function linesOf(frame: Frame | undefined): string[] {
  const text = frame?.body.toString() ?? '';
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
