import { createReadStream } from 'node:fs';
import { parsePairs } from '../../remote/facts/parse-system.ts';
import type { Data, Mark } from '../../remote/frames.ts';
import type { Session } from '../../remote/session.ts';
import type { Content } from '../../resources/contract.ts';
import { LabError } from '../../shared/errors.ts';
import { quote } from '../../shared/quote.ts';
import { metaLine, type RunMeta } from '../journal/record.ts';
import type { HostLink } from '../link.ts';
import { bytesOf, isLocalFile, type Stage } from './compile.ts';
import { controlScript, whoAmI } from './control-script.ts';
import { Follower, type StageEnd, type StageListener } from './follow-stage.ts';
import { StageWatcher } from './watch-stage.ts';

/** Bytes of content in one piece of an upload. */
const pieceBytes = 384 * 1024;
const keepLockMs = 20_000;

/** What the host does with the rest of a plan when nobody listens any more. */
export type OnDisconnect = 'finish' | 'stop' | 'revert';

export interface RunIdentity {
  readonly run: string;
  readonly meta: RunMeta;
  /** The run that had changed the host last when its facts were read. */
  readonly lastRun: string | null;
  /** Stages of this run on this host before a reboot; default 0. */
  readonly stagesBefore?: number | undefined;
  /** Default `finish`. */
  readonly onDisconnect?: OnDisconnect | undefined;
  /** How long the host waits for a fresh connection after what can cut the way to it. Default 60. */
  readonly guardSeconds?: number | undefined;
  /** Runs that the host's journal keeps. Default 50. */
  readonly keepRuns?: number | undefined;
}

/**
 * The changing half of a run on one host: takes the lock once, then uploads and runs stages. Every stage runs detached on
 * the host; this follows its log, over a new connection when the first is lost. A stage that can cut the way in stays only
 * when a fresh connection to the declared endpoint confirms it.
 */
export class Applier {
  readonly #link: HostLink;
  readonly #identity: RunIdentity;
  #locked = false;
  #stages: number;
  #stopping = false;

  constructor(link: HostLink, identity: RunIdentity) {
    this.#link = link;
    this.#identity = identity;
    this.#stages = identity.stagesBefore ?? 0;
  }

  get stages(): number {
    return this.#stages;
  }

  /** The number that the next stage gets. */
  get nextStage(): number {
    return this.#stages + 1;
  }

  get guardSeconds(): number {
    return this.#identity.guardSeconds ?? 60;
  }

