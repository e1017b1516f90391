import { LabError } from '../../../src/index.ts';
import type { ProcedureContext } from '../../../src/playbook/procedure.ts';
import type { Move } from './due.ts';
import { linkName, type Moves } from './moves.ts';
import { onHost } from './on-host.ts';
import { insideAddress } from './prove.ts';
import type { RotationParams } from './rotate-keys.ts';
import type { Survey } from './survey.ts';

/**
 * Milliseconds between two packets on a link: 50, and more where one host has so many links that the trial itself would be a
 * burden to it. Answers included, no host has to encrypt or decrypt more than 800 packets a second for it.
 *
 * @param links number of links that move, for each host
 * @example canaryIntervalMs([100, 1, 1]) // 500
 */
export function canaryIntervalMs(links: readonly number[]): number {
  return Math.max(50, 5 * Math.max(0, ...links));
}

/** Packets that are sent over every link while its routes move: what becomes of them is the loss that a user would have had. */
export class Canaries {
  readonly #context: ProcedureContext<RotationParams>;
  readonly #survey: Survey;
  #hosts = new Set<string>();
  #intervalMs = 50;

  constructor(context: ProcedureContext<RotationParams>, survey: Survey) {
    this.#context = context;
    this.#survey = survey;
  }

  async start(moves: readonly Move[]): Promise<void> {
    const trials = moves.flatMap(({ hosts: [a, b] }) => [
      { host: a, peer: b },
      { host: b, peer: a },
    ]);
    const counts = new Map<string, number>();
    for (const { host } of trials) counts.set(host, (counts.get(host) ?? 0) + 1);
    this.#hosts = new Set(counts.keys());
    this.#intervalMs = canaryIntervalMs([...counts.values()]);
    await this.#send(trials);
  }

  async #send(trials: readonly Trial[]): Promise<void> {
    const peersOf = (host: string) => trials.filter((trial) => trial.host === host).map(({ peer }) => peer);
    const seconds = String(this.#intervalMs / 1000);
    await this.#context.read(new Set(trials.map(({ host }) => host)), (facts, { name }) =>
      onHost(facts, 'canary-start', [
        seconds,
        ...peersOf(name).flatMap((peer) => [peer, insideAddress(this.#survey, peer)]),
      ]),
    );
  }

  /** Ends them where the rotation is taken back: also those of one that was interrupted, which nobody asks what they saw. */
  async end(hosts: Iterable<string> = this.#hosts): Promise<void> {
    await this.#context.read(hosts, (facts) => onHost(facts, 'canary-stop', []));
  }

  /** @throws LabError STEP_FAILED when a link carries nothing any more */
  async confirm(moves: Moves): Promise<string> {
    // Enough packets after the change to tell.
    const windowMs = Math.max(1500, 10 * this.#intervalMs);
    await this.#context.sleep(windowMs);
    const seen = await this.#end(this.#hosts, moves);
    // Answers of before the change say nothing of what came after it.
    const silent = seen.filter(({ sent, unanswered }) => sent > 0 && unanswered * this.#intervalMs > windowMs / 2);
    await this.#refuseMute(silent, windowMs, moves);
    const sum = (of: 'sent' | 'lost') => seen.reduce((total, one) => total + one[of], 0);
    const longest = Math.max(0, ...seen.map(({ longestMs }) => longestMs));
    return `${sum('lost')} of ${sum('sent')} packets lost, the longest wait ${longest} ms`;
  }

  /** Tries those again that were silent at the end: a host that was busy for a moment is no link that is cut. */
  async #refuseMute(silent: readonly Trial[], windowMs: number, moves: Moves): Promise<void> {
    if (silent.length === 0) return;
    await this.#send(silent);
    await this.#context.sleep(2 * windowMs);
    const again = await this.#end(new Set(silent.map(({ host }) => host)), moves);
    const mute = again.filter(({ sent, lost }) => lost === sent);
    if (mute.length === 0) return;
    const states = await moves.states(new Set(mute.flatMap(({ host, peer }) => [host, peer])));
    const cut = mute.filter(({ host, peer }) => states.has(host) && states.has(peer));
    if (cut.length === 0) return;
    const names = new Set(cut.map(({ host, peer }) => linkName({ hosts: [host, peer] })));
    throw new LabError('STEP_FAILED', `nothing comes back over ${[...names].join(', ')} after the change`);
  }

  async #end(hosts: Iterable<string>, moves: Moves): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const [host, answer] of await this.#context.read(hosts, (facts) => onHost(facts, 'canary-stop', []))) {
      if ('problem' in answer) {
        moves.leave(host, 'was lost after the change');
        continue;
      }
      for (const line of answer.value) {
        const [peer = '', ...numbers] = line.split(' ');
        const [sent = 0, lost = 0, longestMs = 0, unanswered = 0] = numbers.map(Number);
        if (moves.all.some((move) => move.hosts.includes(host) && move.hosts.includes(peer)))
          outcomes.push({ host, peer, sent, lost, longestMs, unanswered });
      }
    }
    return outcomes;
  }
}

/** One direction of a link. */
interface Trial {
  readonly host: string;
  readonly peer: string;
}

interface Outcome extends Trial {
  readonly sent: number;
  readonly lost: number;
  readonly longestMs: number;
  /** Packets after the last that was answered. */
  readonly unanswered: number;
}
