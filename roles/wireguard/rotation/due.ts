import { LabError } from '../../../src/index.ts';
import { activeEnd, type LinkEnd, type TunnelState } from '../state.ts';

/** What is known of one host before a rotation. */
export interface Standing {
  readonly state: TunnelState;
  /** Interface → when its key was made, seconds since the epoch. */
  readonly made: ReadonlyMap<string, number>;
}

/** A link between two hosts, and the pair of interfaces that shall carry it. */
export interface Move {
  readonly hosts: readonly [string, string];
  /** Host → the interface that shall carry the link. */
  readonly target: ReadonlyMap<string, string>;
  /** Why it moves, for a person. */
  readonly reason: string;
  /** An earlier rotation began it. */
  readonly begun: boolean;
}

export interface Rotation {
  readonly moves: readonly Move[];
  /** Links that have to wait, a line each. */
  readonly pending: readonly string[];
}

export interface RotationWish {
  /** Seconds; a key older than this is due. */
  readonly maxAge: number;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly selected: ReadonlySet<string>;
  /** Hosts whose keys count as known to others. */
  readonly compromised: ReadonlySet<string>;
  /** Only what an earlier rotation began. */
  readonly onlyBegun: boolean;
}

/**
 * Which links move to new keys, and to which interfaces: those with a key that is too old or compromised at one end, and those
 * that an earlier rotation left half-way. Pure.
 *
 * @param links pairs of hosts that the model connects
 * @param standing hosts that answered
 * @param absent hosts that did not: host → why
 * @param interfaces those that a host may use, the first one first
 * @throws LabError PLAN_IMPOSSIBLE when a host has no interface left
 */
export function rotationOf(
  links: readonly (readonly [string, string])[],
  standing: ReadonlyMap<string, Standing>,
  absent: ReadonlyMap<string, string>,
  interfaces: readonly string[],
  wish: RotationWish,
): Rotation {
  const pending: string[] = [];
  const begun: Move[] = [];
  const due: { readonly hosts: readonly [string, string]; readonly reason: string }[] = [];
  for (const hosts of links) {
    const [a, b] = hosts;
    const down = hosts.find((host) => !standing.has(host));
    const ends = [standing.get(a)?.state.links.get(b), standing.get(b)?.state.links.get(a)];
    const isBegun = ends.some((each) => (each?.length ?? 0) > 1);
    const reason = reasonFor(hosts, standing, wish);
    if (!isBegun && (reason === undefined || wish.onlyBegun)) continue;
    if (down !== undefined) {
      if (isBegun || hosts.some((host) => wish.selected.has(host)))
        pending.push(`${a} – ${b} keeps its key: ${down} does not answer (${absent.get(down) ?? 'not read'})`);
      continue;
    }
    if (isBegun) {
      refuseExposed(hosts, wish);
      begun.push(begunMove(hosts, standing));
    } else if (ends.every((each) => activeEnd(each) !== undefined)) due.push({ hosts, reason: reason ?? '' });
  }
  const targets = targetsFor(
    due.map(({ hosts }) => hosts),
    begun,
    standing,
    interfaces,
    wish,
  );
  const moves = due.map(({ hosts, reason }): Move => {
    const [a, b] = hosts;
    const target = new Map([
      [a, targets.get(a) ?? ''],
      [b, targets.get(b) ?? ''],
    ]);
    return { hosts, target, reason, begun: false };
  });
  return { moves: [...begun, ...moves], pending };
}

/** The new keys of a rotation that is under way were on the host as well. */
function refuseExposed([a, b]: readonly [string, string], { compromised }: RotationWish): void {
  const exposed = [a, b].find((host) => compromised.has(host));
  if (exposed === undefined) return;
  throw new LabError(
    'PLAN_IMPOSSIBLE',
    `a rotation of ${a} – ${b} was interrupted, and ${exposed} has both of its keys`,
    {
      expected: 'no rotation under way on a host whose keys are known to others',
      found: 'two keys on either end',
      hint: 'end it with "lab resume", then run this again: it makes keys that nobody else has',
    },
  );
}

function reasonFor(
  hosts: readonly [string, string],
  standing: ReadonlyMap<string, Standing>,
  { selected, compromised, maxAge, now }: RotationWish,
): string | undefined {
  if (!hosts.some((host) => selected.has(host))) return undefined;
  const exposed = hosts.find((host) => compromised.has(host));
  if (exposed !== undefined) return `the key of ${exposed} is compromised`;
  if (compromised.size > 0) return undefined;
  const [a, b] = hosts;
  const ages = [
    [a, b],
    [b, a],
  ].flatMap(([host = '', peer = '']): [string, number][] => {
    const one = standing.get(host);
    const end = activeEnd(one?.state.links.get(peer));
    const made = end === undefined ? undefined : one?.made.get(end.interface);
    return made === undefined ? [] : [[host, now - made]];
  });
  const [oldest] = ages.sort(([, x], [, y]) => y - x);
  return oldest !== undefined && oldest[1] >= maxAge ? `the key of ${oldest[0]} is ${ageOf(oldest[1])} old` : undefined;
}

