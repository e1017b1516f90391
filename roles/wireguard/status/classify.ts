import { ageOf } from '../rotation/due.ts';
import { activeEnd, type LinkEnd, type TunnelState } from '../state.ts';
import type { PeerReading, Reading } from './reading.ts';

/** After this many seconds without a handshake a session is over (REJECT_AFTER_TIME, WireGuard whitepaper, 6.1). */
export const sessionSeconds = 180;

/**
 * `up`: a session stands. `idle`: both ends agree, and nobody has sent anything lately. `rotating`: a rotation of keys is under way
 * or was interrupted. `stale`: one end sends keepalives, and no handshake comes of them. `down`: something is missing or does
 * not fit at an end. `half`: one end could not be asked, and the other has no session. `unknown`: neither could be asked.
 * `none`: a device that was not added yet.
 */
export type LinkState = 'up' | 'idle' | 'rotating' | 'stale' | 'down' | 'half' | 'unknown' | 'none';

/** One end of a link, as the model has it and as the host says. */
export interface Side {
  readonly name: string;
  /** Undefined for a host that could not be asked, and for a device. */
  readonly reading: Reading | undefined;
  /** What it sends to the other end. */
  readonly prefixes: readonly string[];
  /** Whether it sends keepalives to the other end. */
  readonly keepsAlive: boolean;
  /** What is known of a device, from the lock file. */
  readonly device?: TunnelState | undefined;
}

export interface LinkStatus {
  readonly ends: readonly [string, string];
  readonly state: LinkState;
  /** What is wrong, a sentence each, naming the side. */
  readonly problems: readonly string[];
  /** Seconds since the last handshake, of the end that saw the latest; null for none. */
  readonly handshakeAge: number | null;
  /** Bytes, as seen by the first end that could be asked. */
  readonly received: number | null;
  readonly sent: number | null;
  /** Where the end that is dialled finds the other now. */
  readonly endpoint: string | null;
  /** Seconds, of the older of the two keys; null when unknown. */
  readonly keyAge: number | null;
}

/** What a link is doing, from what its two ends say. Pure. */
export function statusOf(a: Side, b: Side): LinkStatus {
  const asked = [a, b].filter(({ reading }) => reading !== undefined);
  const problems = [...problemsAt(a, b), ...problemsAt(b, a), ...disagreement(a, b)];
  const views = [viewOf(a, b), viewOf(b, a)];
  const ages = views.flatMap((view) => (view?.age === undefined ? [] : [view.age]));
  const handshakeAge = ages.length === 0 ? null : Math.max(0, Math.min(...ages));
  const [first] = views.flatMap((view, index) => (view === undefined ? [] : [{ ...view, swapped: index === 1 }]));
  const link = { ends: [a.name, b.name] as const, handshakeAge, keyAge: keyAgeOf(a, b) };
  const counters = {
    received: first === undefined ? null : first.swapped ? first.peer.sent : first.peer.received,
    sent: first === undefined ? null : first.swapped ? first.peer.received : first.peer.sent,
    endpoint: views.find((view) => view?.peer.endpoint)?.peer.endpoint ?? null,
  };
  const session = handshakeAge !== null && handshakeAge < sessionSeconds;
  const [state, more] = judge(a, b, asked, problems, session, handshakeAge);
  return { ...link, ...counters, state, problems: [...problems, ...more] };
}

const hostsRotate =
  'a rotation of keys is under way, or was interrupted: lab resume finishes it, lab resume --abort takes it back';

function deviceRotates({ name }: Side): string {
  return `${name} has new keys that it has not used yet: lab device rotate ${name} goes on, with --abort takes them back`;
}

