import { type Host, type Inventory, LabError } from '../../../src/index.ts';
import { canonicalAddress, parseAddress } from '../../../src/model/ip-address.ts';
import { isIn, ownerName } from './names.ts';
import type { DeclaredRecord, ZoneParams } from './params.ts';
import { leakIn } from './private-addresses.ts';
import { keyOf, type RecordSet, type RecordType } from './record-set.ts';
import { declaredValue } from './values.ts';

export interface Zone {
  /** Without the dot at its end. */
  readonly name: string;
  readonly params: Pick<ZoneParams, 'ttl' | 'apex' | 'wildcard' | 'records'>;
  /** All zones that are published, by whichever host: a name belongs to the longest that it is in. */
  readonly all: readonly string[];
}

/** A record and who wants it. */
interface Wanted {
  readonly name: string;
  readonly type: RecordType;
  readonly ttl: number;
  readonly value: string;
  /** For messages: `the service photos`. */
  readonly by: string;
}

/**
 * The record sets of a zone, sorted: A and AAAA of the gateways for every public name of a service in it, and what is
 * declared. Pure, and from the whole inventory.
 *
 * @throws LabError ROLE_PARAMS with every mistake: two that want the same, a CNAME beside others, an address that is not public
 * @example
 * recordsOf({ name: 'example.dev', params, all: ['example.dev'] }, inventory) // [{ name: 'photos.example.dev.', type: 'A', … }]
 */
export function recordsOf(zone: Zone, inventory: Inventory): readonly RecordSet[] {
  const problems: LabError[] = [];
  const services = [...inventory.services.values()].filter((service) =>
    service.public.some((name) => zoneOf(name, zone.all) === zone.name),
  );
  const compiled = services.flatMap((service) => {
    const gateways = service.gateways.length > 0 ? service.gateways : [service.host];
    return service.public
      .filter((name) => zoneOf(name, zone.all) === zone.name)
      .flatMap((name) => toGateways(`${name}.`, gateways, `the service ${service.name}`, zone, inventory, problems));
  });
  const gateways = [...new Set(services.flatMap(({ gateways, host }) => (gateways.length > 0 ? gateways : [host])))];
  const taken = new Set(compiled.map(({ name }) => name));
  const more = [
    ...(zone.params.apex ? [`${zone.name}.`] : []),
    ...(zone.params.wildcard ? [`*.${zone.name}.`] : []),
  ].flatMap((name) => {
    const by = name.startsWith('*') ? 'wildcard: true' : 'apex: true';
    if (gateways.length === 0)
      problems.push(
        wrong(zone, `${by} leads to the gateways of its services, and the zone has none`, {
          expected: 'a service with a public name in the zone',
          found: 'none',
        }),
      );
    // A service that has the name says better where it leads.
    return taken.has(name) ? [] : toGateways(name, gateways, by, zone, inventory, problems);
  });
  const declared = zone.params.records.map((record, index) => declaredRecord(record, index, zone, inventory, problems));
  const all = [...compiled, ...more, ...declared];
  problems.push(...clashes(all, zone));
  const [first, ...others] = problems;
  if (first !== undefined) throw first.with({ others });
  return setsOf(all);
}

/** The longest of the zones that a name is in. */
function zoneOf(name: string, zones: readonly string[]): string | undefined {
  return zones.filter((zone) => isIn(`${name}.`, zone)).sort((a, b) => b.length - a.length)[0];
}

function toGateways(
  name: string,
  gateways: readonly string[],
  by: string,
  zone: Zone,
  inventory: Inventory,
  problems: LabError[],
): Wanted[] {
  return gateways.flatMap((gateway) => {
    const host = inventory.hosts.get(gateway);
    const addresses = host === undefined ? [] : publicAddressesOf(host, inventory);
    if (addresses.length === 0)
      problems.push(
        wrong(zone, `${by} needs a public address of ${gateway} for ${name}`, {
          expected: 'an address on a network with public: true',
          found: 'none',
        }),
      );
    return addresses.map((address): Wanted => {
      const type = parseAddress(address)?.kind() === 'ipv6' ? 'AAAA' : 'A';
      return { name, type, ttl: zone.params.ttl, value: canonicalAddress(address), by };
    });
  });
}

export function publicAddressesOf(host: Host, inventory: Inventory): string[] {
  return [...host.addresses].flatMap(([network, addresses]) =>
    inventory.networks.get(network)?.public === true ? addresses : [],
  );
}

