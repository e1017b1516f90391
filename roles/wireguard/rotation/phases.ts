import type { RoleUse } from '../../../src/index.ts';
import { changedTunnel } from '../changed-tunnel.ts';
import type { LinkEnd, TunnelState } from '../state.ts';
import type { Move } from './due.ts';

/** What a step of a rotation makes of the links that move; all others stay as they are. */
export type Phase = 'key' | 'stage' | 'cut over' | 'go back' | 'unstage' | 'retire';

/** The links of a host after a step. Pure, and safe to repeat. */
export function linksAfter(phase: Phase, host: string, own: TunnelState, moves: readonly Move[]): TunnelState['links'] {
  const links = new Map(own.links);
  for (const { hosts, target } of moves) {
    if (!hosts.includes(host)) continue;
    const peer = hosts[0] === host ? hosts[1] : hosts[0];
    const before = own.links.get(peer) ?? [];
    const wanted = { interface: target.get(host) ?? '', peerInterface: target.get(peer) ?? '' };
    links.set(peer, endsAfter(phase, before, wanted));
  }
  return links;
}

function endsAfter(
  phase: Phase,
  before: readonly LinkEnd[],
  wanted: Pick<LinkEnd, 'interface' | 'peerInterface'>,
): readonly LinkEnd[] {
  const isTarget = (end: LinkEnd) => end.interface === wanted.interface && end.peerInterface === wanted.peerInterface;
  const target = before.find(isTarget);
  const others = before.filter((end) => !isTarget(end));
  switch (phase) {
    case 'key':
      return before;
    case 'stage':
      return target === undefined
        ? [...before, { ...wanted, presharedKey: null, phase: 'staged', peerKey: null }]
        : before;
    case 'cut over':
      if (target === undefined) return before;
      return [{ ...target, phase: 'active' }, ...others.map((end): LinkEnd => ({ ...end, phase: 'draining' }))];
    case 'go back': {
      const [first] = others;
      if (target === undefined || first === undefined) return before;
      return [{ ...first, phase: 'active' }, ...others.slice(1), { ...target, phase: 'staged' }];
    }
    case 'unstage':
      return others.length === 0 ? before : others.filter(({ phase }) => phase !== 'staged');
    case 'retire':
      return target?.phase === 'active' ? [target] : before;
  }
}

/** The role in one step of a rotation: the whole tunnel, with what the step changes of it. */
export function phaseOf(phase: Phase, moves: readonly Move[], params: Readonly<Record<string, unknown>>): RoleUse {
  return changedTunnel(
    (name) => ({
      added: ['key', 'stage'].includes(phase) ? moves.flatMap(({ target }) => target.get(name) ?? []) : [],
      onlyKeys: phase === 'key',
      links: (own) => linksAfter(phase, name, own, moves),
      final: phase === 'retire' || phase === 'unstage',
    }),
    params,
  );
}
