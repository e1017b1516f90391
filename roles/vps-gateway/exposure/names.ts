import type { Host, Inventory } from '../../../src/index.ts';
import { LabError } from '../../../src/index.ts';
import { parseAddress } from '../../../src/model/ip-address.ts';
import { recordsOf } from '../../dns/private/records.ts';
import { privateParamsOf } from '../../dns/private/resolvers.ts';
import { ownerName } from '../../dns/public/names.ts';
import { publicAddressesOf } from '../../dns/public/records.ts';

/** Types that are asked for; in those that name a host, that host is asked for its addresses. */
export type AskedType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'NS' | 'SRV' | 'TXT';

export interface AskedName {
  /** Without the dot at its end. */
  readonly name: string;
  readonly types: readonly AskedType[];
  /** The record that leads here: `example.dev MX`; null for names that are asked for by themselves. */
  readonly via: string | null;
}

/** What came of one question. */
export interface PublicRecord {
  readonly name: string;
  readonly type: AskedType;
  /** An address, the name that it leads to, or a text. */
  readonly value: string;
  readonly via: string | null;
}

/** Names below a zone under which homes are often found, declared or not: records that were forgotten. */
const oftenForgotten = ['www', 'mail', 'home', 'vpn', 'wg', 'nas', 'dyn', 'ddns', 'direct', 'origin'];

/** What a wildcard answers to, and nothing else. */
const undeclared = 'lab-verify-exposure';

/** Every public name of the inventory. */
export function publicNamesOf({ services }: Inventory): readonly string[] {
  return [...new Set([...services.values()].flatMap((service) => service.public))].sort();
}

/** What is asked of the public DNS by itself: declared names, their zones, and what may have been forgotten there. Pure. */
export function questionsFor(inventory: Inventory, zones: readonly string[]): readonly AskedName[] {
  const whole = ['A', 'AAAA', 'CNAME', 'MX', 'TXT'] as const;
  const addresses = ['A', 'AAAA', 'CNAME'] as const;
  const hosts = [...inventory.hosts.keys()]
    .map((name) => name.toLowerCase())
    .filter((name) => /^[a-z0-9-]+$/.test(name));
  const labels = [...new Set([...hosts, ...oftenForgotten, undeclared])];
  return unique([
    ...publicNamesOf(inventory).map((name) => ({ name, types: whole, via: null })),
    ...zones.map((name) => ({ name, types: [...whole, 'NS' as const], via: null })),
    ...declaredRecords(inventory).map(({ name, type }) => ({
      name,
      types: [...whole, ...(type === 'SRV' ? ['SRV' as const] : [])],
      via: null,
    })),
    ...zones.flatMap((zone) => labels.map((label) => ({ name: `${label}.${zone}`, types: addresses, via: null }))),
    // A name that follows the line of the home is one for everybody.
    ...homeLogins(inventory).flatMap((name) =>
      parseAddress(name) === undefined && name.includes('.') ? [{ name, types: addresses, via: null }] : [],
    ),
  ]);
}

/** Where a record leads: names that have addresses of their own, and further SPF records (RFC 7208, 5). Pure. */
export function followedBy({ name, type, value }: PublicRecord): readonly AskedName[] {
  const addresses = ['A', 'AAAA'] as const;
  const via = `${name} ${type}`;
  if (type === 'A' || type === 'AAAA') return [];
  if (type !== 'TXT') return [{ name: value, types: addresses, via }];
  if (!/^v=spf1( |$)/i.test(value)) return [];
  return value.split(/\s+/).flatMap((term): AskedName[] => {
    const [, kind = '', target = ''] = /^[+?~-]?(a|mx|include|redirect|exists)[:=]([A-Za-z0-9._-]+)/i.exec(term) ?? [];
    if (target === '') return [];
    const types = ({ a: addresses, mx: ['MX'], include: ['TXT'], redirect: ['TXT'] } as const)[
      kind.toLowerCase() as 'a'
    ];
    return types === undefined ? [] : [{ name: target.toLowerCase(), types, via }];
  });
}

/** Zones that hosts publish, as their parameters have them. */
export function declaredZones(inventory: Inventory): readonly string[] {
  return [...new Set([...inventory.hosts.values()].flatMap((host) => Object.keys(zonesOf(host))))].sort();
}

/** `photos.example.dev A` of every record that the inventory says is meant to show an address which is not public. */
export function meantRecords(inventory: Inventory): ReadonlySet<string> {
  return new Set(declaredRecords(inventory).flatMap(({ name, type, isMeant }) => (isMeant ? [`${name} ${type}`] : [])));
}

/** Addresses and names at which `lab` logs in to hosts that are on no public network. */
export function homeLogins(inventory: Inventory): readonly string[] {
  const logins = [...inventory.hosts.values()]
    .filter((host) => publicAddressesOf(host, inventory).length === 0)
    .flatMap(({ connection }) =>
      connection.proxyJump === undefined ? [connection, ...(connection.fallback ?? [])] : [],
    )
    .flatMap(({ address }) => address?.toLowerCase() ?? []);
  return [...new Set(logins)];
}

/** Names that are answered inside alone. What is wrong with them is told by the role dns. */
export function privateNamesOf(inventory: Inventory): ReadonlySet<string> {
  const declared = [...inventory.services.values()].flatMap((service) => service.private);
  const params = [...inventory.hosts.values()].map(privateParamsOf).find((one) => one !== undefined);
  if (params === undefined) return new Set(declared);
  try {
    const all = recordsOf(inventory, params).filter(({ isPublic, type }) => !isPublic && type !== 'PTR');
    return new Set([...declared, ...all.map(({ name }) => name)]);
  } catch (error) {
    if (error instanceof LabError) return new Set(declared);
    throw error;
  }
}

interface ZoneRecord {
  readonly name: string;
  readonly type: string;
  readonly isMeant: boolean;
}

function declaredRecords(inventory: Inventory): readonly ZoneRecord[] {
  return [...inventory.hosts.values()].flatMap((host) =>
    Object.entries(zonesOf(host)).flatMap(([zone, params]) =>
      listIn(params, 'records').flatMap((record): ZoneRecord[] => {
        const { name, type, private: isMeant } = record as Readonly<Record<string, unknown>>;
        const owner = typeof name === 'string' ? ownerName(name, zone) : undefined;
        if (owner === undefined || !('name' in owner) || typeof type !== 'string') return [];
        return [{ name: owner.name.replace(/\.$/, ''), type, isMeant: isMeant === true }];
      }),
    ),
  );
}

/** As given: what is wrong with them is told by the role dns. */
function zonesOf({ params }: Host): Readonly<Record<string, unknown>> {
  const zones = params.get('dns')?.zones;
  return zones !== null && typeof zones === 'object' ? (zones as Record<string, unknown>) : {};
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const list = value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[key] : undefined;
  return Array.isArray(list) ? list.filter((one) => one !== null && typeof one === 'object') : [];
}

/** One entry for each name, with all types that are wanted of it. */
function unique(names: readonly AskedName[]): readonly AskedName[] {
  const all = new Map<string, AskedName>();
  for (const one of names) {
    const before = all.get(one.name);
    all.set(one.name, { ...one, types: [...new Set([...(before?.types ?? []), ...one.types])] });
  }
  return [...all.values()];
}
