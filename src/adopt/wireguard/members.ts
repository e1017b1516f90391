import type { FoundInterface, FoundPeer } from '../../../roles/wireguard/found/found.ts';
import type { Note } from '../entries.ts';
import { type Section, sectionOfPeer, valuesOf } from './config-file.ts';
import type { FoundTunnel } from './look.ts';

/** A host with the interface that becomes its part of the tunnel. */
export interface Member {
  readonly host: string;
  readonly tunnel: FoundTunnel;
  readonly running: FoundInterface;
  readonly peers: readonly MemberPeer[];
}

export interface MemberPeer extends FoundPeer {
  /** Where its configuration says that it is dialled, without the port; null when it says nothing. */
  readonly dialled: { readonly address: string; readonly port: number } | null;
  readonly section: Section | undefined;
}

/**
 * One interface of each host: the one that is asked for, else the one that is linked with most of the other hosts.
 *
 * @param wanted name of the interface
 */
export function chooseMembers(
  tunnels: readonly FoundTunnel[],
  wanted: string | undefined,
): { readonly members: readonly Member[]; readonly notes: readonly Note[] } {
  const notes: Note[] = [];
  const keys = new Map(
    tunnels.flatMap(({ host, running }) => (running === undefined ? [] : [[running.publicKey, host]])),
  );
  const members = [...new Set(tunnels.map(({ host }) => host))].flatMap((host): Member[] => {
    const own = tunnels.filter((tunnel) => tunnel.host === host);
    const named = own.filter(({ name }) => wanted === undefined || name === wanted);
    const [best] = named
      .filter(({ running, isOurs }) => running !== undefined && !isOurs)
      .toSorted((a, b) => links(b, keys, host) - links(a, keys, host));
    for (const other of own) if (other !== best) notes.push(leftOut(other, best, wanted));
    return best?.running === undefined ? [] : [{ host, tunnel: best, running: best.running, peers: peersOf(best) }];
  });
  return { members, notes };
}

function links({ running }: FoundTunnel, keys: ReadonlyMap<string, string>, self: string): number {
  return (running?.peers ?? []).filter(({ publicKey }) => (keys.get(publicKey) ?? self) !== self).length;
}

function leftOut(tunnel: FoundTunnel, best: FoundTunnel | undefined, wanted: string | undefined): Note {
  const { host, name, files, isOurs, running } = tunnel;
  const note = { host, file: files[0] ?? null, line: null, found: `interface ${name}` };
  if (isOurs) return { ...note, instead: 'the role wireguard has it already' };
  if (running === undefined)
    return { ...note, instead: `it does not run, so nothing of it is taken: wg-quick up ${name}, and look again` };
  const why =
    best === undefined || wanted === undefined ? `${best?.name ?? 'another one'} is taken` : `${wanted} was asked for`;
  return { ...note, instead: `one tunnel a host, and ${why}: it stays as it is (--interface ${name} takes this one)` };
}

function peersOf({ running, sections }: FoundTunnel): MemberPeer[] {
  return (running?.peers ?? []).map((peer) => {
    const section = sectionOfPeer(sections, peer.publicKey);
    return { ...peer, section, dialled: endpointOf(section) };
  });
}

/** `203.0.113.10:51820`, `[2001:db8::1]:51820`, `vps.example.dev:51820` */
function endpointOf(section: Section | undefined): MemberPeer['dialled'] {
  const [text = ''] = section === undefined ? [] : valuesOf(section, 'Endpoint');
  const [, address, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(text) ?? [];
  return address === undefined ? null : { address, port: Number(port) };
}
