import { StringDecoder } from 'node:string_decoder';
import type { Data, Mark } from '../../remote/frames.ts';
import { LabError } from '../../shared/errors.ts';
import { type Action, describeStep, type Stage } from './compile.ts';

/** Kept of an action's output for the error message. */
const outputKept = 16 * 1024;

export interface StageListener {
  started(action: Action): void;
  output(action: Action, text: string): void;
  finished(action: Action, durationMs: number, failure: LabError | undefined): void;
  /** An action that stood was taken back; false: it could not be, in full. */
  undone(action: Action, complete: boolean): void;
  notice(text: string, level?: 'info' | 'warning'): void;
}

/** `guard-reverted`: nobody confirmed it in time, or the host went down before, so everything was taken back. */
export type StageEnd = 'complete' | 'failed' | 'stopped' | 'reverted' | 'guard-reverted';
const ends: readonly string[] = ['complete', 'failed', 'stopped', 'reverted', 'guard-reverted'] satisfies StageEnd[];

interface Current {
  readonly action: Action;
  step: number;
  readonly since: number;
  output: string;
  /** A character may come in two pieces. */
  readonly decoder: StringDecoder;
  unreverted: boolean;
}

/** Understands the marks of a stage's log, also when it has to be read again from the beginning. */
export class Follower {
  begun = false;
  ended = false;
  /** False when something of what was taken back is left. */
  undoneInFull = true;
  readonly #host: string;
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
  /** How much of the log was taken: marks, and bytes since the last of them. */
  #marks = 0;
  #bytes = 0;
  /** How much of a log that is read again is to be passed over. */
  #skip = { marks: 0, bytes: 0 };

  constructor(host: string, stage: Stage, number: number, listener: StageListener) {
    this.#host = host;
    this.#stage = stage;
    this.#name = `stage-${number}`;
    this.#listener = listener;
  }

  /** How many actions were seen to end. */
  get seen(): number {
    return this.#ended;
  }

  /** The last word about the stage: its end, or `gone` when nobody is at work on it any more. */
  get last(): string | undefined {
    return this.#end;
  }