  /** Asks the host to end the stage after the action it is in. */
  async stop(): Promise<void> {
    if (this.#stopping || !this.#locked) return;
    this.#stopping = true;
    await this.#link.session.send(': >"$LAB_DIR/stop"');
  }

  /** @throws LabError HOST_LOCKED, HOST_CHANGED, JOURNAL, CONNECTION_LOST, GUARD_REVERTED, GUARD_UNKNOWN */
  async apply(stage: Stage, listener: StageListener): Promise<StageEnd> {
    this.#stages++;
    const follower = new Follower(this.#link.host.name, stage, this.#stages, listener);
    const answer: string[] = [];
    const consume = (token: Mark | Data) => {
      if (token.kind === 'data' && !follower.begun) answer.push(token.bytes.toString());
      else if (token.kind === 'mark' && token.fields[0] === 'e' && token.fields[1] === 'lock')
        this.#judgeLock(token, answer.join(''), listener);
      else if (token.kind === 'mark' && (token.fields[0] === 'b' || token.fields[0] === 'e')) return;
      else follower.take(token);
    };
    // The log is followed only after the answer: two that write at once would tear each other's marks.
    await this.#link.session.exchange(this.#upload(stage), consume, undefined, 'lab_follow');
    this.#locked = true;
    return this.#watch(stage, this.#link.session.nonce, follower, listener).toTheEnd();
  }

  #watch(stage: Stage, mark: string, follower: Follower, listener: StageListener): StageWatcher {
    const watched = {
      run: this.#identity.run,
      number: this.#stages,
      mark,
      guardSeconds: stage.risky ? this.guardSeconds : null,
      stopping: () => this.#stopping,
    };
    return new StageWatcher(this.#link, watched, follower, listener);
  }

  /**
   * Follows a stage that another controller began: one that is under way, that ended alone, or, with `goOn`, one that was cut
   * short, which then does the rest.
   *
   * @throws LabError HOST_LOCKED, JOURNAL, CONNECTION_LOST, GUARD_REVERTED, GUARD_UNKNOWN
   */
  async takeOver(stage: Stage, number: number, goOn: boolean, listener: StageListener): Promise<StageEnd> {
    this.#stages = number;
    const { session, host } = this.#link;
    const follower = new Follower(host.name, stage, number, listener);
    const said: string[] = [];
    const who = quote(whoAmI());
    const stageName = `${quote(this.#identity.run)} ${number}`;
    let attended = false;
    await session.exchange(
      // One that goes on with a run owns it when it has the lock, and not before: two may try at once.
      `${controlScript}\n${goOn ? `lab_attach ${stageName}` : `lab_take_over ${stageName} ${who}`}`,
      (token) => {
        if (token.kind === 'data') said.push(token.bytes.toString());
        else if (token.fields[0] === 'e' && token.fields[1] === 'take-over') attended = token.fields[2] === '1';
      },
    );
    const facts = new Map(parsePairs(Buffer.from(said.join(''))));
    if (attended) this.#refuseTakeOver(facts);
    const mark = facts.get('mark') ?? '';
    session.acceptMarks(mark);
    if (goOn) await this.#goOn(session, who);
    else follower.startAfter(Number(facts.get('seen') ?? 0));
    this.#locked = true;
    await session.exchange('lab_look', () => {}, undefined, 'lab_follow');
    return this.#watch(stage, mark, follower, listener).toTheEnd(facts.get('decided') === 'confirmed');
  }

  async #goOn(session: Session, who: string): Promise<void> {
    let status = 1;
    const holder: string[] = [];
    await session.exchange(`lab_go_on ${who}`, (token) => {
      if (token.kind === 'data') holder.push(token.bytes.toString());
      else if (token.fields[0] === 'e' && token.fields[1] === 'go-on') status = Number(token.fields[2]);
    });
    if (status !== 0) this.#refuseLock(new Map(parsePairs(Buffer.from(holder.join('')))));
  }

  /** Ends the run on the host and gives the lock back. */
  async release(state: StageEnd): Promise<void> {
    if (this.#locked)
      await this.#link.session.exchange(`lab_release ${state} ${this.#identity.keepRuns ?? 50}`, () => {});
  }

  /** Writes a file of the host's state, `owned/…`, while the lock is held. */
  async write(name: string, content: string): Promise<void> {
    await this.#link.session.exchange(`lab_keep ${quote(name)} <<'LAB_END'\n${encode(content)}\nLAB_END`, () => {});
  }

  async *#upload(stage: Stage): AsyncGenerator<string> {
    if (!this.#locked && this.#stages === (this.#identity.stagesBefore ?? 0) + 1) yield this.#lock();
    yield `lab_stage ${this.#stages}`;
    for (const [name, content] of stage.blobs) yield* put(`blobs/${name}`, content);
    yield* put('program', stage.program);
    yield* put('plan', stage.plan);
    yield* put('sums', stage.sums);
    yield `lab_start ${this.#identity.onDisconnect ?? 'finish'} ${stage.risky ? this.guardSeconds : 0}`;
  }

  #lock(): string {
    const { run, lastRun, meta } = this.#identity;
    const words = [run, whoAmI(), lastRun ?? '', metaLine(meta)].map(quote);
    return `${controlScript}\nlab_lock ${words.join(' ')}`;
  }

  /** Keeps the lock while something else is waited for: a controller that says nothing for a minute counts as gone. */
  async keepLock<Value>(wait: Promise<Value>): Promise<Value> {
    if (!this.#locked) return wait;
    const timer = setInterval(() => void this.#link.session.send('lab_beat'), keepLockMs);
    try {
      return await wait;
    } finally {
      clearInterval(timer);
    }
  }

  /** Takes the lock without a stage: for what is only written down. */
  async lock(listener: Pick<StageListener, 'notice'>): Promise<void> {
    if (this.#locked) return;
    const answer: string[] = [];
    await this.#link.session.exchange(this.#lock(), (token) => {
      if (token.kind === 'data') answer.push(token.bytes.toString());
      else if (token.fields[0] === 'e') this.#judgeLock(token, answer.join(''), listener);
    });
    this.#locked = true;
  }

  #refuseLock(lock: ReadonlyMap<string, string>): never {
    throw new LabError('HOST_LOCKED', 'another run is at work on this host', {
      host: this.#link.host.name,
      found: `run ${lock.get('run')} of ${lock.get('who')}, since ${lock.get('since')}`,
      hint: 'wait until it ends, and run this again; "lab resume" follows a run that lost its controller, "lab unlock" looks closer',
    });
  }

  #refuseTakeOver(owner: ReadonlyMap<string, string>): never {
    throw new LabError('HOST_LOCKED', 'the controller of this run is connected', {
      host: this.#link.host.name,
      found: `run ${owner.get('run')} of ${owner.get('who')}, since ${owner.get('since')}`,
      hint: 'watch it where it was started; a controller that has not been heard for a minute counts as gone',
    });
  }

  #judgeLock(mark: Mark, answer: string, listener: Pick<StageListener, 'notice'>): void {
    const status = Number(mark.fields[2]);
    const host = this.#link.host.name;
    const fields = new Map(answer.split('\n').map((line) => line.split('=', 2) as [string, string]));
    const stale = fields.get('stale');
    if (status === 0) {
      if (stale !== undefined)
        listener.notice(`took over the lock of run ${stale}, which ended without giving it back`);
      return;
    }
    if (status === 1) this.#refuseLock(fields);
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
  for await (const piece of pieces(content)) yield `${command}${encode(piece)}\nLAB_END`;
}

function encode(content: Buffer | string): string {
  return Buffer.from(content)
    .toString('base64')
    .replaceAll(/(.{76})/g, '$1\n');
}

async function* pieces(content: Content): AsyncGenerator<Buffer> {
  if (isLocalFile(content)) {
    // An empty file gives no piece, and must arrive all the same.
    yield Buffer.alloc(0);
    yield* createReadStream(content.localFile, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
    return;
  }
  const bytes = bytesOf(content);
  for (let at = 0; at === 0 || at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
