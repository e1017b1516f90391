import pLimit from 'p-limit';
import { type Zones, zones as zonesSchema } from '../../../roles/dns/public/params.ts';
import type { RecordSet } from '../../../roles/dns/public/record-set.ts';
import { publicAddressesOf, recordsOf } from '../../../roles/dns/public/records.ts';
import type { Host, Inventory } from '../../model/types.ts';
import type { PublicFinding, PublicNames } from '../../report/name-tables.ts';
import type { VerifyOptions } from '../verify.ts';
import { authoritativeDns, dnsOf, type PublicDns } from './exposure/public-dns.ts';

/** A zone that a host of the inventory publishes. */
interface PublishedZone {
  readonly name: string;
  readonly zone: Zones[string];
  readonly by: Host;
}

const atOnce = 24;

/** Zones that hosts publish. What is wrong with them is told by the role dns itself. */
export function publishedZones(inventory: Inventory): readonly PublishedZone[] {
  return [...inventory.hosts.values()].flatMap((by) => {
    const parsed = zonesSchema.safeParse(by.params.get('dns')?.zones ?? {});
    return Object.entries(parsed.data ?? {}).map(([name, zone]) => ({ name, zone, by }));
  });
}

/**
 * Whether public names lead where they are declared to, asked from this machine as strangers ask: the server that the zone is sent to, where
 * the inventory knows it; else those in charge of it; or `--resolver`. Both families: what is not declared is not to be there.
 */
export async function verifyPublicNames(inventory: Inventory, options: VerifyOptions): Promise<PublicNames> {
  const published = publishedZones(inventory);
  const all = published.map(({ name }) => name);
  const zones: PublicNames['zones'][number][] = [];
  for (const one of published) {
    const sets = recordsOf({ name: one.name, params: one.zone, all }, inventory);
    const { dns, at } = serverFor(one, inventory, options);
    zones.push(await judgeZone(one.name, at, sets, dns));
  }
  return { zones };
}

function serverFor(
  { zone: { provider }, by }: PublishedZone,
  inventory: Inventory,
  { resolver }: VerifyOptions,
): { readonly dns: PublicDns; readonly at: string } {
  if (resolver !== undefined) return { dns: dnsOf(resolver), at: resolver };
  const [own] = provider.type === 'authoritative' ? publicAddressesOf(by, inventory) : [];
  if (own !== undefined) return { dns: dnsOf(own), at: own };
  return { dns: authoritativeDns(), at: 'those in charge' };
}

async function judgeZone(
  zone: string,
  at: string,
  sets: readonly RecordSet[],
  dns: PublicDns,
): Promise<PublicNames['zones'][number]> {
  const limit = pLimit(atOnce);
  const declared = new Map(sets.map((set) => [`${set.name} ${set.type}`, set.values]));
  const names = [...new Set(sets.filter(({ type }) => type === 'A' || type === 'AAAA').map(({ name }) => name))];
  const questions = names
    .filter((name) => !name.startsWith('*'))
    .flatMap((name) => (['A', 'AAAA'] as const).map((type) => ({ name, type })));
  const findings = await Promise.all(
    questions.map(({ name, type }) =>
      limit(async (): Promise<PublicFinding[]> => {
        const expected = declared.get(`${name} ${type}`) ?? [];
        const found = await dns.ask(name.slice(0, -1), type);
        const finding = { zone, name: name.slice(0, -1), type, expected, found: [...(found ?? [])].sort() };
        if (found === null) return [{ ...finding, kind: 'silent' }];
        return finding.found.join(' ') === expected.join(' ') ? [] : [{ ...finding, kind: 'wrong' }];
      }),
    ),
  );
  return { zone, at, asked: questions.length, findings: findings.flat() };
}
