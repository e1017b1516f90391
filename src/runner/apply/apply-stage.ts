import { createReadStream } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { StringDecoder } from 'node:string_decoder';
import type { Data, Mark } from '../../remote/frames.ts';
import type { Session } from '../../remote/session.ts';
import type { Content } from '../../resources/contract.ts';
import { LabError } from '../../shared/errors.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import { quote } from '../../shared/quote.ts';
import { reveal } from '../../shared/secret.ts';
import { type Action, describeStep, isLocalFile, type Stage } from './compile.ts';

const control = readOwnFile('remote/control.sh').replaceAll(/^\s*#.*\n/gm, '');
/** Bytes of content in one piece of an upload. */
const pieceBytes = 384 * 1024;
/** Kept of an action's output for the error message. */
const outputKept = 16 * 1024;
const checkIntervalMs = 3000;

export interface StageListener {
  started(action: Action): void;
  output(action: Action, text: string): void;
  finished(action: Action, durationMs: number, failure: LabError | undefined): void;
  notice(text: string): void;
}

export interface RunIdentity {
  readonly run: string;
  /** The run that had changed the host last when its facts were read. */
  readonly lastRun: string | null;
  /** Stages of this run on this host before a reboot; default 0. */
  readonly stagesBefore?: number | undefined;
}

export type StageEnd = 'complete' | 'failed' | 'stopped';

/**
 * The changing half of a run on one host: takes the lock once, then uploads and runs stages. Every stage runs detached;
 * this follows its log.
 */
export class Applier {
  readonly #session: Session;
  readonly #identity: RunIdentity;
  #locked = false;
  #stages: number;
  #stopping = false;

  constructor(session: Session, identity: RunIdentity) {
    this.#session = session;
    this.#identity = identity;
    this.#stages = identity.stagesBefore ?? 0;
  }

  get stages(): number {
    return this.#stages;
  }

  /** Asks the host to end the stage after the action it is in. */
  async stop(): Promise<void> {
    if (this.#stopping || !this.#locked) return;
    this.#stopping = true;
    await this.#session.send(': >"$LAB_DIR/stop"');
  }

  /** @throws LabError HOST_LOCKED, HOST_CHANGED, JOURNAL, CONNECTION_LOST */
  async apply(stage: Stage, listener: StageListener): Promise<StageEnd> {
    this.#stages++;
    const follower = new Follower(this.#session, stage, `stage-${this.#stages}`, listener);
    const answer: string[] = [];
    const consume = (token: Mark | Data) => {
      if (token.kind === 'data' && !follower.begun) answer.push(token.bytes.toString());
      else if (token.kind === 'mark' && token.fields[0] === 'e' && token.fields[1] === 'lock')
        this.#judgeLock(token, answer.join(''), listener);
      else follower.take(token);
    };
    // The log is followed only after the answer: two that write at once would tear each other's marks.
    await this.#session.exchange(this.#upload(stage), consume, undefined, 'lab_follow');
    this.#locked = true;
    const timer = setInterval(() => void this.#session.send('lab_check'), checkIntervalMs);
    try {
      if (!follower.ended) await this.#session.follow((token) => follower.take(token));
    } finally {
      clearInterval(timer);
    }
    await this.#session.send('lab_stop_following');
    return follower.result();
  }

  /** Ends the run on the host and gives the lock back. */
  async release(state: 'complete' | 'failed' | 'stopped'): Promise<void> {
    if (this.#locked) await this.#session.exchange(`lab_release ${state}`, () => {});
  }

  async *#upload(stage: Stage): AsyncGenerator<string> {
    const { run, lastRun } = this.#identity;
    if (this.#stages === (this.#identity.stagesBefore ?? 0) + 1) {
      const who = `${userInfo().username}@${hostname()}`;
      yield `${control}\nlab_lock ${quote(run)} ${quote(who)} ${quote(lastRun ?? '')}`;
    }
    yield `lab_stage ${this.#stages}`;
    for (const [name, content] of stage.blobs) yield* put(`blobs/${name}`, content);
    yield* put('program', stage.program);
    yield 'lab_start';
  }

  #judgeLock(mark: Mark, answer: string, listener: StageListener): void {
    const status = Number(mark.fields[2]);
    const host = this.#session.host;
    const fields = new Map(answer.split('\n').map((line) => line.split('=', 2) as [string, string]));
    const stale = fields.get('stale');
    if (status === 0) {
      if (stale !== undefined)
        listener.notice(`took over the lock of run ${stale}, which ended without giving it back`);
      return;
    }
    if (status === 1) {
      throw new LabError('HOST_LOCKED', 'another run is at work on this host', {
        host,
        found: `run ${fields.get('run')} of ${fields.get('who')}, since ${fields.get('since')}`,
        hint: 'wait until it ends, and run this again',
      });
    }
    if (status === 3) {
      throw new LabError('HOST_CHANGED', 'another run changed this host after it was read', {
        host,
        hint: 'run this again: it reads the host anew',
      });
    }
    throw new LabError('JOURNAL', 'the journal in /var/lib/lab cannot be written: nothing was changed', {
      host,
      output: answer,
      hint: 'is the disk full, or the file system read-only?',
    });
  }
}

async function* put(name: string, content: Content): AsyncGenerator<string> {
  const command = `lab_put ${quote(name)} <<'LAB_END'\n`;
  for await (const piece of pieces(content))
    yield `${command}${piece.toString('base64').replaceAll(/(.{76})/g, '$1\n')}\nLAB_END`;
}

async function* pieces(content: Content): AsyncGenerator<Buffer> {
  if (isLocalFile(content)) {
    // An empty file gives no piece, and must arrive all the same.
    yield Buffer.alloc(0);
    yield* createReadStream(content.localFile, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
    return;
  }
  const bytes = content instanceof Uint8Array ? Buffer.from(content) : Buffer.from(reveal(content));
  for (let at = 0; at === 0 || at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

interface Current {
  readonly action: Action;
  step: number;
  readonly since: number;
  output: string;
  /** A character may come in two pieces. */
  readonly decoder: StringDecoder;
  unreverted: boolean;
}

/** Understands the marks of a stage's log. */
class Follower {
  begun = false;
  ended = false;
  readonly #session: Session;
  readonly #stage: Stage;
  readonly #listener: StageListener;
  /** Of the stage's folder on the host: a late word about the stage before must not end this one. */
  readonly #name: string;
  #end: string | undefined;
  /** How often the process was found to have ended; the first time its last words may still be on their way. */
  #gone = 0;
  /** Number of the last action that ended. */
  #ended = 0;
  #current: Current | undefined;

  constructor(session: Session, stage: Stage, name: string, listener: StageListener) {
    this.#session = session;
    this.#stage = stage;
    this.#name = name;
    this.#listener = listener;
  }

  /** Takes a token of the log; true when the stage has ended. */
  take(token: Mark | Data): boolean {
    if (token.kind === 'data') {
      this.#output(token.bytes);
      return this.ended;
    }
    const [kind = '', number = '', status = ''] = token.fields;
    if (kind === 'a' || kind === 'z') this.#requireOrder(kind, Number(number));
    if (kind === 'a') this.#begin(this.#action(number));
    else if (kind === 's' && this.#current !== undefined) this.#current.step = Number(status);
    else if (kind === 'unreverted' && this.#current !== undefined) this.#current.unreverted = true;
    else if (kind === 'z') this.#finish(this.#action(number), Number(status));
    else if (kind === 'end' || (kind === 'gone' && number === this.#name && ++this.#gone > 1)) {
      this.ended = true;
      this.#end ??= kind === 'gone' ? 'gone' : number;
    }
    return this.ended;
  }

  result(): StageEnd {
    if (this.#end === 'complete' || this.#end === 'failed' || this.#end === 'stopped') return this.#end;
    const refused = this.#end === 'refused';
    throw new LabError(
      'JOURNAL',
      refused
        ? 'the plan could not be written to the host: nothing was changed'
        : 'the host stopped working on the plan without saying how far it came',
      {
        host: this.#session.host,
        hint: 'is the disk full, or the file system read-only? Run this again when that is mended: it finds out what was done',
      },
    );
  }

  #action(number: string): Action {
    const action = this.#stage.actions[Number(number) - 1];
    if (action === undefined)
      throw new LabError('REMOTE_PROGRAM', `the host speaks of an unknown action ${number}`, {
        host: this.#session.host,
      });
    return action;
  }

  /** Actions begin one after the other, and end before the next: anything else was not said by our program. */
  #requireOrder(kind: 'a' | 'z', number: number): void {
    const expected = kind === 'a' ? this.#ended + 1 : this.#current?.action.number;
    if (number === expected && (kind === 'z' || this.#current === undefined)) {
      if (kind === 'z') this.#ended = number;
      return;
    }
    throw new LabError('REMOTE_PROGRAM', `the host speaks of action ${number} out of turn`, {
      host: this.#session.host,
    });
  }

  #begin(action: Action): void {
    this.begun = true;
    const decoder = new StringDecoder('utf8');
    this.#current = { action, step: -1, since: performance.now(), output: '', decoder, unreverted: false };
    this.#listener.started(action);
  }

  #output(bytes: Uint8Array): void {
    if (this.#current === undefined) return;
    const text = this.#current.decoder.write(Buffer.from(bytes));
    this.#current.output = lastLines(this.#current.output + text);
    this.#listener.output(this.#current.action, text);
  }

  #finish(action: Action, status: number): void {
    const current = this.#current as Current;
    const durationMs = performance.now() - current.since;
    const failure = status === 0 ? undefined : this.#failure(current, status, durationMs);
    this.#listener.finished(action, durationMs, failure);
    this.#current = undefined;
  }

  #failure({ action, step: index, output, unreverted }: Current, status: number, durationMs: number): LabError {
    const step = action.steps[index];
    const at = action.planned.resource.at;
    const host = this.#session.host;
    if (status === 97) {
      return new LabError('JOURNAL', 'the journal cannot be written: nothing was changed', {
        host,
        at,
        output,
        hint: 'is the disk full, or the file system read-only?',
      });
    }
    // GNU's timeout gives 124, busybox's what the signal gives; a command may have either for reasons of its own.
    const limit = step?.do === 'run' ? (step.timeoutSeconds ?? 600) : Number.POSITIVE_INFINITY;
    const timedOut = step?.do === 'run' && [124, 137, 143].includes(status) && durationMs > limit * 900;
    const command = describeStep(step);
    return new LabError(
      timedOut ? 'STEP_TIMEOUT' : 'STEP_FAILED',
      timedOut ? `${action.planned.title}: no end within ${limit} s` : `${action.planned.title} failed`,
      {
        host,
        at,
        output,
        found: command === undefined ? `exit code ${status}` : `exit code ${status} of: ${command}`,
        hint: unreverted
          ? 'what it had done could not be taken back in full: look at the host before the next run'
          : (hintFor(output) ?? (canBeUndone(action) ? takenBack : stays)),
      },
    );
  }
}

/** The end of an output, in whole lines: of a secret that was cut in half, nobody would recognise the rest. */
function lastLines(output: string): string {
  if (output.length <= outputKept) return output;
  const end = output.slice(-outputKept);
  return end.slice(end.search(/[\r\n]/) + 1);
}

/** What to do about the failures that everybody meets. */
function hintFor(output: string): string | undefined {
  const known: [RegExp, string][] = [
    [/No space left on device/, 'the disk is full: free some space, and run this again'],
    [/Read-only file system/, 'the file system is mounted read-only'],
    [
      /Operation not permitted/,
      'even root may not do this: an immutable file (lsattr, chattr -i), or a container without the right',
    ],
    [
      /Could not get lock|Waiting for cache lock/,
      'another package manager is running on the host, unattended-upgrades perhaps',
    ],
    [
      /Unable to locate package|no such package/i,
      'no repository of the host has this package: a typing error, or a repository to add',
    ],
    [/Temporary failure resolving|Could not resolve/, 'the host cannot resolve names: look at its DNS and its way out'],
  ];
  return known.find(([pattern]) => pattern.test(output))?.[1];
}

const takenBack = 'it was taken back; the resource is as before';
const stays = 'nothing says how to undo it: what it did before it failed stays';

function canBeUndone({ planned }: Action): boolean {
  return planned.changes.every(({ apply, revert }) => apply.length === 0 || revert.length > 0);
}
