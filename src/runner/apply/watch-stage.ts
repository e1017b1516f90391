import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from '../../remote/session.ts';
import { asLabError, LabError } from '../../shared/errors.ts';
import { quote } from '../../shared/quote.ts';
import { describeEndpoint, type HostLink } from '../link.ts';
import { controlScript, whoAmI } from './control-script.ts';
import type { Follower, StageEnd, StageListener } from './follow-stage.ts';

const checkIntervalMs = 3000;
/** While a guard runs: how often a connection is asked whether it still carries anything, and how long it has to answer. */
const silenceIntervalMs = 2000;
const silenceMs = 3000;
/** How long a connection that was lost is tried again, in seconds, when no guard says how long. */
const reconnectSeconds = 30;
/** How long the host may take to take back what was not confirmed, in seconds: packages among it take their time. */
const takeBackSeconds = 300;
const retryMs = 1000;
const confirmSeconds = 20;

export interface WatchedStage {
  readonly run: string;
  /** Counts from 1. */
  readonly number: number;
  /** The mark of its log. */
  readonly mark: string;
  /** How long the host waits for a fresh connection; null when nothing in the stage can cut the way in. */
  readonly guardSeconds: number | null;
  /** Whether somebody wants to stop: then nobody waits for a host that does not answer. */
  readonly stopping: () => boolean;
}

/**
 * Watches a stage on its host to the end, over a new connection when the one in use is lost. A stage that can cut the way
 * in stays only when a fresh connection to the declared endpoint confirms it.
 */
export class StageWatcher {
  readonly #link: HostLink;
  readonly #stage: WatchedStage;
  readonly #follower: Follower;
  readonly #listener: StageListener;
  /** Why the last attempt to reach the host failed. */
  #failure: LabError | undefined;
  #lost = false;

  constructor(link: HostLink, stage: WatchedStage, follower: Follower, listener: StageListener) {
    this.#link = link;
    this.#stage = stage;
    this.#follower = follower;
    this.#listener = listener;
  }

  /**
   * @param confirmed somebody confirmed it before
   * @throws LabError JOURNAL, CONNECTION_LOST, GUARD_REVERTED, GUARD_UNKNOWN
   */
  async toTheEnd(confirmed = false): Promise<StageEnd> {
    await this.#follow();
    if (this.#stage.guardSeconds !== null && !confirmed) return this.#guardedEnd(this.#stage.guardSeconds);
    const end = this.#follower.result();
    await this.#link.session.send('lab_stop_following');
    return end;
  }

  /** Follows the log to its end; a connection that is lost is made anew, as the host works on. */
  async #follow(): Promise<void> {
    const { guardSeconds, stopping } = this.#stage;
    while (!this.#follower.ended) {
      const { session } = this.#link;
      const timer = setInterval(() => void session.send(`lab_check ${this.#follower.seen}`), checkIntervalMs);
      try {
        await this.#read(session);
      } catch (thrown) {
        if (!(thrown instanceof LabError) || thrown.code !== 'CONNECTION_LOST') throw thrown;
        if (!(guardSeconds === null && stopping())) this.#tellLost();
        if (guardSeconds !== null) await this.#reconnect(guardSeconds + takeBackSeconds, this.#unknown());
        else if (stopping()) throw thrown;
        else await this.#reconnect(reconnectSeconds, thrown);
      } finally {
        clearInterval(timer);
      }
    }
  }

  /** Once: a bad line is lost again and again. */
  #tellLost(): void {
    if (!this.#lost)
      this.#listener.notice('the connection was lost: the host works on, and is connected to again', 'info');
    this.#lost = true;
  }

