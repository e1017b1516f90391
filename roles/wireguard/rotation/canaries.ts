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
    const byHost = new Map<string, string[]>();
    for (const { hosts } of moves)
      for (const [host, peer] of [hosts, [hosts[1], hosts[0]] as const])
        byHost.set(host, [...(byHost.get(host) ?? []), peer, insideAddress(this.#survey, peer)]);
    this.#hosts = new Set(byHost.keys());
    this.#intervalMs = canaryIntervalMs([...byHost.values()].map((words) => words.length / 2));
    const seconds = String(this.#intervalMs / 1000);
    await this.#context.read(this.#hosts, (facts, host) =>
      onHost(facts, 'canary-start', [seconds, ...(byHost.get(host.name) ?? [])]),
    );
  }

  /** Ends them where the rotation is taken back: also those of one that was interrupted, which nobody asks what they saw. */
  async end(hosts: Iterable<string> = this.#hosts): Promise<void> {
    await this.#context.read(hosts, (facts) => onHost(facts, 'canary-stop', []));
  }

  /** @throws LabError STEP_FAILED when a link carries nothing any more */
  async confirm(moves: Moves): Promise<string> {
    // Enough packets after the change to tell.
    await this.#context.sleep(Math.max(1500, 10 * this.#intervalMs));
    const answers = await this.#context.read(this.#hosts, (facts) => onHost(facts, 'canary-stop', []));
    let sent = 0;
    let lost = 0;
    let longest = 0;
    const mute: string[] = [];
    for (const [host, answer] of answers) {
      if ('problem' in answer) {
        moves.leave(host, 'was lost after the change');
        continue;
      }
      for (const line of answer.value) {
        const [peer = '', ...numbers] = line.split(' ');
        const [sentHere = 0, lostHere = 0, longestHere = 0] = numbers.map(Number);
        if (!moves.all.some(({ hosts }) => hosts.includes(host) && hosts.includes(peer))) continue;
        sent += sentHere;
        lost += lostHere;
        longest = Math.max(longest, longestHere);
        if (sentHere > 0 && lostHere === sentHere) mute.push(linkName({ hosts: [host, peer] }));
      }
    }
    if (mute.length > 0) {
      const states = await moves.states(new Set(mute.flatMap((name) => name.split(' – '))));
      const alive = mute.filter((name) => name.split(' – ').every((host) => states.has(host)));
      if (alive.length > 0)
        throw new LabError('STEP_FAILED', `nothing comes back over ${[...new Set(alive)].join(', ')} after the change`);
    }
    return `${lost} of ${sent} packets lost, the longest wait ${longest} ms`;
  }
}
