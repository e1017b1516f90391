import { createHash, randomBytes } from 'node:crypto';
import { LabError, Secret } from '../../src/index.ts';
import type { Peer } from './mesh.ts';
import {
  activeEnd,
  counterpart,
  isDeviceInterface,
  isEndedThere,
  type LinkEnd,
  nothing,
  type TunnelState,
} from './state.ts';

/** The states of hosts and devices by name. */
export type States = ReadonlyMap<string, TunnelState>;

/** A preshared key that is to be written, with the fingerprint that its file will have. */
export interface NewPresharedKey {
  readonly secret: Secret;
  readonly fingerprint: string;
}

export interface WantedLinks {
  readonly links: TunnelState['links'];
  /** Preshared keys to write: `PEER INTERFACE` → key. */
  readonly newKeys: ReadonlyMap<string, NewPresharedKey>;
}

/**
 * What the links of a host shall be: those it has stay as they are; one to a peer that it has none to begins on the interface
 * that carries most links at each end. Of a peer that this run does not read, what the host itself knows wins over the lock file,
 * which may be an old one: nobody loses a link because a host is down or left out. A preshared key that the two ends do not share
 * is made anew, when both can be given it; two that have none keep their link as it is.
 *
 * @param peers with whom the model wants a link; one with a device begins only when the device is let in, never by what a lock file
 *   says: it may be one of before the device was revoked
 * @param reached hosts that this run reads: only they can be given a key
 * @param agreed the same key for both ends, within a run
 * @throws LabError PLAN_IMPOSSIBLE when two hosts say that they have the same key: the link of one would be cut
 */
export function wantedLinks(
  self: string,
  base: string,
  peers: readonly Pick<Peer, 'name' | 'isDevice'>[],
  states: States,
  reached: (host: string) => boolean,
  agreed: (name: string) => NewPresharedKey,
): WantedLinks {
  const own = states.get(self) ?? nothing;
  const links = new Map<string, readonly LinkEnd[]>();
  const newKeys = new Map<string, NewPresharedKey>();
  for (const { name: peer, isDevice } of peers) {
    const other = states.get(peer) ?? nothing;
    const keyOf = ({ peerInterface, peerKey }: LinkEnd) => {
      const told = other.keys.get(peerInterface) ?? null;
      return reached(peer) ? told : (peerKey ?? told);
    };
    const alive = (own.links.get(peer) ?? []).filter(
      (end) => own.keys.has(end.interface) && keyOf(end) !== null && !(reached(peer) && isEndedThere(end, other, self)),
    );
    const isNew = !isDevice && activeEnd(alive) === undefined && other.keys.size > 0;
    const ends = isNew ? [...alive, firstEnd(self, base, own, other)] : alive;
    if (ends.length === 0) continue;
    links.set(
      peer,
      ends.map((before) => {
        const end = { ...before, peerKey: keyOf(before) };
        if (isDevice || !reached(peer)) return end;
        const theirs = counterpart(end, other, self);
        // A link that works without one gets it by the next rotation: where one end takes it and the other fails, it would be cut.
        if (theirs !== undefined && theirs.presharedKey === end.presharedKey) return end;
        const key = agreed(pairName(self, end.interface, peer, end.peerInterface));
        newKeys.set(`${peer} ${end.interface}`, key);
        return { ...end, presharedKey: key.fingerprint };
      }),
    );
  }
  refuseSharedKeys(self, own, links);
  return { links, newKeys };
}

function refuseSharedKeys(self: string, own: TunnelState, links: ReadonlyMap<string, readonly LinkEnd[]>): void {
  const owners = new Map([...own.keys.values()].map((key) => [key, self]));
  for (const [peer, ends] of links)
    for (const { peerKey } of ends) {
      if (peerKey === null) continue;
      const owner = owners.get(peerKey) ?? peer;
      owners.set(peerKey, owner);
      if (owner === peer) continue;
      throw new LabError('PLAN_IMPOSSIBLE', `${owner} and ${peer} have the same public key in the tunnel`, {
        host: self,
        expected: 'a key of its own for each',
        found: `${peerKey} from both`,
        hint: `one of them was copied from the other, or says so: destroy its keys (state: 'absent'), or take it out of the inventory`,
      });
    }
}

/** Both ends call a pair of interfaces the same. */
function pairName(host: string, interfaceName: string, peer: string, peerInterface: string): string {
  return [`${host} ${interfaceName}`, `${peer} ${peerInterface}`].sort().join(' – ');
}

function firstEnd(self: string, base: string, own: TunnelState, other: TunnelState): LinkEnd {
  const theirs = activeEnd(other.links.get(self));
  const adopted = theirs !== undefined && own.keys.has(theirs.peerInterface) ? theirs : undefined;
  return {
    interface: adopted?.peerInterface ?? mainInterface(own, base),
    peerInterface: adopted?.interface ?? mainInterface(other, base),
    presharedKey: null,
    phase: 'active',
    peerKey: null,
  };
}

/** The interface that carries most links; of several the first by name. Devices do not count: they stay where they are. */
export function mainInterface(state: TunnelState, base: string): string {
  const counts = new Map([...state.keys.keys()].sort().map((name): [string, number] => [name, 0]));
  for (const ends of state.links.values()) {
    const end = activeEnd(ends);
    if (end === undefined || isDeviceInterface(end.peerInterface)) continue;
    counts.set(end.interface, (counts.get(end.interface) ?? 0) + 1);
  }
  const [best] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return best?.[0] ?? base;
}

/** 32 random bytes, as `wg genpsk` makes them. */
export function newPresharedKey(): NewPresharedKey {
  const text = randomBytes(32).toString('base64');
  return { secret: new Secret(`${text}\n`, 'preshared key'), fingerprint: fingerprintOf(`${text}\n`) };
}

export function fingerprintOf(fileContent: string | Buffer): string {
  return createHash('sha256').update(fileContent).digest('hex').slice(0, 16);
}
