import { resolversOf } from '../../../roles/dns/private/resolvers.ts';
import type { Inventory } from '../../model/types.ts';
import {
  type NameRecord,
  type PrivateNames,
  type PublicNames,
  privateLines,
  privateProblems,
  publicLines,
  publicProblems,
} from '../../report/name-tables.ts';
import { exitCodeFor, unlookedRecord, type Verification } from '../../report/verify/verification.ts';
import type { KeptHosts } from '../kept-hosts.ts';
import type { VerifyOptions } from '../verify.ts';
import { verifyPrivateNames } from './dns-private.ts';
import { publishedZones, verifyPublicNames } from './dns-public.ts';

const nobodyInside: PrivateNames = { resolvers: [], hosts: [], findings: [] };

/** Whether there is anything to ask: a homelab may publish names and have no resolver of its own, or the other way round. */
export function hasNames(inventory: Inventory): boolean {
  return resolversOf(inventory).length > 0 || publishedZones(inventory).length > 0;
}

/** `lab verify dns` */
export async function verifyDns(hosts: KeptHosts, options: VerifyOptions): Promise<Verification<NameRecord>> {
  const { inventory } = hosts;
  const checkedAt = new Date().toISOString();
  const isPublicAlone = resolversOf(inventory).length === 0 && publishedZones(inventory).length > 0;
  const { names, unlooked } = isPublicAlone ? { names: nobodyInside, unlooked: [] } : await verifyPrivateNames(hosts);
  const outside = await verifyPublicNames(inventory, options);
  const problems = [...privateProblems(names), ...publicProblems(outside)];
  const exitCode = exitCodeFor(problems, unlooked);
  return {
    checkedAt,
    exitCode,
    summary: summaryOf(names, outside),
    problems,
    unlooked,
    hosts: names.hosts.map(({ host }) => host),
    found: { private: names, public: outside, errors: unlooked.map(unlookedRecord) },
    lines: [
      ...(isPublicAlone ? [] : privateLines(names)),
      ...publicLines(outside),
      ...(exitCode === 0 ? ['', 'as declared'] : []),
    ],
  };
}

/** `118 of 120 answers right` */
function summaryOf({ resolvers, hosts }: PrivateNames, { zones }: PublicNames): string {
  const counts = [
    ...resolvers,
    ...hosts.flatMap(({ programs }) => programs ?? []),
    ...zones.map(({ asked, findings }) => ({ asked, right: asked - findings.length })),
  ];
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
  return `${sum(counts.map(({ right }) => right))} of ${sum(counts.map(({ asked }) => asked))} answers right`;
}
