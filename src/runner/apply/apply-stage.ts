import { createReadStream } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parsePairs } from '../../remote/facts/parse-system.ts';
import type { Data, Mark } from '../../remote/frames.ts';
import type { Session } from '../../remote/session.ts';
import type { Content } from '../../resources/contract.ts';
import { asLabError, LabError } from '../../shared/errors.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import { quote } from '../../shared/quote.ts';
import { metaLine, type RunMeta } from '../journal/record.ts';
import type { HostLink } from '../link.ts';
import { bytesOf, isLocalFile, type Stage } from './compile.ts';
import { Follower, type StageEnd, type StageListener } from './follow-stage.ts';

export const controlScript = ['remote/process.sh', 'remote/control.sh']
  .map(readOwnFile)
  .join('\n')
  .replaceAll(/^\s*#.*\n/gm, '');
/** Bytes of content in one piece of an upload. */
const pieceBytes = 384 * 1024;
const checkIntervalMs = 3000;
/** How long a connection that was lost is tried again, in seconds, when no guard says how long. */
const reconnectSeconds = 30;
/** How long the host may take to take back what was not confirmed, in seconds: packages among it take their time. */
const takeBackSeconds = 300;
const retryMs = 1000;

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

  /** @throws LabError HOST_LOCKED, HOST_CHANGED, JOURNAL, CONNECTION_LOST, GUARD_REVERTED */
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
    const nonce = this.#link.session.nonce;
    // The log is followed only after the answer: two that write at once would tear each other's marks.
    await this.#link.session.exchange(this.#upload(stage), consume, undefined, 'lab_follow');
    this.#locked = true;
    const seconds = stage.risky ? this.guardSeconds : reconnectSeconds;
    await this.#follow(follower, nonce, seconds);
    const end = follower.result();
    if (stage.risky && end === 'complete') return this.#confirm(follower, nonce, listener);
    await this.#link.session.send('lab_stop_following');
    return end;
  }

  /**
   * Follows a stage that another controller began: one that is under way, that ended alone, or, with `goOn`, one that was cut
   * short, which then does the rest.
   *
   * @throws LabError HOST_LOCKED, JOURNAL, CONNECTION_LOST, GUARD_REVERTED
   */
  async takeOver(stage: Stage, number: number, goOn: boolean, listener: StageListener): Promise<StageEnd> {
    this.#stages = number;
    const { session, host } = this.#link;
    const follower = new Follower(host.name, stage, number, listener);
    const said: string[] = [];
    const who = quote(whoAmI());
    await session.exchange(
      `${controlScript}\nlab_attach ${quote(this.#identity.run)} ${number} ${who}`,
      (token) => void (token.kind === 'data' && said.push(token.bytes.toString())),
    );
    const facts = new Map(parsePairs(Buffer.from(said.join(''))));
    const mark = facts.get('mark') ?? '';
    session.acceptMarks(mark);
    if (goOn) await this.#goOn(session, who);
    else follower.startAfter(Number(facts.get('seen') ?? 0));
    this.#locked = true;
    await session.exchange('lab_look', () => {}, undefined, 'lab_follow');
    await this.#follow(follower, mark, stage.risky ? this.guardSeconds : reconnectSeconds);
    const end = follower.result();
    if (stage.risky && end === 'complete' && facts.get('decided') !== 'confirmed')
      return this.#confirm(follower, mark, listener);
    await this.#link.session.send('lab_stop_following');
    return end;
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

  /** Follows the log to its end; a connection that is lost is made anew, as the host works on. */
  async #follow(follower: Follower, nonce: string, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!follower.ended) {
      const { session } = this.#link;
      const timer = setInterval(() => void session.send(`lab_check ${follower.seen}`), checkIntervalMs);
      try {
        await session.follow((token) => follower.take(token));
      } catch (thrown) {
        if (!(thrown instanceof LabError) || thrown.code !== 'CONNECTION_LOST' || this.#stopping) throw thrown;
        await this.#reconnect(follower, nonce, Math.max(deadline, Date.now() + reconnectSeconds * 1000), thrown);
      } finally {
        clearInterval(timer);
      }
    }
  }

  /** @param lost what is thrown when the host does not answer in time */
  async #reconnect(follower: Follower, nonce: string, deadline: number, lost: LabError): Promise<void> {
    for (;;) {
      try {
        const session = await this.#link.fresh('any');
        await this.#link.replace(session);
        await this.#attach(session, follower, nonce);
        return;
      } catch (thrown) {
        const code = asLabError(thrown).code;
        if (Date.now() > deadline || code === 'HOST_KEY_CHANGED') throw lost;
        await pause(retryMs);
      }
    }
  }

  /** The session becomes the run's controller, and reads its log from the beginning. */
  async #attach(session: Session, follower: Follower, nonce: string): Promise<void> {
    session.acceptMarks(nonce);
    follower.again();
    const script = `${controlScript}\nlab_attach ${quote(this.#identity.run)} ${this.#stages} ${quote(whoAmI())}`;
    await session.exchange(script, () => {}, undefined, 'lab_follow');
  }

  /**
   * Only a fresh connection to the endpoint that the inventory declares keeps a stage that can cut the way in: it proves
   * address, port, login and the way to root at once.
   */
  async #confirm(follower: Follower, nonce: string, listener: StageListener): Promise<StageEnd> {
    const { host } = this.#link;
    const deadline = Date.now() + (this.guardSeconds - 1) * 1000;
    let last: LabError | undefined;
    do {
      let session: Session | undefined;
      try {
        session = await within(this.#link.fresh('declared'), deadline - Date.now());
        if (!(await this.#confirmOver(session))) break;
        await this.#link.replace(session);
        listener.notice('a fresh login confirmed the changes that could have cut the way in', 'info');
        return 'complete';
      } catch (thrown) {
        await session?.[Symbol.asyncDispose]().catch(() => {});
        last = asLabError(thrown);
        await pause(Math.min(retryMs, Math.max(0, deadline - Date.now())));
      }
    } while (Date.now() < deadline);
    listener.notice('no fresh login: the host takes back what it did');
    await this.#watchTakenBack(follower, nonce, last);
    throw new LabError('GUARD_REVERTED', `no fresh login within ${this.guardSeconds} s: everything was taken back`, {
      host: host.name,
      expected: `a login to ${describeEndpoint(host.connection)}, with root`,
      found: last === undefined ? 'none' : last.message,
      hint: 'the host is as it was before these changes; see what would have cut the way in, or give a longer --guard-timeout',
      cause: last,
    });
  }

  /** False when the host has decided already. */
  async #confirmOver(session: Session): Promise<boolean> {
    let confirmed = false;
    const { run } = this.#identity;
    const script = [
      controlScript,
      `lab_confirm ${quote(run)} ${this.#stages}`,
      `lab_attach ${quote(run)} ${this.#stages} ${quote(whoAmI())}`,
    ];
    await session.exchange(
      script.join('\n'),
      (token) => {
        if (token.kind === 'mark' && token.fields[0] === 'e' && token.fields[1] === 'confirm')
          confirmed = token.fields[2] === '0';
      },
      20,
    );
    return confirmed;
  }

  async #watchTakenBack(follower: Follower, nonce: string, last: LabError | undefined): Promise<void> {
    const deadline = Date.now() + takeBackSeconds * 1000;
    const { host } = this.#link;
    const unknown = new LabError(
      'GUARD_UNKNOWN',
      'the host does not answer while it takes back what was not confirmed',
      {
        host: host.name,
        found: last?.message,
        hint: `it goes on by itself; look again in some minutes with "lab history ${host.name}"`,
      },
    );
    follower.goOn();
    while (!follower.ended) {
      await this.#reconnect(follower, nonce, deadline, unknown);
      try {
        await this.#link.session.follow((token) => follower.take(token));
      } catch (thrown) {
        if (Date.now() > deadline) throw unknown;
        if (!(thrown instanceof LabError) || thrown.code !== 'CONNECTION_LOST') throw thrown;
      }
    }
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

/** Who stands in the lock and in the history: `anna@laptop`. */
export function whoAmI(): string {
  return `${userInfo().username}@${hostname()}`;
}

function describeEndpoint({ user, address, port }: HostLink['host']['connection']): string {
  return `${user === undefined ? '' : `${user}@`}${address}${port === undefined ? '' : `:${port}`}`;
}

async function within(opening: Promise<Session>, ms: number): Promise<Session> {
  const late = Symbol('late');
  const first = await Promise.race([opening, pause(Math.max(0, ms), late as unknown, { ref: false })]);
  if (first !== late) return first as Session;
  // Comes it after all, nobody needs it any more.
  opening.then((session) => session[Symbol.asyncDispose]()).catch(() => {});
  throw new LabError('UNREACHABLE', 'no fresh connection in time');
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
