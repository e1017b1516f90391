import { type Packet, passedOnBy, permitFor } from '../evaluate.ts';
import type { Policy } from '../policy.ts';
import type { Probe } from './probes.ts';

/** What one host noted of what came to it. */
export interface Notes {
  readonly came: ReadonlySet<string>;
  readonly entered: ReadonlySet<string>;
  /** The address from which this machine's login comes, and the one to which; null without SSH. */
  readonly login: { readonly from: string; readonly to: string } | null;
  /** Tables of nftables that are not ours: `ip nat`. */
  readonly others: readonly string[];
}

/** A probe, and whether it is known which source the other side sees. */
export interface SentProbe extends Probe {
  /** A host of the inventory, or this machine. */
  readonly from: string;
  /** Null where something in between may translate it. */
  readonly source: string | null;
}

/** What is not as the policy says. */
export interface Finding {
  /** `open`: let in without a flow; `blocked`: there is a flow, and it was not let in; `lost`: it did not even come. */
  readonly kind: 'open' | 'blocked' | 'lost';
  readonly from: string;
  readonly host: string;
  readonly packet: Packet;
  /** Of the flow that should have let it in. */
  readonly reason: string | null;
}

export interface Verdict {
  readonly host: string;
  /** Probes with a flow: how many, and how many of them were let in. */
  readonly declared: { readonly sent: number; readonly entered: number };
  /** Probes without one that came to the host, and how many of them were let in. */
  readonly others: { readonly came: number; readonly entered: number };
  readonly findings: readonly Finding[];
  /** Tables of others on the host, which are left as they are. */
  readonly tables: readonly string[];
}

/** `10.77.0.50 > 10.77.0.10 tcp 443` */
export function noteOf({ source, destination, protocol, port }: Packet): string {
  return `${source} > ${destination} ${protocol} ${port}`;
}

/**
 * Holds what a host noted against the policy. Pure. What was let in is judged by the source that the host saw, whoever sent it;
 * what was not, by those probes of which the source is known.
 *
 * @param nameOf who has an address
 */
export function judge(
  host: string,
  policy: Policy,
  probes: readonly SentProbe[],
  { came, entered, others: tables }: Notes,
  nameOf: (address: string) => string,
): Verdict {
  const tried = new Set(probes.map(({ destination, protocol, port }) => `${destination} ${protocol} ${port}`));
  const isProbe = (note: string) => tried.has(note.slice(note.indexOf('> ') + 2));
  const packetOf = (note: string): Packet => {
    const [source = '', , destination = '', protocol, port] = note.split(' ');
    return { source, destination, protocol: protocol as Packet['protocol'], port: Number(port) };
  };
  const strangers = [...came]
    .filter(isProbe)
    .map(packetOf)
    .filter((packet) => (permitFor(policy, packet) ?? passedOnBy(host, policy, packet)) === undefined);
  const open = strangers
    .filter((packet) => entered.has(noteOf(packet)))
    .map((packet): Finding => ({ kind: 'open', from: nameOf(packet.source), host, packet, reason: null }));
  const declared = probes.flatMap(({ from, source, destination, protocol, port }) => {
    if (source === null) return [];
    const packet: Packet = { source, destination, protocol, port };
    const permit = permitFor(policy, packet);
    return permit === undefined || permit.via !== undefined ? [] : [{ from, packet, permit }];
  });
  const missing = declared.flatMap(({ from, packet, permit }): Finding[] => {
    const note = noteOf(packet);
    if (entered.has(note)) return [];
    return [{ kind: came.has(note) ? 'blocked' : 'lost', from, host, packet, reason: permit.reason }];
  });
  return {
    host,
    declared: { sent: declared.length, entered: declared.length - missing.length },
    others: { came: strangers.length, entered: open.length },
    findings: [...open, ...missing],
    tables,
  };
}

/** What `observe.sh seen` printed. */
export function parseNotes(text: string): Notes {
  const came = new Set<string>();
  const entered = new Set<string>();
  const others: string[] = [];
  let login: Notes['login'] = null;
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(' ');
    if (word === 'login') login = { from: rest[0] ?? '', to: rest[2] ?? '' };
    if (word === 'other') others.push(rest.join(' '));
    if (word !== 'came' && word !== 'entered') continue;
    const [source, destination, protocol, port] = rest.filter((part) => part !== '.');
    if (source === undefined || destination === undefined || protocol === undefined || port === undefined) continue;
    const name = protocol === '6' || protocol === 'tcp' ? 'tcp' : 'udp';
    (word === 'came' ? came : entered).add(noteOf({ source, destination, protocol: name, port: Number(port) }));
  }
  return { came, entered, login, others };
}
