import { LabError, type RoleUse } from '../../../src/index.ts';
import type { ProcedureContext } from '../../../src/playbook/procedure.ts';
import { stateOf, type TunnelState } from '../state.ts';
import { readState } from '../tunnel.ts';
import { type Move, progressOf } from './due.ts';
import type { Phase } from './phases.ts';
import type { RotationParams } from './rotate-keys.ts';
import type { Survey } from './survey.ts';

type UseOf = (phase: Phase, moves: readonly Move[]) => RoleUse;

/** The links of a rotation that still take part in it. One whose host is gone leaves it, and keeps what it has. */
export class Moves {
  readonly pending: string[];
  readonly #context: ProcedureContext<RotationParams>;
  readonly #survey: Survey;
  #moves: readonly Move[];

  constructor(context: ProcedureContext<RotationParams>, survey: Survey) {
    this.#context = context;
    this.#survey = survey;
    this.#moves = survey.rotation.moves;
    this.pending = [...survey.rotation.pending];
  }

  get all(): readonly Move[] {
    return this.#moves;
  }

  hosts(): string[] {
    const order = [...this.#context.inventory.hosts.keys()];
    const named = new Set(this.#moves.flatMap(({ hosts }) => hosts));
    return order.filter((host) => named.has(host));
  }

  /** Hosts that only dial: they change first, so that what is dialled finds them changed. */
  spokes(): string[] {
    return this.hosts().filter((host) => !this.#isGateway(host));
  }

  gateways(): string[] {
    return this.hosts().filter((host) => this.#isGateway(host));
  }

  /** The end of a link that dials the other. */
  diallerOf({ hosts: [a, b] }: Move): readonly [string, string] {
    const dials = (host: string, peer: string) =>
      this.#survey.tunnels.get(host)?.peers.some(({ name, dial }) => name === peer && dial !== null) === true;
    if (dials(a, b) && !this.#isGateway(a)) return [a, b];
    return dials(b, a) ? [b, a] : [a, b];
  }

  /**
   * One step on these hosts. A host that is not reached any more leaves the rotation with its links.
   *
   * @throws LabError when a host failed, or nobody is left
   */
  async apply(phase: Phase, hosts: readonly string[], use: UseOf): Promise<void> {
    if (hosts.length === 0) return;
    const outcomes = await this.#context.apply(phase, hosts, use(phase, this.#moves));
    const failed: LabError[] = [];
    for (const [host, { status, message }] of outcomes) {
      if (status === 'ok' || status === 'changed') continue;
      if (status === 'unreachable') this.leave(host, 'was lost during the rotation');
      else if (status === 'reverted')
        failed.push(
          new LabError('GUARD_REVERTED', 'nobody could log in after the change, so it was taken back', {
            host,
            output: message,
          }),
        );
      else failed.push(new LabError('STEP_FAILED', `the step "${phase}" failed`, { host, output: message }));
    }
    const [first, ...others] = failed;
    if (first !== undefined) throw first.with({ others });
    if (this.#moves.length === 0)
      throw new LabError('UNREACHABLE', 'no link is left in the rotation', { found: this.pending.join('; ') });
  }

  /** The links of a host wait until it is back. */
  leave(host: string, why: string): void {
    for (const move of this.#moves)
      if (move.hosts.includes(host))
        this.pending.push(`${linkName(move)} waits: ${host} ${why}; lab resume finishes it`);
    this.#moves = this.#moves.filter(({ hosts }) => !hosts.includes(host));
  }

  /** What hosts are now. */
  async states(hosts: Iterable<string> = this.hosts()): Promise<ReadonlyMap<string, TunnelState>> {
    const answers = await this.#context.read(hosts, (facts) => readState({ params: this.#survey.params, facts }));
    return new Map(
      [...answers].flatMap(([host, answer]): [string, TunnelState][] =>
        'value' in answer ? [[host, stateOf(answer.value ?? undefined)]] : [],
      ),
    );
  }

  /** Routes by the old keys again, wherever that is possible. */
  async goBack(use: UseOf): Promise<string> {
    const moves = this.#survey.rotation.moves;
    const states = await this.states(hostsOf(moves));
    const possible = moves.filter((move) => move.hosts.some((host) => stands(host, move, states, ['cut over'])));
    const hosts = [...states.keys()].filter((host) =>
      possible.some((move) => move.hosts.includes(host) && stands(host, move, states, ['cut over'])),
    );
    if (hosts.length === 0) return 'nothing had moved';
    const outcomes = await this.#context.apply('go back', hosts, use('go back', possible));
    refuseFailed('go back', outcomes);
    return `routes as before on ${hosts.join(', ')}`;
  }

  /** Takes down what was staged, where neither end uses it. */
  async unstage(use: UseOf): Promise<string> {
    const { rotation, spare } = this.#survey;
    const { moves } = rotation;
    const states = await this.states(new Set([...hostsOf(moves), ...spare]));
    const unused = moves.filter((move) =>
      move.hosts.every((host) => states.has(host) && stands(host, move, states, ['none', 'staged'])),
    );
    const left = moves.filter((move) => !unused.includes(move));
    const hosts = [...states.keys()];
    const outcomes = await this.#context.apply('unstage', hosts, use('unstage', unused));
    refuseFailed('unstage', outcomes);
    if (left.length > 0)
      throw new LabError('UNREACHABLE', `${left.map(linkName).join(', ')}: an end does not answer, so both ways stay`, {
        hint: 'lab resume finishes or takes it back when the host is there again',
      });
    return `new keys destroyed on ${hosts.join(', ')}`;
  }

  /** Destroys the old keys of links whose both ends use the new ones. */
  async retire(use: UseOf): Promise<void> {
    const states = await this.states();
    for (const host of this.hosts()) if (!states.has(host)) this.leave(host, 'does not answer');
    const ready = this.#moves.filter((move) =>
      move.hosts.every((host) => stands(host, move, states, ['cut over', 'drained'])),
    );
    for (const move of this.#moves)
      if (!ready.includes(move))
        this.pending.push(`${linkName(move)} still uses its old key at one end; lab resume finishes it`);
    this.#moves = ready;
    await this.apply('retire', this.hosts(), use);
  }

  #isGateway(host: string): boolean {
    const tunnel = this.#survey.tunnels.get(host);
    return tunnel !== undefined && !tunnel.peers.some(({ keepalive }) => keepalive > 0) && tunnel.listens;
  }
}

function stands(
  host: string,
  move: Move,
  states: ReadonlyMap<string, TunnelState>,
  progress: readonly ReturnType<typeof progressOf>[],
): boolean {
  const state = states.get(host);
  return state !== undefined && progress.includes(progressOf(host, move, state));
}

function hostsOf(moves: readonly Move[]): Set<string> {
  return new Set(moves.flatMap(({ hosts }) => hosts));
}

function refuseFailed(
  phase: Phase,
  outcomes: ReadonlyMap<string, { status: string; message: string | undefined }>,
): void {
  const failed = [...outcomes].filter(([, { status }]) => status !== 'ok' && status !== 'changed');
  if (failed.length === 0) return;
  throw new LabError('STEP_FAILED', `"${phase}" failed on ${failed.map(([host]) => host).join(', ')}`, {
    output: failed.flatMap(([, { message }]) => message ?? []).join('\n'),
  });
}

/** `nas – vps` */
export function linkName({ hosts: [a, b] }: Pick<Move, 'hosts'>): string {
  return `${a} – ${b}`;
}