  /** The log comes once more from its beginning. */
  again(): void {
    // It may break off once more before it comes to what is new.
    const { marks, bytes } = this.#skip;
    if (this.#marks > marks || (this.#marks === marks && this.#bytes > bytes))
      this.#skip = { marks: this.#marks, bytes: this.#bytes };
    this.#marks = 0;
    this.#bytes = 0;
    this.#gone = 0;
  }

  /** After the end of the stage proper the guardian may have words of its own. */
  goOn(): void {
    this.ended = false;
    this.#end = undefined;
    this.#gone = 0;
  }

  /** @param number of the action that was the last to be seen by an earlier controller; it and those before go untold */
  startAfter(number: number): void {
    this.#silentUpTo = number;
  }
  #silentUpTo = 0;

  /** Takes a token of the log; true when the stage has ended. */
  take(token: Mark | Data): boolean {
    if (token.kind === 'data') {
      this.#data(token.bytes);
      return this.ended;
    }
    const [kind = '', number = '', status = ''] = token.fields;
    // Not of the log: the controller's shell says it.
    if (kind === 'gone') {
      if (number === this.#name && ++this.#gone > 1) this.#finishWith('gone');
      return this.ended;
    }
    // The disk of the host was full in the middle of it; it comes again.
    if (token.fields.at(-1) === '!') return this.ended;
    this.#marks++;
    this.#bytes = 0;
    if (this.#marks > this.#skip.marks) this.#mark(kind, number, status);
    return this.ended;
  }

  #mark(kind: string, number: string, status: string): void {
    if (kind === 'a' || kind === 'z') this.#requireOrder(kind, Number(number));
    if (kind === 'a') this.#begin(this.#action(number));
    else if (kind === 's' && this.#current !== undefined) this.#current.step = Number(status);
    else if (kind === 'unreverted' && this.#current !== undefined) this.#current.unreverted = true;
    else if (kind === 'undone') this.#undone(this.#action(number), status === '0');
    else if (kind === 'unsettled')
      this.#listener.notice(`${this.#action(number).plan.title}: could not be restarted after it was taken back`);
    else if (kind === 'z') this.#finish(this.#action(number), Number(status));
    else if (kind === 'unconfirmed') this.#current = undefined;
    else if (kind === 'end') this.#finishWith(number);
  }

  #undone(action: Action, complete: boolean): void {
    if (!complete) this.undoneInFull = false;
    this.#listener.undone(action, complete);
  }

  #finishWith(end: string): void {
    this.ended = true;
    this.#end ??= end;
  }

  /** What is passed over when the log is read again stands before the mark that was seen last, or follows it. */
  #data(bytes: Uint8Array): void {
    const before = this.#bytes;
    this.#bytes += bytes.length;
    if (this.#marks < this.#skip.marks) return;
    const passed =
      this.#marks === this.#skip.marks ? Math.max(0, Math.min(bytes.length, this.#skip.bytes - before)) : 0;
    if (passed < bytes.length) this.#output(bytes.subarray(passed));
  }

  result(): StageEnd {
    if (this.#end !== undefined && ends.includes(this.#end)) return this.#end as StageEnd;
    if (this.#end === 'unlocked')
      throw new LabError('HOST_LOCKED', 'somebody took the lock of this run away, so it went no further', {
        host: this.#host,
        hint: 'run this again when nobody else is at work on the host: it finds out what was done',
      });
    if (this.#end === 'interrupted')
      throw new LabError('CONNECTION_LOST', 'the host went down in the middle of the plan', {
        host: this.#host,
        hint: 'it took back what was half done when it came up again; run this again for the rest',
      });
    const refused = this.#end === 'refused';
    throw new LabError(
      'JOURNAL',
      refused
        ? 'the plan could not be written to the host: nothing was changed'
        : 'the host stopped working on the plan without saying how far it came',
      {
        host: this.#host,
        hint: 'is the disk full, or the file system read-only? Run this again when that is mended: it finds out what was done',
      },
    );
  }

  #action(number: string): Action {
    const action = this.#stage.actions[Number(number) - 1];
    if (action === undefined)
      throw new LabError('REMOTE_PROGRAM', `the host speaks of an unknown action ${number}`, {
        host: this.#host,
      });
    return action;
  }

  /** Actions begin one after the other, and end before the next: anything else was not said by our program. */
  #requireOrder(kind: 'a' | 'z', number: number): void {
    // A stage that goes on after a crash passes over what was done before.
    const inOrder =
      kind === 'a'
        ? number > this.#ended && this.#current === undefined
        : number === this.#current?.action.number && this.#current !== undefined;
    if (inOrder) {
      if (kind === 'z') this.#ended = number;
      return;
    }
    throw new LabError('REMOTE_PROGRAM', `the host speaks of action ${number} out of turn`, {
      host: this.#host,
    });
  }

  #begin(action: Action): void {
    this.begun = true;
    const decoder = new StringDecoder('utf8');
    this.#current = { action, step: -1, since: performance.now(), output: '', decoder, unreverted: false };
    if (action.number > this.#silentUpTo) this.#listener.started(action);
  }

  #output(bytes: Uint8Array): void {
    if (this.#current === undefined) return;
    const text = this.#current.decoder.write(Buffer.from(bytes));
    this.#current.output = lastLines(this.#current.output + text);
    if (this.#current.action.number > this.#silentUpTo) this.#listener.output(this.#current.action, text);
  }

  #finish(action: Action, status: number): void {
    const current = this.#current as Current;
    const durationMs = performance.now() - current.since;
    const failure = status === 0 ? undefined : this.#failure(current, status, durationMs);
    if (action.number > this.#silentUpTo) this.#listener.finished(action, durationMs, failure);
    this.#current = undefined;
  }

  #failure({ action, step: index, output, unreverted }: Current, status: number, durationMs: number): LabError {
    const step = action.plan.apply[index];
    const at = action.plan.at ?? undefined;
    const host = this.#host;
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
      timedOut ? `${action.plan.title}: no end within ${limit} s` : `${action.plan.title} failed`,
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

function canBeUndone({ plan }: Action): boolean {
  return plan.apply.length === 0 || plan.revert.length + plan.settle.length > 0;
}
