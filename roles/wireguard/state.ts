import type { Exports } from '../../src/index.ts';

/**
 * What a link is on one of this host's interfaces. Traffic takes the way that is `active`; `staged` is being prepared to
 * replace it, `draining` was replaced and still takes what is on its way.
 */
export interface LinkEnd {
  readonly interface: string;
  /** The other end's interface; for a device the name of its key pair. */
  readonly peerInterface: string;
  /** The first 16 hex digits of the SHA-256 of the preshared key's file; null without one. */
  readonly presharedKey: string | null;
  readonly phase: Phase;
  /**
   * The peer's public key, as it was when both were read last: it holds while the peer cannot be read, whatever a lock file says
   * that may be older. Null before.
   */
  readonly peerKey: string | null;
}
export type Phase = 'active' | 'staged' | 'draining';

/** What a host is in the tunnel, as its own files say. */
export interface TunnelState {
  /** Interface → its public key. */
  readonly keys: ReadonlyMap<string, string>;
  /** Peer → its ends here. */
  readonly links: ReadonlyMap<string, readonly LinkEnd[]>;
}

/** A device has one tunnel; what its key pairs are called, of which it gets another one when they are rotated. */
export const deviceInterfaces = ['device', 'device2'] as const;

export function isDeviceInterface(name: string): boolean {
  return (deviceInterfaces as readonly string[]).includes(name);
}

export const nothing: TunnelState = { keys: new Map(), links: new Map() };

const linkPrefix = 'link ';
/** What other hosts say of interfaces becomes part of paths: nothing but names. */
const endPattern =
  /^([A-Za-z][\w-]{0,14}) ([A-Za-z][\w-]{0,14}) ([0-9a-f]{16}|none) (active|staged|draining)(?: ([A-Za-z0-9+/]{43}=))?$/;
const keyPattern = /^[A-Za-z0-9+/]{43}=$/;

/** As other hosts are told, and as the lock file keeps it. */
export function exportsOf({ keys, links }: TunnelState): Exports {
  return Object.fromEntries([
    ...keys,
    ...[...links].map(([peer, ends]) => [`${linkPrefix}${peer}`, ends.map(formatEnd).join(', ')]),
  ]);
}

/** The reverse; what is malformed is left out. */
export function stateOf(exports: Exports | undefined): TunnelState {
  const keys = new Map<string, string>();
  const links = new Map<string, readonly LinkEnd[]>();
  for (const [name, value] of Object.entries(exports ?? {})) {
    if (name.startsWith(linkPrefix)) links.set(name.slice(linkPrefix.length), value.split(', ').flatMap(parseEnd));
    else if (keyPattern.test(value)) keys.set(name, value);
  }
  return { keys, links };
}

/** Lines of the links file, `# link PEER OWN-INTERFACE PEER-INTERFACE PRESHARED-KEY PHASE PEER-KEY`. */
export function linkLines(links: TunnelState['links']): string[] {
  return [...links].flatMap(([peer, ends]) => ends.map((end) => `# link ${peer} ${formatEnd(end)}`));
}

export function parseLinks(text: string): TunnelState['links'] {
  const links = new Map<string, LinkEnd[]>();
  for (const line of text.split('\n')) {
    const [, peer, rest] = /^# link (\S+) (.+)$/.exec(line) ?? [];
    if (peer === undefined || rest === undefined) continue;
    links.set(peer, [...(links.get(peer) ?? []), ...parseEnd(rest)]);
  }
  return links;
}

export function isPublicKey(text: string): boolean {
  return keyPattern.test(text);
}

export function activeEnd(ends: readonly LinkEnd[] | undefined): LinkEnd | undefined {
  return ends?.find(({ phase }) => phase === 'active');
}

/** Interfaces with a key that no link uses, on a host that has links. */
export function unusedKeys({ keys, links }: TunnelState): string[] {
  const used = new Set([...links.values()].flatMap((ends) => ends.map((end) => end.interface)));
  return used.size === 0 ? [] : [...keys.keys()].filter((name) => !used.has(name));
}

/** The end of the other side that belongs to an end of this side. */
export function counterpart(end: LinkEnd, of: TunnelState, self: string): LinkEnd | undefined {
  return of.links
    .get(self)
    ?.find((other) => other.interface === end.peerInterface && other.peerInterface === end.interface);
}

/**
 * Whether the other side has ended for good what this side still lets drain: an interrupted rotation destroyed the keys there,
 * or is about to.
 *
 * @param of the peer, as it was just read
 */
export function isEndedThere(end: LinkEnd, of: TunnelState, self: string): boolean {
  if (of.keys.size === 0) return false;
  if (!of.keys.has(end.peerInterface)) return true;
  return end.phase === 'draining' && counterpart(end, of, self) === undefined;
}

function formatEnd({ interface: own, peerInterface, presharedKey, phase, peerKey }: LinkEnd): string {
  return `${own} ${peerInterface} ${presharedKey ?? 'none'} ${phase}${peerKey === null ? '' : ` ${peerKey}`}`;
}

function parseEnd(text: string): LinkEnd[] {
  const [, own, peerInterface, key, phase, peerKey] = endPattern.exec(text) ?? [];
  if (own === undefined || peerInterface === undefined) return [];
  const presharedKey = key === 'none' ? null : (key ?? null);
  return [{ interface: own, peerInterface, presharedKey, phase: phase as Phase, peerKey: peerKey ?? null }];
}
