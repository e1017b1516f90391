import { hostScript } from '../render.ts';
import { ageOf } from '../rotation/due.ts';
import { activeEnd, type LinkEnd, type TunnelState } from '../state.ts';
import type { Reading } from './reading.ts';

/** After this many seconds without a handshake a session is over (REJECT_AFTER_TIME, WireGuard whitepaper, 6.1). */
export const sessionSeconds = 180;
/** A handshake that gets no answer is tried again after this many seconds (REKEY_TIMEOUT, the same place). */
const retrySeconds = 5;

/**
 * `up`: a session stands, or the next keepalive is due to renew it. `idle`: both ends agree, and nobody has sent anything lately. `rotating`: a rotation of keys is under way
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
  /** Seconds between the keepalives that it sends to the other end; 0 for none. */
  readonly keepalive: number;
  /** What is known of a device, from the lock file. */
  readonly device?: TunnelState | undefined;
}

export interface LinkStatus {
  readonly ends: readonly [string, string];
  /** Between two hosts, or a host and a device. */
  readonly kind: 'hosts' | 'device';
  readonly state: LinkState;
  /** What is wrong, a sentence each, naming the side and what to do. */
  readonly problems: readonly string[];
  /** The ends that something is missing at, or that are outdated; for a link that is stale the end that notices less. */
  readonly at: readonly string[];
  /** Seconds since the last handshake, of the end that saw the latest; null for none. */
  readonly handshakeAge: number | null;
  /** Bytes, as seen by the first end that could be asked. */
  readonly received: number | null;
  readonly sent: number | null;
  /** Where the end that is dialled finds the other now. */
  readonly endpoint: string | null;
  /** Seconds, of the older of the two keys; null when unknown. */
  readonly keyAge: number | null;
  /** What each end says by itself. */
  readonly views: readonly [EndView, EndView];
}

/** What one end of a link says; all is null for one that could not be asked, and for a device. */
export interface EndView {
  readonly name: string;
  readonly asked: boolean;
  readonly interface: string | null;
  /** Seconds. */
  readonly handshakeAge: number | null;
  /** Bytes. */
  readonly received: number | null;
  readonly sent: number | null;
  /** Where this end finds the other. */
  readonly endpoint: string | null;
  /** Seconds. */
  readonly keyAge: number | null;
}

/** What a link is doing, from what its two ends say. Pure. */
export function statusOf(a: Side, b: Side): LinkStatus {
  const asked = [a, b].filter(({ reading }) => reading !== undefined);
  const found = [...problemsAt(a, b), ...problemsAt(b, a), ...disagreement(a, b)];
  const views = [viewOf(a, b), viewOf(b, a)] as const;
  const handshakeAge = smallest(views.map((view) => view.handshakeAge));
  const session = handshakeAge !== null && handshakeAge < sessionSeconds + renewalSeconds(a, b);
  const problems = found.map(({ text }) => text);
  const [state, more] = judge(a, b, asked, problems, session, handshakeAge);
  const at =
    state === 'down' ? found.flatMap((problem) => problem.at) : state === 'stale' ? [blindEnd(a, b, views)] : [];
  return {
    ends: [a.name, b.name],
    kind: b.device === undefined ? 'hosts' : 'device',
    state,
    problems: [...problems, ...more],
    at: [a.name, b.name].filter((name) => at.includes(name)),
    handshakeAge,
    received: views[0].received ?? views[1].sent,
    sent: views[0].sent ?? views[1].received,
    endpoint: views[0].endpoint ?? views[1].endpoint,
    keyAge: largest(views.map((view) => view.keyAge)),
    views,
  };
}

/**
 * How much longer than a session its renewal may take: who did not begin the session waits until it is over and its next keepalive
 * is due.
 */
function renewalSeconds(a: Side, b: Side): number {
  const keepalive = smallest([a, b].map((side) => side.keepalive || null));
  return keepalive === null ? 0 : keepalive + retrySeconds;
}

/** The end that saw the last handshake longer ago, such as one that has booted since; of two alike the one that calls. */
function blindEnd(a: Side, b: Side, [first, second]: LinkStatus['views']): string {
  const ages = [first, second].map(({ handshakeAge }) => handshakeAge ?? Number.POSITIVE_INFINITY);
  const [x = 0, y = 0] = ages;
  if (x === y || Math.abs(x - y) <= retrySeconds) return a.keepalive > 0 ? a.name : b.name;
  return x > y ? a.name : b.name;
}

function smallest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
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
  if (asked.length === 0) return ['unknown', [unknownText(a, b)]];
  if (problems.length > 0) return ['down', []];
  if (isRotating(a, b) || isRotating(b, a))
    return ['rotating', [device === undefined ? hostsRotate : deviceRotates(device)]];
  if (session) return ['up', []];
  if (device !== undefined) return ['idle', []];
  const mute = [a, b].find(({ reading }) => reading === undefined);
  if (mute !== undefined)
    return [
      'half',
      [
        `${mute.name} could not be asked, and has no session with ${asked[0]?.name} (${sinceText(handshakeAge)}): ${lookCloser(mute)}`,
      ],
    ];
  const caller = [a, b].find(({ keepalive }) => keepalive > 0);
  if (caller === undefined) return ['idle', []];
  const other = caller === a ? b : a;
  return [
    'stale',
    [
      `${caller.name} calls ${other.name}, and gets no answer (${sinceText(handshakeAge)}): is the UDP port of ${other.name} open at the provider, and in its own firewall (lab verify firewall looks, the role firewall opens it)?`,
    ],
  ];
}

