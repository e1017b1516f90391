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
import { selectHosts } from '../../model/select-hosts.ts';
import type { Host, Inventory } from '../../model/types.ts';
import { type ExitCode, LabError } from '../../shared/errors.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import type { VerifyOptions } from '../verify.ts';
import { askGateways, askHome, askMail } from './exposure/gateways.ts';
import { lookAt } from './exposure/hosts.ts';
import { askRecords, authoritativeDns, dnsOf, zonesOf } from './exposure/public-dns.ts';
import { homesOfLogins, resolveEndpoints } from './exposure/resolved.ts';
import { type Examined, showExposure } from './exposure/show.ts';
import { unlookedAt } from './exposure/unlooked.ts';
import { canTry } from './exposure/vantage.ts';
import { vantagesOf } from './exposure/vantages.ts';

/** `lab verify exposure` */
export async function verifyExposure(options: VerifyOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const policy = policyOf(inventory);
  const hosts = selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']);
  if (hosts.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to look at', { found: options.limit.join(',') });
  refusePublic(options.home ?? [], inventory);
  const checkedAt = new Date().toISOString();
  const dns = options.resolver === undefined ? authoritativeDns() : dnsOf(options.resolver);
  const behind = hostsBehindGateways(inventory);
  const outcomes = await onHosts([hosts.map(({ name }) => name).join(',')], options, (session, { name }) =>
    lookAt(session, behind.includes(name) ? options.echo : undefined),
  );
  const looks = new Map(
    outcomes.flatMap(({ host, value }) => (value === undefined ? [] : [[host.name, value] as const])),
  );
  const errors = outcomes.flatMap(({ host, error }) => (error === undefined ? [] : [{ host: host.name, error }]));
  const secrets = new SecretsOfHome(inventory, [
    ...(options.home ?? []).map((address) => ({ address, from: '--home' })),
    ...hosts.flatMap((host) => homeSeenBy(host, looks.get(host.name) ?? nothingSeen, inventory)),
    ...(await homesOfLogins(inventory, dns)),
  ]);
  await using vantages = await vantagesOf(inventory, hosts, looks, secrets, options);

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
  const examined: Examined = {
    zones,
    asked,
    secrets,
    outside: vantages.outside?.name ?? null,
    lines,
    openAtHome,
    gateways: { requests: gateways.requests, answered: gateways.answers.length },
    mail: mail.length,
    ways,
    accepted,
    endpoints: endpoints.length,
    ports: openPorts,
  };
  const unlooked = [...errors, ...unlookedAt(examined, inventory)];
  return showExposure(checkedAt, examined, findings, unlooked, options.output);
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

/** @throws LabError USAGE for an address of a public host: everybody is to know that */
function refusePublic(home: readonly string[], inventory: Inventory): void {
  for (const host of inventory.hosts.values())
    for (const address of publicAddressesOf(host, inventory).map(canonicalAddress))
      if (home.includes(address))
        throw new LabError('USAGE', `--home names an address of ${host.name} on a public network`, {
          expected: 'an address that the inventory publishes for no host',
          found: address,
          hint: 'strangers are led there by what the inventory declares: give the host at home no public network, and a gateway to its services',
        });
}