function judge(
  a: Side,
  b: Side,
  asked: readonly Side[],
  problems: readonly string[],
  session: boolean,
  handshakeAge: number | null,
): [LinkState, string[]] {
  const device = [a, b].find((side) => side.device !== undefined);
  if (device !== undefined && device.device?.keys.size === 0)
    return ['none', [`${device.name} has no keys yet: lab device add ${device.name}`]];
  if (asked.length === 0) return ['unknown', [`neither ${a.name} nor ${b.name} could be asked`]];
  if (problems.length > 0) return ['down', []];
  if (isRotating(a, b) || isRotating(b, a))
    return ['rotating', [device === undefined ? hostsRotate : deviceRotates(device)]];
  if (session) return ['up', []];
  if (device !== undefined) return ['idle', []];
  const mute = [a, b].find(({ reading }) => reading === undefined);
  if (mute !== undefined)
    return ['half', [`${mute.name} could not be asked, and has no session with ${asked[0]?.name}`]];
  const caller = [a, b].find(({ keepsAlive }) => keepsAlive);
  if (caller === undefined) return ['idle', []];
  const other = caller === a ? b : a;
  const since = handshakeAge === null ? 'no handshake yet' : `no handshake for ${ageOf(handshakeAge)}`;
  return [
    'stale',
    [`${caller.name} calls ${other.name}, and gets no answer (${since}): is its UDP port open, also at the provider?`],
  ];
}

function endAt(side: Side, other: Side): LinkEnd | undefined {
  return activeEnd(side.reading?.state.links.get(other.name));
}

function isRotating(side: Side, other: Side): boolean {
  return (side.reading?.state.links.get(other.name)?.length ?? 0) > 1;
}

function viewOf(side: Side, other: Side): { readonly peer: PeerReading; readonly age: number | undefined } | undefined {
  const { reading } = side;
  const end = endAt(side, other);
  const peer = end === undefined ? undefined : reading?.peers.get(`${end.interface} ${end.peerKey}`);
  if (peer === undefined || reading === undefined) return undefined;
  return { peer, age: peer.handshake === 0 ? undefined : reading.now - peer.handshake };
}

/** What a host lacks for this link. */
function problemsAt(side: Side, other: Side): string[] {
  const { name, reading, prefixes } = side;
  if (reading === undefined || other.device?.keys.size === 0) return [];
  if (reading.state.keys.size === 0) return [`${name} has no key: the role wireguard was not run there`];
  const end = endAt(side, other);
  if (end === undefined && other.device !== undefined)
    return [
      `${name} does not let ${other.name} in: lab device revoke ${other.name}, then lab device add ${other.name}`,
    ];
  if (end === undefined) return [`${name} has no link to ${other.name}: run the playbook with the role wireguard`];
  if (!reading.running.has(end.interface))
    return [`${end.interface} is down on ${name}: systemctl status wg-quick@${end.interface}`];
  if (reading.running.get(end.interface) !== reading.state.keys.get(end.interface))
    return [
      `${end.interface} of ${name} runs with another key than its file has: run the playbook with the role wireguard`,
    ];
  if (!reading.peers.has(`${end.interface} ${end.peerKey}`))
    return [`${other.name} is no peer on ${end.interface} of ${name}: run the playbook with the role wireguard`];
  const missing = prefixes.filter((prefix) => !reading.routes.has(`${end.interface} ${prefix}`));
  return missing.length === 0 ? [] : [`${name} has no route for ${missing.join(', ')} by ${end.interface}`];
}

/** What the two ends do not agree on. */
function disagreement(a: Side, b: Side): string[] {
  const found: string[] = [];
  for (const [side, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const end = endAt(side, other);
    const state = other.reading?.state ?? other.device;
    const key = end === undefined ? undefined : state?.keys.get(end.peerInterface);
    if (end === undefined || state === undefined || state.keys.size === 0) continue;
    if (end.peerKey !== null && key !== end.peerKey)
      found.push(`${side.name} has another key of ${other.name} than that is`);
  }
  const [mine, theirs] = [endAt(a, b), endAt(b, a)];
  if (mine === undefined || theirs === undefined || found.length > 0) return found;
  if (isRotating(a, b) || isRotating(b, a)) return found;
  if (mine.presharedKey !== theirs.presharedKey)
    found.push(`${a.name} and ${b.name} have different preshared keys: run the playbook with the role wireguard`);
  return found;
}

function keyAgeOf(a: Side, b: Side): number | null {
  const ages = [
    [a, b],
    [b, a],
  ].flatMap(([side, other]) => {
    const end = side && other && endAt(side, other);
    const made = end === undefined ? undefined : side?.reading?.made.get(end.interface);
    return made === undefined || side?.reading === undefined ? [] : [Math.max(0, side.reading.now - made)];
  });
  return ages.length === 0 ? null : Math.max(...ages);
}