/** What is wrong in itself was told when the parameters were checked. */
function declaredRecord(
  { name, type, value, ttl = undefined, private: meant }: DeclaredRecord,
  index: number,
  zone: Zone,
  inventory: Inventory,
  problems: LabError[],
): Wanted {
  const owner = ownerName(name, zone.name);
  const checked = declaredValue(type, value, zone.name);
  const wanted: Wanted = {
    name: 'name' in owner ? owner.name : name,
    type,
    ttl: ttl ?? zone.params.ttl,
    value: 'value' in checked ? checked.value : value,
    by: `records[${index}]`,
  };
  const leak = meant ? undefined : leakIn(type, value, wanted.value, inventory);
  if (leak !== undefined)
    problems.push(
      wrong(zone, `${wanted.name} ${type} would tell the world ${leak}`, {
        path: [...pathOf(zone), 'records', index],
        expected: 'an address of a public network',
        found: value,
        hint: 'leave it out, name the gateway instead, or, when the world may know it, add private: true to the record',
      }),
    );
  return wanted;
}

function clashes(all: readonly Wanted[], zone: Zone): LabError[] {
  const apex = `${zone.name}.`;
  const delegated = new Map(all.flatMap(({ name, type }) => (type === 'NS' ? [[name, name]] : [])));
  const problems: LabError[] = [];
  for (const [index, one] of all.entries()) {
    const before = all.slice(0, index);
    const same = before.filter(({ name, type }) => name === one.name && type === one.type);
    const shown = `${one.name} ${one.type}`;
    const declared = one.by.startsWith('records[');
    const twin = same.find(({ value }) => value === one.value);
    const foreign = same.find(({ by }) => by !== one.by && (!by.startsWith('records[') || !declared));
    if (twin !== undefined || foreign !== undefined) {
      const other = twin ?? foreign;
      problems.push(
        wrong(zone, `${shown} is wanted twice: by ${other?.by} and by ${one.by}`, {
          expected: 'one of the two',
          found: [other?.value, one.value].join(' and '),
        }),
      );
    } else if (same.some(({ ttl }) => ttl !== one.ttl))
      problems.push(
        wrong(zone, `${shown} has two values for its ttl`, { expected: 'one ttl for all records of a name and type' }),
      );
    const beside = before.find(({ name, type }) => name === one.name && (type === 'CNAME') !== (one.type === 'CNAME'));
    if (beside !== undefined || (one.type === 'CNAME' && same.length > 0 && twin === undefined))
      problems.push(
        wrong(zone, `${one.name} has a CNAME and something else`, {
          expected: 'a CNAME alone at its name (RFC 1034, 3.6.2)',
          found: `${(beside ?? same[0])?.by} and ${one.by}`,
        }),
      );
    if (one.name === apex && (one.type === 'CNAME' || one.type === 'NS'))
      problems.push(
        wrong(zone, `the zone itself cannot have ${one.type === 'CNAME' ? 'a CNAME' : 'its NS records here'}`, {
          expected:
            one.type === 'CNAME'
              ? 'A and AAAA: apex: true'
              : 'name servers as the provider has them; NS below the zone delegates',
          found: `${one.by}`,
        }),
      );
    const cut = [...delegated.keys()].find((name) =>
      one.name === name ? one.type !== 'NS' : one.name.endsWith(`.${name}`),
    );
    const isGlue =
      (one.type === 'A' || one.type === 'AAAA') && all.some(({ type, value }) => type === 'NS' && value === one.name);
    if (cut !== undefined && cut !== apex && !isGlue)
      problems.push(
        wrong(zone, `${shown} would never be seen: ${cut} is delegated to other servers`, {
          expected: 'a record in the zone of those servers, or no NS records',
          found: `${one.by}`,
        }),
      );
  }
  return problems;
}

function setsOf(all: readonly Wanted[]): RecordSet[] {
  const sets = new Map<string, Wanted[]>();
  for (const one of all) sets.set(keyOf(one), [...(sets.get(keyOf(one)) ?? []), one]);
  return [...sets.values()]
    .map((records) => {
      const { name, type, ttl } = records[0] as Wanted;
      return { name, type, ttl, values: [...new Set(records.map(({ value }) => value))].sort() };
    })
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function pathOf(zone: Zone): readonly string[] {
  return ['params', 'dns', 'zones', zone.name];
}

function wrong(zone: Zone, message: string, details: ConstructorParameters<typeof LabError>[2]): LabError {
  return new LabError('ROLE_PARAMS', `zone ${zone.name}: ${message}`, { path: pathOf(zone), ...details });
}