  /**
   * What a firewall drops is told by nobody, and the time of a guard is short: a connection that carries nothing any more
   * counts as lost.
   */
  async #read(session: Session): Promise<void> {
    let over = false;
    const reading = session.follow((token) => over || this.#follower.take(token));
    const silence = async () => {
      while (!over) {
        await pause(silenceIntervalMs, undefined, { ref: false });
        if (!over && !(await session.answers(silenceMs)))
          throw new LabError('CONNECTION_LOST', 'the connection carries nothing any more', { host: session.host });
      }
    };
    try {
      await (this.#stage.guardSeconds === null ? reading : Promise.race([reading, silence()]));
    } finally {
      over = true;
      reading.catch(() => {});
    }
  }

  /**
   * @param lost what is thrown when the host does not answer in time
   * @returns what was decided of a guarded stage
   */
  async #reconnect(seconds: number, lost: LabError): Promise<string> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      try {
        const session = await this.#link.fresh('any');
        await this.#link.replace(session);
        return await this.#attach();
      } catch (thrown) {
        this.#failure = asLabError(thrown);
        if (Date.now() > deadline || this.#stage.stopping() || this.#failure.code === 'HOST_KEY_CHANGED') throw lost;
        await pause(retryMs);
      }
    }
  }

  /** The session becomes the run's controller, and reads its log from the beginning. */
  async #attach(): Promise<string> {
    const { session } = this.#link;
    const said: string[] = [];
    session.acceptMarks(this.#stage.mark);
    this.#follower.again();
    await session.exchange(
      `${controlScript}\n${this.#call('lab_attach')} ${quote(whoAmI())}`,
      (token) => void (token.kind === 'data' && said.push(token.bytes.toString())),
      undefined,
      'lab_follow',
    );
    return /^decided=(.*)$/m.exec(said.join(''))?.[1] ?? '';
  }

  #call(name: string): string {
    return `${name} ${quote(this.#stage.run)} ${this.#stage.number}`;
  }

  async #guardedEnd(guardSeconds: number): Promise<StageEnd> {
    if (this.#follower.last === 'complete') {
      if (await this.#confirm(guardSeconds)) return 'complete';
      this.#listener.notice('no fresh login: the host takes back what it did');
      // That the connection is gone by now is no news.
      this.#lost = true;
      this.#follower.goOn();
      await this.#follow();
    }
    if (this.#follower.last === 'gone' && (await this.#lookAgain()) === 'confirmed') return 'complete';
    const end = this.#follower.result();
    if (end === 'guard-reverted') throw this.#takenBack(guardSeconds);
    await this.#link.session.send('lab_stop_following');
    return end;
  }

  /**
   * Neither the stage nor its guardian is at work, and the log tells no end: the answer to a confirmation was lost, or
   * somebody killed the guardian, who is started anew by it.
   */
  async #lookAgain(): Promise<string> {
    const lost = this.#unknown();
    this.#follower.goOn();
    const decided = await this.#attach().catch(() => this.#reconnect(takeBackSeconds, lost));
    if (decided === 'confirmed') await this.#link.session.send('lab_stop_following');
    else await this.#follow();
    return decided;
  }

  /**
   * Only a fresh connection to the endpoint that the inventory declares keeps a stage that can cut the way in: it proves
   * address, port, login and the way to root at once.
   *
   * @returns false when the host has decided already, or nobody could log in
   */
  async #confirm(guardSeconds: number): Promise<boolean> {
    const deadline = Date.now() + (guardSeconds - 1) * 1000;
    do {
      let session: Session | undefined;
      try {
        session = await within(this.#link.fresh('declared'), deadline - Date.now());
        if (await this.#confirmOver(session)) {
          await this.#link.replace(session);
          this.#listener.notice('a fresh login confirmed the changes that could have cut the way in', 'info');
          return true;
        }
        await session[Symbol.asyncDispose]();
        return false;
      } catch (thrown) {
        await session?.[Symbol.asyncDispose]().catch(() => {});
        this.#failure = asLabError(thrown);
        await pause(Math.min(retryMs, Math.max(0, deadline - Date.now())));
      }
    } while (Date.now() < deadline);
    return false;
  }

  /** False when the host has decided already. */
  async #confirmOver(session: Session): Promise<boolean> {
    let confirmed = false;
    const script = [controlScript, this.#call('lab_confirm'), `${this.#call('lab_attach')} ${quote(whoAmI())}`];
    await session.exchange(
      script.join('\n'),
      (token) => {
        if (token.kind === 'mark' && token.fields[0] === 'e' && token.fields[1] === 'confirm')
          confirmed = token.fields[2] === '0';
      },
      confirmSeconds,
    );
    return confirmed;
  }

  #takenBack(guardSeconds: number): LabError {
    const { host } = this.#link;
    const { undoneInFull } = this.#follower;
    const became = undoneInFull ? 'everything was taken back' : 'not everything could be taken back';
    const state = undoneInFull ? 'the host is as it was before these changes' : 'look at what is left of the changes';
    return new LabError('GUARD_REVERTED', `no fresh login within ${guardSeconds} s: ${became}`, {
      host: host.name,
      expected: `a login to ${describeEndpoint(host.connection)}, with root`,
      found: this.#failure?.message ?? 'none',
      hint: `${state}; see what would have cut the way in, or give a longer --guard-timeout`,
      cause: this.#failure,
    });
  }

  #unknown(): LabError {
    const { host } = this.#link;
    return new LabError('GUARD_UNKNOWN', 'the host does not answer while it takes back what was not confirmed', {
      host: host.name,
      found: this.#failure?.message,
      hint: `it goes on by itself; look again in some minutes with "lab history ${host.name}"`,
    });
  }
}

async function within(opening: Promise<Session>, ms: number): Promise<Session> {
  const late = Symbol('late');
  const first = await Promise.race([opening, pause(Math.max(0, ms), late as unknown, { ref: false })]);
  if (first !== late) return first as Session;
  // Comes it after all, nobody needs it any more.
  opening.then((session) => session[Symbol.asyncDispose]()).catch(() => {});
  throw new LabError('UNREACHABLE', 'no fresh connection in time');
}