/** What an earlier rotation chose: the pair of interfaces that is staged at an end, else the one that is in use at both. */
function begunMove(hosts: readonly [string, string], standing: ReadonlyMap<string, Standing>): Move {
  const [a, b] = hosts;
  const of = (host: string, peer: string) => standing.get(host)?.state.links.get(peer) ?? [];
  const staged = of(a, b).find(({ phase }) => phase === 'staged');
  const stagedThere = of(b, a).find(({ phase }) => phase === 'staged');
  const active = activeEnd(of(a, b));
  const pair: readonly [string, string] =
    staged !== undefined
      ? [staged.interface, staged.peerInterface]
      : stagedThere !== undefined
        ? [stagedThere.peerInterface, stagedThere.interface]
        : [active?.interface ?? '', active?.peerInterface ?? ''];
  return {
    hosts,
    target: new Map([
      [a, pair[0]],
      [b, pair[1]],
    ]),
    reason: 'a rotation was interrupted',
    begun: true,
  };
}

/** One interface for each host to which all its due links move: young and in use already, or a free one. */
function targetsFor(
  due: readonly (readonly [string, string])[],
  begun: readonly Move[],
  standing: ReadonlyMap<string, Standing>,
  interfaces: readonly string[],
  { maxAge, now, compromised }: RotationWish,
): ReadonlyMap<string, string> {
  const targets = new Map<string, string>();
  for (const host of new Set(due.flat())) {
    const { state, made } = standing.get(host) ?? { state: { keys: new Map(), links: new Map() }, made: new Map() };
    const peers = due.filter((hosts) => hosts.includes(host)).map(([a, b]) => (a === host ? b : a));
    const left = new Set(peers.flatMap((peer) => (state.links.get(peer) ?? []).map((end: LinkEnd) => end.interface)));
    const begunHere = begun.flatMap(({ target }) => target.get(host) ?? []);
    const usable = interfaces.filter((name) => !left.has(name));
    const isYoung = (name: string) => !compromised.has(host) && now - (made.get(name) ?? 0) < maxAge / 2;
    const hasLinks = (name: string) =>
      [...state.links.values()].some((ends) => ends.some((end: LinkEnd) => end.interface === name));
    const chosen =
      usable.find((name) => begunHere.includes(name)) ??
      usable.find((name) => state.keys.has(name) && hasLinks(name) && isYoung(name)) ??
      usable.find((name) => !state.keys.has(name)) ??
      (compromised.has(host) ? undefined : youngest(usable.filter(hasLinks), made));
    if (chosen === undefined)
      throw new LabError('PLAN_IMPOSSIBLE', `${host} has no interface left for new keys`, {
        host,
        expected: `one of ${interfaces.join(', ')} without links`,
        found: [...state.links]
          .flatMap(([peer, ends]) => ends.map((end: LinkEnd) => `${end.interface}: ${peer}`))
          .join(', '),
        hint: 'bring the hosts back that old keys wait for and run this again, rotate the devices, or take them out of the inventory',
      });
    targets.set(host, chosen);
  }
  return targets;
}

function youngest(names: readonly string[], made: ReadonlyMap<string, number>): string | undefined {
  return [...names].sort((a, b) => (made.get(b) ?? 0) - (made.get(a) ?? 0))[0];
}

/** `41 days`, `3 hours`, `12 minutes` */
export function ageOf(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  if (days >= 2) return `${days} days`;
  const hours = Math.floor(seconds / 3600);
  if (hours >= 2) return `${hours} hours`;
  return `${Math.max(0, Math.floor(seconds / 60))} minutes`;
}

/** How far a move has come on one host. */
export type Progress = 'none' | 'staged' | 'cut over' | 'drained';

export function progressOf(host: string, { hosts, target }: Move, state: TunnelState): Progress {
  const peer = hosts[0] === host ? hosts[1] : hosts[0];
  const ends = state.links.get(peer) ?? [];
  const end = ends.find((one) => one.interface === target.get(host) && one.peerInterface === target.get(peer));
  if (end === undefined) return 'none';
  if (end.phase !== 'active') return 'staged';
  return ends.length > 1 ? 'cut over' : 'drained';
}