function endAt(side: Side, other: Side): LinkEnd | undefined {
  return activeEnd(side.reading?.state.links.get(other.name));
}

function isRotating(side: Side, other: Side): boolean {
  return (side.reading?.state.links.get(other.name)?.length ?? 0) > 1;
}

function sinceText(handshakeAge: number | null): string {
  return handshakeAge === null ? 'no handshake yet' : `no handshake for ${ageOf(handshakeAge)}`;
}

function unknownText(a: Side, b: Side): string {
  if (b.device !== undefined) return `${a.name} could not be asked: ${lookCloser(a)}`;
  return `neither ${a.name} nor ${b.name} could be asked: ${lookCloser(a)}`;
}

function lookCloser({ name }: Side): string {
  return `lab doctor ${name} looks closer`;
}

function viewOf(side: Side, other: Side): EndView {
  const { name, reading } = side;
  const end = endAt(side, other);
  const peer = end === undefined ? undefined : reading?.peers.get(`${end.interface} ${end.peerKey}`);
  const made = end === undefined ? undefined : reading?.made.get(end.interface);
  // A clock that was set back must not make ages of less than nothing.
  const ageAt = (time: number | undefined) =>
    reading === undefined || time === undefined || time === 0 ? null : Math.max(0, reading.now - time);
  return {
    name,
    asked: reading !== undefined,
    interface: end?.interface ?? null,
    handshakeAge: ageAt(peer?.handshake),
    received: peer?.received ?? null,
    sent: peer?.sent ?? null,
    endpoint: peer?.endpoint ?? null,
    keyAge: ageAt(made),
  };
}

/** What is wrong, with what to do, and the ends that it is wrong at. */
interface Problem {
  readonly at: readonly string[];
  readonly text: string;
}

const runRole = 'run the playbook with the role wireguard';

/** What a host lacks for this link. */
function problemsAt(side: Side, other: Side): Problem[] {
  const text = lackAt(side, other);
  return text === undefined ? [] : [{ at: [side.name], text }];
}

function lackAt(side: Side, other: Side): string | undefined {
  const { name, reading, prefixes } = side;
  if (reading === undefined || other.device?.keys.size === 0) return undefined;
  if (reading.state.keys.size === 0) return `${name} has no key: ${runRole} there`;
  const end = endAt(side, other);
  if (end === undefined && other.device !== undefined)
    return `${name} does not let ${other.name} in: lab device revoke ${other.name}, then lab device add ${other.name}`;
  if (end === undefined) return `${name} has no link to ${other.name}: ${runRole}`;
  const { interface: own } = end;
  if (!reading.running.has(own))
    return `${own} is down on ${name}: ${runRole}, or look at systemctl status wg-quick@${own}`;
  if (reading.disabled.has(own))
    return `${own} of ${name} is there, but set down: lab exec ${name} -- ${hostScript} restart ${own}`;
  if (reading.running.get(own) !== reading.state.keys.get(own))
    return `${own} of ${name} runs with another key than its file has: ${runRole}`;
  if (!reading.peers.has(`${own} ${end.peerKey}`)) return `${other.name} is no peer on ${own} of ${name}: ${runRole}`;
  const missing = prefixes.filter((prefix) => !reading.routes.has(`${own} ${prefix}`));
  return missing.length === 0 ? undefined : `${name} has no route for ${missing.join(', ')} by ${own}: ${runRole}`;
}

/** What the two ends do not agree on; the end that knows less is outdated. */
function disagreement(a: Side, b: Side): Problem[] {
  const found = [
    [a, b],
    [b, a],
  ].flatMap(([side, other]) => (side === undefined || other === undefined ? [] : oldKeyAt(side, other)));
  if (found.length > 0 || isRotating(a, b) || isRotating(b, a)) return found;
  const [mine, theirs] = [endAt(a, b), endAt(b, a)];
  if (mine === undefined || theirs === undefined || mine.presharedKey === theirs.presharedKey) return [];
  const outdated = outdatedPresharedKey(a, b);
  const text =
    outdated.length === 1
      ? `${a.name} and ${b.name} have different preshared keys, and ${outdated[0]} has the older one or none: ${runRole}`
      : `${a.name} and ${b.name} have different preshared keys: ${runRole}`;
  return [{ at: outdated, text }];
}

/** That an end has another public key of the other than the other itself. */
function oldKeyAt(side: Side, other: Side): Problem[] {
  const end = endAt(side, other);
  const state = other.reading?.state ?? other.device;
  if (end === undefined || end.peerKey === null || state === undefined || state.keys.size === 0) return [];
  if (state.keys.get(end.peerInterface) === end.peerKey) return [];
  return [
    { at: [side.name], text: `${side.name} has another key of ${other.name} than ${other.name} itself: ${runRole}` },
  ];
}

/** The end without one, else that whose file is older; both when nothing tells. */
function outdatedPresharedKey(a: Side, b: Side): string[] {
  const ages = [
    [a, b],
    [b, a],
  ].map(([side, other]) => {
    const end = side && other && endAt(side, other);
    const made = end === undefined ? undefined : side?.reading?.preshared.get(`${end.interface} ${other?.name}`);
    if (end?.presharedKey === null || made === undefined) return Number.POSITIVE_INFINITY;
    return (side?.reading?.now ?? 0) - made;
  });
  const [x = 0, y = 0] = ages;
  if (x === y) return [a.name, b.name];
  return [x > y ? a.name : b.name];
}
