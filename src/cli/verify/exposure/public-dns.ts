import { Resolver } from 'node:dns/promises';
import pLimit from 'p-limit';
import {
  type AskedName,
  type AskedType,
  declaredZones,
  followedBy,
  type PublicRecord,
  publicNamesOf,
} from '../../../../roles/vps-gateway/exposure/names.ts';
import { canonicalAddress, parseAddress } from '../../../model/ip-address.ts';
import type { Inventory } from '../../../model/types.ts';

/** The DNS as strangers see it. */
export interface PublicDns {
  /** Values of a name; null when nobody answered. */
  ask(name: string, type: AskedType): Promise<readonly string[] | null>;
}

const atOnce = 24;
/** Records that lead to others, which lead to others: more is nobody's. */
const followedAtMost = 8;

/** One resolver for everything. */
export function dnsOf(server: string): PublicDns {
  const resolver = resolverAt([server]);
  return { ask: (name, type) => ask(resolver, name, type) };
}

/**
 * The servers in charge of each name, which the resolver of this machine tells; where it knows none, itself. Names of a homelab mean
 * something else to a resolver inside.
 *
 * @param resolvers instead of those of this machine
 */
export function authoritativeDns(resolvers: readonly string[] = []): PublicDns {
  const own = resolverAt(resolvers);
  const byZone = new Map<string, Promise<Resolver | null>>();
  const serversOf = (zone: string) => {
    const before = byZone.get(zone);
    if (before !== undefined) return before;
    const found = findServers(own, zone);
    byZone.set(zone, found);
    return found;
  };
  return {
    async ask(name, type) {
      const labels = name.split('.');
      for (let at = 0; at < labels.length - 1; at++) {
        const resolver = await serversOf(labels.slice(at).join('.'));
        if (resolver !== null) return ask(resolver, name, type);
      }
      return ask(own, name, type);
    },
  };
}

async function findServers(own: Resolver, zone: string): Promise<Resolver | null> {
  const names = (await ask(own, zone, 'NS')) ?? [];
  const addresses = await Promise.all(names.slice(0, 4).map((name) => ask(own, name, 'A')));
  const all = addresses.flatMap((list) => list ?? []);
  return all.length === 0 ? null : resolverAt(all);
}

function resolverAt(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  return resolver;
}

/** Answers that say there is nothing. */
const nothing = new Set(['ENOTFOUND', 'ENODATA']);

async function ask(resolver: Resolver, name: string, type: AskedType): Promise<readonly string[] | null> {
  try {
    return await valuesOf(resolver, name, type);
  } catch (error) {
    return nothing.has((error as NodeJS.ErrnoException).code ?? '') ? [] : null;
  }
}

async function valuesOf(resolver: Resolver, name: string, type: AskedType): Promise<readonly string[]> {
  const named = (value: string) => value.toLowerCase().replace(/\.$/, '');
  switch (type) {
    case 'A':
      return (await resolver.resolve4(name)).map(canonicalAddress);
    case 'AAAA':
      return (await resolver.resolve6(name)).map(canonicalAddress);
    case 'CNAME':
      return (await resolver.resolveCname(name)).map(named);
    case 'NS':
      return (await resolver.resolveNs(name)).map(named);
    case 'MX':
      return (await resolver.resolveMx(name)).map(({ exchange }) => named(exchange));
    case 'SRV':
      return (await resolver.resolveSrv(name)).map(({ name: target }) => named(target));
    case 'TXT':
      return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
  }
}

/** Declared zones, and those that the public names without one are in. */
export async function zonesOf(inventory: Inventory, dns: PublicDns): Promise<readonly string[]> {
  const declared = declaredZones(inventory);
  const zones = new Set(declared);
  for (const name of publicNamesOf(inventory)) {
    if (declared.some((zone) => name === zone || name.endsWith(`.${zone}`))) continue;
    const parents = name
      .split('.')
      .flatMap((_, at, labels) => (at < labels.length - 1 ? [labels.slice(at).join('.')] : []));
    const found = await Promise.all(parents.map(async (parent) => ((await dns.ask(parent, 'NS')) ?? []).length > 0));
    const zone = parents[found.indexOf(true)] ?? parents.at(-1);
    if (zone !== undefined) zones.add(zone);
  }
  return [...zones].sort();
}

export interface AskedRecords {
  readonly records: readonly PublicRecord[];
  readonly questions: number;
  /** `photos.example.dev A` that nobody answered. */
  readonly unanswered: readonly string[];
}

/** Asks for names, and for those that the answers lead to. */
export async function askRecords(names: readonly AskedName[], dns: PublicDns): Promise<AskedRecords> {
  const limit = pLimit(atOnce);
  const asked = new Set<string>();
  const records: PublicRecord[] = [];
  const unanswered: string[] = [];
  let next = names;
  for (let depth = 0; depth < followedAtMost && next.length > 0; depth++) {
    const questions = next
      .filter(({ name }) => name !== '' && parseAddress(name) === undefined)
      .flatMap(({ name, types, via }) => types.map((type) => ({ name, type, via })));
    const fresh = questions.filter(({ name, type }) => {
      const isFresh = !asked.has(`${name} ${type}`);
      asked.add(`${name} ${type}`);
      return isFresh;
    });
    const answers = await Promise.all(
      fresh.map(({ name, type, via }) =>
        limit(async (): Promise<PublicRecord[]> => {
          const values = await dns.ask(name, type);
          if (values === null) unanswered.push(`${name} ${type}`);
          return (values ?? []).map((value) => ({ name, type, value, via }));
        }),
      ),
    );
    const found = answers.flat();
    records.push(...found);
    next = found.flatMap(followedBy);
  }
  return { records, questions: asked.size, unanswered: unanswered.sort() };
}
