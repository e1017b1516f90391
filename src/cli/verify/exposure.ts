import { publicAddressesOf } from '../../../roles/dns/public/records.ts';
import { insideOf, policyOf } from '../../../roles/firewall/policy.ts';
import { type ExposureFinding, withoutRepeats } from '../../../roles/vps-gateway/exposure/finding.ts';
import {
  type ConfiguredEndpoint,
  judgeAnswers,
  judgeEndpoints,
  judgeMail,
  judgePorts,
  judgeRecords,
  judgeServed,
  judgeWaysOut,
} from '../../../roles/vps-gateway/exposure/judge.ts';
import { homeLogins, meantRecords, publicNamesOf, questionsFor } from '../../../roles/vps-gateway/exposure/names.ts';
import { isOpenAt, isOpenAtHome, portsAtHome, portsOf } from '../../../roles/vps-gateway/exposure/ports.ts';
import {
  homeSeenBy,
  hostOfEndpoint,
  hostsBehindGateways,
  type Look,
  waysOutOf,
} from '../../../roles/vps-gateway/exposure/readings.ts';
import { type HomeAddress, SecretsOfHome } from '../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import { params } from '../../../roles/vps-gateway/params.ts';
import { parseAddress } from '../../model/ip-address.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import type { Host, Inventory } from '../../model/types.ts';
import { type ExitCode, LabError } from '../../shared/errors.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import type { VerifyOptions } from '../verify.ts';
import { askGateways, askHome, askMail } from './exposure/gateways.ts';
import { lookAt } from './exposure/hosts.ts';
import { askRecords, authoritativeDns, dnsOf, type PublicDns, zonesOf } from './exposure/public-dns.ts';
import { type Examined, showExposure } from './exposure/show.ts';
import { vantagesOf } from './exposure/vantages.ts';

/** `lab verify exposure` */
export async function verifyExposure(options: VerifyOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const policy = policyOf(inventory);
  const hosts = selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']);
  if (hosts.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to look at', { found: options.limit.join(',') });
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
  const [asked, openAtHome, openPorts, gateways, mail, endpoints] = await Promise.all([
    askRecords(questionsFor(inventory, zones), dns),
    vantages.outside === undefined
      ? []
      : vantages.outside.scan(
          secrets.lines.flatMap((address) =>
            portsAtHome(inventory, policy, options.ports ?? []).map((port) => ({ address, port })),
          ),
        ),
    Promise.all(
      publicHosts.map(async (host) => {
        const ports = portsOf(host, policy, options.ports ?? []);
        const targets = publicAddressesOf(host, inventory).flatMap((address) =>
          ports.map((port) => ({ address, port })),
        );
        const open = await vantages.for(host).scan(targets);
        return { host: host.name, tried: targets.length, open };
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

/** Where `lab` logs in to hosts at home over the internet. */
async function homesOfLogins(inventory: Inventory, dns: PublicDns): Promise<HomeAddress[]> {
  const inside = insideOf(inventory);
  const found = await Promise.all(
    homeLogins(inventory).map(async (login) => {
      const isAddress = parseAddress(login) !== undefined;
      const types = login.includes('.') && !isAddress ? (['A', 'AAAA'] as const) : [];
      const addresses = isAddress ? [login] : (await Promise.all(types.map((type) => dns.ask(login, type)))).flat();
      return addresses.flatMap((address): HomeAddress[] =>
        address === null || inside.has(address) ? [] : [{ address, from: `lab logs in at ${login}` }],
      );
    }),
  );
  return found.flat();
}

async function resolveEndpoints(looks: ReadonlyMap<string, Look>, dns: PublicDns): Promise<ConfiguredEndpoint[]> {
  const configured = [...looks].flatMap(([host, look]) => look.configured.map((one) => ({ host, ...one })));
  return Promise.all(
    configured.map(async ({ host, file, endpoint }) => {
      const name = hostOfEndpoint(endpoint);
      const isName = parseAddress(name) === undefined && name.includes('.');
      const resolved = isName ? await Promise.all([dns.ask(name, 'A'), dns.ask(name, 'AAAA')]) : [];
      return { where: `${host} ${file}`, endpoint, resolved: resolved.flatMap((one) => one ?? []) };
    }),
  );
}

/** What is wrong with the parameters is told by the role. */
function acceptsEgress({ params: given }: Host): boolean {
  const parsed = params.shape.accepted.safeParse(given.get('vps-gateway')?.accepted);
  return parsed.success && parsed.data.includes('egress');
}

/** What could not be looked at, which is then not proven. */
function unlookedAt({ asked, secrets, outside }: Examined, inventory: Inventory) {
  const problems: { readonly host: null; readonly error: LabError }[] = [];
  const isHomeThere = [...inventory.hosts.values()].some((host) => publicAddressesOf(host, inventory).length === 0);
  if (asked.unanswered.length > 0)
    problems.push({
      host: null,
      error: new LabError('READ_FAILED', 'nobody answered what the public DNS was asked', {
        expected: 'answers of the servers in charge, or of a resolver outside',
        found: `none for ${asked.unanswered.slice(0, 5).join(', ')}${asked.unanswered.length > 5 ? ` and ${asked.unanswered.length - 5} more` : ''}`,
        hint: '--resolver ADDRESS asks one resolver for everything',
      }),
    });
  if (isHomeThere && secrets.home.length === 0)
    problems.push({
      host: null,
      error: new LabError('READ_FAILED', "the home's address is not known", {
        expected: 'a tunnel whose gateway sees from where the home dials, or --home',
        found: 'neither',
        hint: '--home ADDRESS[,ADDRESS…], with IPv6 addresses or prefixes as well',
      }),
    });
  if (secrets.lines.length > 0 && outside === null)
    problems.push({
      host: null,
      error: new LabError('READ_FAILED', "the home's line was not looked at from outside", {
        expected: 'a machine outside: this one is at home',
        found: 'no public host that could be asked',
        hint: '--from HOST names a host of the inventory that is outside',
      }),
    });
  return problems;
}
