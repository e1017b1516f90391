import { publicAddressesOf } from '../../../roles/dns/public/records.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { type ExposureFinding, withoutRepeats } from '../../../roles/vps-gateway/exposure/finding.ts';
import { judgeEndpoints, judgeRecords } from '../../../roles/vps-gateway/exposure/judge-addresses.ts';
import { judgeAnswers, judgeMail } from '../../../roles/vps-gateway/exposure/judge-answers.ts';
import { judgePorts, judgeServed } from '../../../roles/vps-gateway/exposure/judge-open.ts';
import { judgeWaysOut } from '../../../roles/vps-gateway/exposure/judge-ways.ts';
import { meantRecords, publicNamesOf, questionsFor } from '../../../roles/vps-gateway/exposure/names.ts';
import { isOpenAt, isOpenAtHome, portsAtHome, portsOf } from '../../../roles/vps-gateway/exposure/ports.ts';
import { homeSeenBy, hostsBehindGateways, type Look, waysOutOf } from '../../../roles/vps-gateway/exposure/readings.ts';
import { SecretsOfHome } from '../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import { params } from '../../../roles/vps-gateway/params.ts';
import { canonicalAddress } from '../../model/ip-address.ts';
import type { Host, Inventory } from '../../model/types.ts';
import { count } from '../../report/describe.ts';
import { type ExposureRecord, exposureLines, exposureProblems } from '../../report/exposure-table.ts';
import {
  exitCodeFor,
  type Unlooked,
  unlookedOf,
  unlookedRecord,
  type Verification,
} from '../../report/verify/verification.ts';
import { LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import type { KeptHosts } from '../kept-hosts.ts';
import type { VerifyOptions } from '../verify.ts';
import { publishedZones } from './dns-public.ts';
import { askGateways, askHome, askMail } from './exposure/gateways.ts';
import { lookAt } from './exposure/hosts.ts';
import { askRecords, authoritativeDns, dnsOf, zonesOf } from './exposure/public-dns.ts';
import { homesOfLogins, resolveEndpoints } from './exposure/resolved.ts';
import { unlookedAt } from './exposure/unlooked.ts';
import { canTry } from './exposure/vantage.ts';
import { vantagesOf } from './exposure/vantages.ts';

/** What there is to be found: a host that strangers can reach, records that a host publishes, or an address that was told. */
export function canBeExposed(inventory: Inventory, { home = [] }: VerifyOptions): boolean {
  const hosts = [...inventory.hosts.values()];
  return (
    home.length > 0 ||
    publishedZones(inventory).length > 0 ||
    hosts.some((host) => publicAddressesOf(host, inventory).length > 0)
  );
}

/** `lab verify exposure` */
export async function verifyExposure(kept: KeptHosts, options: VerifyOptions): Promise<Verification<ExposureRecord>> {
  const { inventory, targets: hosts } = kept;
  const policy = policyOf(inventory);
  refuseWords(inventory, options);
  const checkedAt = new Date().toISOString();
  const dns = options.resolver === undefined ? authoritativeDns() : dnsOf(options.resolver);
  const behind = hostsBehindGateways(inventory);
  const outcomes = await kept.on(hosts, (session, { name }) =>
    lookAt(session, behind.includes(name) ? options.echo : undefined),
  );
  const looks = new Map(
    outcomes.flatMap(({ host, value }) => (value === undefined ? [] : [[host.name, value] as const])),
  );
  const secrets = new SecretsOfHome(inventory, [
    ...(options.home ?? []).map((address) => ({ address, from: '--home' })),
    ...hosts.flatMap((host) => homeSeenBy(host, looks.get(host.name) ?? nothingSeen, inventory)),
    ...(await homesOfLogins(inventory, dns)),
  ]);
  const vantages = await vantagesOf(kept, looks, secrets, options);

  const zones = await zonesOf(inventory, dns);
  const publicHosts = hosts.filter((host) => publicAddressesOf(host, inventory).length > 0);
  const lines = secrets.lines.filter((address) => vantages.outside !== undefined && canTry(vantages.outside, address));
  const homePorts = portsAtHome(inventory, policy, options.ports ?? []);
  const [asked, openAtHome, openPorts, gateways, mail, endpoints] = await Promise.all([
    askRecords(questionsFor(inventory, zones), dns),
    vantages.outside?.scan(lines.flatMap((address) => homePorts.map((port) => ({ address, port })))) ?? [],
    Promise.all(
      publicHosts.map(async (host) => {
        const vantage = vantages.for(host);
        const ports = portsOf(host, policy, options.ports ?? []);
        const addresses = publicAddressesOf(host, inventory).filter((address) => canTry(vantage, address));
        const open = await vantage.scan(addresses.flatMap((address) => ports.map((port) => ({ address, port }))));
        return { host: host.name, from: vantage.name, tried: addresses, open };
      }),
    ),
    askGateways(inventory, publicHosts, vantages.for, vantages.isStranger),
    askMail(inventory, publicHosts, vantages.for, dns),
    resolveEndpoints(looks, dns),
  ]);
  const served = vantages.outside === undefined ? [] : await askHome(openAtHome, inventory, vantages.outside);
  const ways = hosts
    .filter(({ name }) => behind.includes(name))
    .flatMap((host) => waysOutOf(host, looks.get(host.name) ?? nothingSeen, inventory));
  const accepted = new Set(hosts.filter(acceptsEgress).map(({ name }) => name));
  const gatewayAddresses = new Set([...inventory.hosts.values()].flatMap((host) => publicAddressesOf(host, inventory)));
  const findings: readonly ExposureFinding[] = withoutRepeats([
    ...judgeRecords(asked.records, secrets, meantRecords(inventory)),
    ...judgeServed(served, publicNamesOf(inventory), (port) => isOpenAtHome(port, inventory, policy)),
    ...judgeAnswers(gateways.answers, secrets, inventory),
    ...judgeMail(mail, secrets),
    ...judgeWaysOut(
      ways.filter(({ host }) => !accepted.has(host)),
      gatewayAddresses,
      secrets,
    ),
    ...judgeEndpoints(endpoints, secrets),
    ...judgePorts(
      openPorts.flatMap(({ host, open }) => open.map((target) => ({ host, ...target }))),
      ({ host, address, port }) =>
        isOpenAt(host, { address, port }, policy, vantages.for(inventory.hosts.get(host) as Host).addresses),
    ),
  ]);
  const record = {
    home: secrets.home,
    from: vantages.outside?.name ?? null,
    lines,
    records: { zones, asked: asked.questions, unanswered: asked.unanswered },
    open: openAtHome,
    gateways: { requests: gateways.requests, answered: gateways.answers.length },
    mail: mail.length,
    waysOut: ways.map((way) => ({ ...way, accepted: accepted.has(way.host) })),
    endpoints: endpoints.length,
    ports: openPorts,
    findings,
  };
  const unlooked = [...unlookedOf(outcomes), ...unlookedAt(record, secrets, inventory)];
  return verificationOf(checkedAt, { ...record, errors: unlooked.map(unlookedRecord) }, unlooked, [...looks.keys()]);
}

function verificationOf(
  checkedAt: string,
  found: ExposureRecord,
  unlooked: readonly Unlooked[],
  hosts: readonly string[],
): Verification<ExposureRecord> {
  const problems = exposureProblems(found);
  return {
    checkedAt,
    exitCode: exitCodeFor(problems, unlooked),
    summary: summaryOf(problems.length, unlooked.length === 0),
    problems,
    unlooked,
    hosts,
    found,
    lines: exposureLines(found),
  };
}

function summaryOf(problems: number, isWhole: boolean): string {
  if (problems > 0) return `${count(problems, 'thing')} that strangers should not see`;
  return isWhole ? 'the home does not show' : 'nothing shows where it could be looked at';
}

const nothingSeen: Look = {
  peers: [],
  configured: [],
  addresses: [],
  routes: [],
  isGuarded: false,
  login: null,
  seenAs: new Map(),
};

/** What is wrong with the parameters is told by the role. */
function acceptsEgress({ params: given }: Host): boolean {
  const parsed = params.shape.accepted.safeParse(given.get('vps-gateway')?.accepted);
  return parsed.success && parsed.data.includes('egress');
}

/**
 * What can be wrong with the words of the command line before any host is asked.
 *
 * @throws LabError USAGE for a `--home` with an address of a public host, which everybody is to know; for a `--from` that is no host
 */
export function refuseWords(inventory: Inventory, { home = [], from }: VerifyOptions): void {
  for (const host of inventory.hosts.values())
    for (const address of publicAddressesOf(host, inventory).map(canonicalAddress))
      if (home.includes(address))
        throw new LabError('USAGE', `--home names an address of ${host.name} on a public network`, {
          expected: 'an address that the inventory publishes for no host',
          found: address,
          hint: 'strangers are led there by what the inventory declares: give the host at home no public network, and a gateway to its services',
        });
  if (from !== undefined && !inventory.hosts.has(from))
    throw new LabError('USAGE', `--from names no host: "${from}"`, {
      expected: 'a host of the inventory that is outside of the home',
      found: from,
      hint: suggestion(from, [...inventory.hosts.keys()]),
    });
}
