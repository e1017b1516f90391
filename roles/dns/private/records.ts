import { type Inventory, LabError, type Service } from '../../../src/index.ts';
import { canonicalAddress, parseAddress } from '../../../src/model/ip-address.ts';
import { isDnsName, isWithin, reverseName } from './dns-name.ts';
import type { PrivateParams } from './params.ts';
import { insideAddresses } from './resolvers.ts';

export type RecordType = PrivateParams['records'][number]['type'] | 'PTR';

/** One record that the resolvers answer with. */
export interface NameRecord {
  /** Without the dot at the end. */
  readonly name: string;
  readonly type: RecordType;
  /** As in a zone file, names without the dot at the end; of TXT the text itself. */
  readonly value: string;
  /** Who wants it: `host nas`, `service photos`, `a record`. */
  readonly origin: string;
  /** Whether the name is one of the internet as well, and means something else there. */
  readonly isPublic: boolean;
}

/**
 * All names that are answered inside. Pure, and from the whole inventory. Public names of a service lead to where the way
 * stays inside: to the gateways where TLS ends there, else to the host of the service itself. A record CNAME to one of
 * our own names becomes the addresses of that, as a resolver does not follow it among its own.
 *
 * @throws LabError PLAN_IMPOSSIBLE for names that are none, or that two want with different values; for stubs over own names
 */
export function recordsOf(inventory: Inventory, params: PrivateParams): readonly NameRecord[] {
  const { domain } = params;
  const forward = [
    ...members(inventory, domain),
    ...[...inventory.services.values()].flatMap((service) => ofService(service, inventory)),
    ...params.records.map(({ name, type, value }) => ({
      name: isRelative(name) ? `${name}.${domain}` : name,
      type,
      value: type === 'A' || type === 'AAAA' ? canonicalAddress(value) : value,
      origin: 'a record',
      isPublic: false,
    })),
  ];
  const resolved = withoutOwnAliases(forward);
  refuseConflicts(resolved, inventory);
  refuseStubs(resolved, inventory, params);
  return unique([...resolved, ...reverse(resolved, domain)]);
}

function members(inventory: Inventory, domain: string): NameRecord[] {
  const kinds = [
    { kind: 'host', all: inventory.hosts },
    { kind: 'device', all: inventory.devices },
  ];
  return kinds.flatMap(({ kind, all }) =>
    [...all.values()].flatMap((member) => {
      const name = `${member.name.toLowerCase()}.${domain}`;
      if (!isDnsName(name))
        throw new LabError('PLAN_IMPOSSIBLE', `the ${kind} "${member.name}" cannot have a name in the DNS`, {
          at: inventory.source,
          expected: 'labels of letters, digits, "-" and "_", with dots between, at most 63 characters each',
          found: name,
        });
      return addressRecords(name, insideAddresses(member, inventory), `${kind} ${member.name}`);
    }),
  );
}

function ofService(service: Service, inventory: Inventory): NameRecord[] {
  const origin = `service ${service.name}`;
  const at = (name: string) => {
    const host = inventory.hosts.get(name);
    return host === undefined ? [] : insideAddresses(host, inventory);
  };
  const own = at(service.host);
  const gateways = service.gateways.flatMap(at);
  // A gateway without an address inside is reached from outside only: then the public name stays what it is there.
  const open = service.mode === 'http' && service.gateways.length > 0 ? gateways : own;
  return [
    ...service.private.flatMap((name) => addressRecords(name, own, origin)),
    // A name that is both is private inside.
    ...service.public
      .filter((name) => !service.private.includes(name))
      .flatMap((name) => addressRecords(name, open, origin, true)),
  ];
}

function addressRecords(
  name: string,
  addresses: readonly string[],
  origin: string,
  isPublic: boolean = false,
): NameRecord[] {
  return addresses.map((address) => ({
    name,
    type: address.includes(':') ? 'AAAA' : 'A',
    value: canonicalAddress(address),
    origin,
    isPublic,
  }));
}

function withoutOwnAliases(records: readonly NameRecord[]): NameRecord[] {
  const isAlias = ({ type }: NameRecord) => type === 'CNAME';
  const resolve = (record: NameRecord, seen: readonly string[]): readonly NameRecord[] => {
    if (!isAlias(record)) return [record];
    if (seen.includes(record.value))
      throw new LabError('PLAN_IMPOSSIBLE', `the record "${record.name}" leads to itself`, {
        path: ['params', 'dns', 'records'],
        expected: 'a CNAME that ends at a name with addresses',
        found: [...seen, record.value].join(' → '),
      });
    const targets = records.filter(({ name }) => name === record.value);
    if (targets.length === 0) return [record];
    return targets
      .flatMap((target) => resolve(target, [...seen, record.value]))
      .map((target) => ({ ...target, name: record.name, origin: record.origin, isPublic: false }));
  };
  return records.flatMap((record) => resolve(record, [record.name]));
}

function refuseConflicts(records: readonly NameRecord[], inventory: Inventory): void {
  const conflict = (name: string, [one, other]: readonly [NameRecord, NameRecord]) =>
    new LabError('PLAN_IMPOSSIBLE', `two want the name "${name}" for different things`, {
      at: inventory.source,
      expected: 'one meaning for each name',
      found: [one, other].map(({ origin, type, value }) => `${origin} (${type} ${value})`).join(', '),
      hint: 'give one of them another name',
    });
  for (const [name, all] of byName(records)) {
    const [first] = all;
    const alias = all.find(({ type }) => type === 'CNAME');
    const beside = all.find((record) => record !== alias && (record.type !== 'CNAME' || record.value !== alias?.value));
    if (alias !== undefined && beside !== undefined) throw conflict(name, [alias, beside]);
    const addressesOf = (origin: string) =>
      all
        .filter((record) => record.origin === origin && isAddress(record))
        .map(({ value }) => value)
        .sort()
        .join(' ');
    const others = all.filter(isAddress).map(({ origin }) => origin);
    const [whose = first.origin] = others;
    const other = others.find((origin) => addressesOf(origin) !== addressesOf(whose));
    const firstOf = (origin: string) => all.find((record) => record.origin === origin && isAddress(record)) ?? first;
    if (other !== undefined) throw conflict(name, [firstOf(whose), firstOf(other)]);
  }
}

/** What stands in a zone of somebody else would be asked there, or answered by two. */
function refuseStubs(records: readonly NameRecord[], inventory: Inventory, { stubs, domain }: PrivateParams): void {
  for (const zone of Object.keys(stubs)) {
    const inside = records.find(({ name, origin }) => isWithin(name, zone) && !origin.startsWith('service'));
    const found = isWithin(domain, zone) ? `the own domain ${domain}` : inside && `${inside.name} (${inside.origin})`;
    if (found === undefined) continue;
    throw new LabError('PLAN_IMPOSSIBLE', `the stub zone "${zone}" holds names that are answered here`, {
      at: inventory.source,
      path: ['params', 'dns', 'stubs', zone],
      expected: 'a zone that others answer for as a whole',
      found,
      hint: 'name a zone that begins deeper, or take another domain',
    });
  }
}

/** The name that an address belongs to: of its host or device; else of a record, when the address is not a public one. */
function reverse(records: readonly NameRecord[], domain: string): NameRecord[] {
  const isOwn = ({ origin }: NameRecord) => origin.startsWith('host ') || origin.startsWith('device ');
  const isPrivate = ({ value, name }: NameRecord) =>
    isWithin(name, domain) && parseAddress(value)?.range() !== 'unicast';
  const first = new Map<string, NameRecord>();
  for (const record of [
    ...records.filter(isOwn),
    ...records.filter((one) => one.origin === 'a record' && isPrivate(one)),
  ])
    if (isAddress(record) && !first.has(record.value)) first.set(record.value, record);
  return [...first.values()].map(({ value, name, origin }) => ({
    name: reverseName(value),
    type: 'PTR' as const,
    value: name,
    origin,
    isPublic: false,
  }));
}

export function isAddress({ type }: Pick<NameRecord, 'type'>): boolean {
  return type === 'A' || type === 'AAAA';
}

/** `printer`, `_sip._tcp`: no domain ends like that. */
function isRelative(name: string): boolean {
  return !name.includes('.') || name.split('.').at(-1)?.startsWith('_') === true;
}

/** Records of each name, in order. */
export function byName(records: readonly NameRecord[]): ReadonlyMap<string, readonly [NameRecord, ...NameRecord[]]> {
  const all = new Map<string, [NameRecord, ...NameRecord[]]>();
  for (const record of records) {
    const before = all.get(record.name);
    if (before === undefined) all.set(record.name, [record]);
    else before.push(record);
  }
  return all;
}

function unique(records: readonly NameRecord[]): NameRecord[] {
  const known = new Map(records.map((record) => [`${record.name} ${record.type} ${record.value}`, record]));
  return [...known.values()];
}
