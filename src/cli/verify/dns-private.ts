import { reverseName } from '../../../roles/dns/private/dns-name.ts';
import { recordsOf } from '../../../roles/dns/private/records.ts';
import { privateParamsOf, type Resolver, resolversOf } from '../../../roles/dns/private/resolvers.ts';
import { parseDig, parseNames, parseReplies } from '../../../roles/dns/verify/answers.ts';
import {
  type Asked,
  judgeAnswers,
  judgeNames,
  judgeReplies,
  judgeValidation,
  type NameFinding,
  type NameVerdict,
  type Validation,
  validationOf,
} from '../../../roles/dns/verify/judge.ts';
import { namesForPrograms, type Question, questionsOf, wireQuestion } from '../../../roles/dns/verify/questions.ts';
import { canonicalAddress } from '../../model/ip-address.ts';
import type { Host, Inventory } from '../../model/types.ts';
import type { Session } from '../../remote/session.ts';
import type { PrivateNames } from '../../report/name-tables.ts';
import { type Unlooked, unlookedOf } from '../../report/verify/verification.ts';
import { LabError } from '../../shared/errors.ts';
import { readRoleFile } from '../../shared/own-package.ts';
import { quoteAll } from '../../shared/quote.ts';
import type { KeptHosts } from '../kept-hosts.ts';

/** Seconds for all that is asked of one host at once. */
const askSeconds = 300;
/** Words of one command. */
const atOnce = 1000;

interface AskedResolver extends Asked {
  readonly verdict: NameVerdict;
  /** Zone → what became of its signatures; of a resolver that asked itself. */
  readonly zones: ReadonlyMap<string, Validation>;
}

interface AskedHost {
  readonly host: string;
  readonly resolvers: readonly AskedResolver[];
  /** Null for a host that asks elsewhere. */
  readonly programs: NameVerdict | null;
  readonly open: readonly NameFinding[];
}

/**
 * Every name that the resolvers shall know: asked by each resolver of each, and by the programs of all hosts that ask them; and
 * whether they answer strangers.
 *
 * @throws LabError USAGE without resolvers
 */
export async function verifyPrivateNames(hosts: KeptHosts): Promise<AskedInside> {
  const { inventory, targets } = hosts;
  const resolvers = resolversOf(inventory);
  if (resolvers.length === 0)
    throw new LabError('USAGE', 'the inventory names no resolver', {
      at: inventory.source,
      expected: "params: { dns: { resolvers: ['…'] } }",
      found: 'none that could answer',
    });
  const outcomes = await hosts.on(targets, (session, host) => askFrom(session, host, inventory, resolvers));
  const asked = outcomes.flatMap(({ value }) => value ?? []);
  return { names: namesOf(asked), unlooked: unlookedOf(outcomes) };
}

interface AskedInside {
  readonly names: PrivateNames;
  readonly unlooked: readonly Unlooked[];
}

function namesOf(asked: readonly AskedHost[]): PrivateNames {
  const countsOf = ({ asked, right }: NameVerdict) => ({ asked, right });
  return {
    resolvers: asked.flatMap(({ resolvers }) =>
      resolvers.map(({ host, resolver, address, verdict, zones }) => ({
        resolver,
        address,
        host,
        ...countsOf(verdict),
        zones: Object.fromEntries(zones),
      })),
    ),
    hosts: asked.map(({ host, programs }) => ({ host, programs: programs && countsOf(programs) })),
    findings: asked.flatMap(findingsOf),
  };
}

function findingsOf({ resolvers, programs, open }: AskedHost): readonly NameFinding[] {
  const ofResolvers = resolvers.flatMap((one) => [
    ...one.verdict.findings,
    ...[...one.zones].flatMap(([zone, validation]) => judgeValidation(one, zone, validation)),
  ]);
  return [...ofResolvers, ...(programs?.findings ?? []), ...open];
}

async function askFrom(
  session: Session,
  host: Host,
  inventory: Inventory,
  resolvers: readonly Resolver[],
): Promise<AskedHost> {
  const ask = (command: string, words: readonly string[], first: readonly string[] = []) =>
    askAll(session, command, first, words);
  const isResolver = resolvers.some((one) => one.host === host.name);
  const asked: AskedResolver[] = [];
  if (isResolver)
    for (const resolver of resolvers)
      for (const [index, address] of addressesFor(host, resolver, inventory, resolvers).entries())
        asked.push(await askResolver(ask, { host: host.name, resolver: resolver.host, address }, index, inventory));
  const own = privateParamsOf(host);
  const records = own === undefined || own.clients === 'none' ? null : recordsOf(inventory, own);
  return {
    host: host.name,
    resolvers: asked,
    programs: records === null ? null : await askPrograms(ask, host.name, records),
    open: await askAsStranger(ask, host, inventory, resolvers),
  };
}

type Ask = (command: string, words: readonly string[], first?: readonly string[]) => Promise<string>;

/** All names at the first address; at the others it is enough that somebody answers. */
async function askResolver(ask: Ask, asked: Asked, index: number, inventory: Inventory): Promise<AskedResolver> {
  const params = privateParamsOf(inventory.hosts.get(asked.resolver));
  const all = params === undefined ? [] : questionsOf(recordsOf(inventory, params));
  const questions: readonly Question[] = index === 0 ? all : all.slice(0, 1);
  const words = questions.map(({ name, type }) => `${name},${type}`);
  const text = await ask('dig', words, [asked.address]);
  if (text.startsWith('no dig'))
    throw new LabError('READ_FAILED', 'this resolver cannot ask the others', {
      expected: 'dig(1)',
      found: 'none',
      hint: 'run the playbook with the role dns, which installs bind9-dnsutils',
    });
  const verdict = judgeAnswers(asked, questions, parseDig(text));
  const zones = asked.host === asked.resolver && index === 0 ? ['.', ...anchoredZones(params?.trustAnchors ?? [])] : [];
  if (zones.length === 0 || verdict.right === 0) return { ...asked, verdict, zones: new Map() };
  const [, ...parts] = (await ask('signed', zones, [asked.address])).split(/^signed (?=\S+$)/m);
  const found = parts.map((part): [string, Validation] => {
    const [checked = '', unchecked = ''] = part.split(/^unsigned /m);
    const zone = checked.slice(0, checked.indexOf('\n')).trim();
    const answer = (text: string) => parseDig(text).get(`${zone} SOA`);
    return [zone, validationOf(answer(checked), answer(unchecked))];
  });
  return { ...asked, verdict, zones: new Map(found) };
}

function anchoredZones(anchors: readonly string[]): string[] {
  return [...new Set(anchors.map((anchor) => anchor.split(/\s/)[0]?.replace(/\.$/, '') ?? ''))];
}

async function askPrograms(ask: Ask, host: string, records: ReturnType<typeof recordsOf>): Promise<NameVerdict> {
  const names = namesForPrograms(records);
  const targets = new Map(records.flatMap(({ type, name, value }) => (type === 'PTR' ? [[name, value]] : [])));
  const addresses = [...new Set([...names.values()].flat())];
  const reverse = new Map(
    addresses.flatMap((address): [string, readonly string[]][] => {
      const name = targets.get(reverseName(address));
      return name === undefined ? [] : [[address, [name]]];
    }),
  );
  const verdicts = [
    judgeNames(host, 'address', names, parseNames(await ask('nss', [...names.keys()]))),
    judgeNames(host, 'PTR', reverse, parseNames(await ask('reverse', [...reverse.keys()]))),
  ];
  return {
    asked: verdicts.reduce((sum, { asked }) => sum + asked, 0),
    right: verdicts.reduce((sum, { right }) => sum + right, 0),
    findings: verdicts.flatMap(({ findings }) => findings),
  };
}

/** Addresses of resolvers that are not among those where they answer: public ones. */
async function askAsStranger(
  ask: Ask,
  host: Host,
  inventory: Inventory,
  resolvers: readonly Resolver[],
): Promise<readonly NameFinding[]> {
  const others = resolvers
    .filter((resolver) => resolver.host !== host.name)
    .flatMap((resolver) => {
      const all = [...(inventory.hosts.get(resolver.host)?.addresses.values() ?? [])].flat();
      return all
        .filter((address) => !resolver.addresses.includes(address))
        .map((address): [string, string] => [address, resolver.host]);
    });
  const [first] = resolvers;
  if (others.length === 0 || first === undefined) return [];
  const params = privateParamsOf(inventory.hosts.get(first.host));
  const query = wireQuestion(`${first.host.toLowerCase()}.${params?.domain ?? 'home.arpa'}`);
  const resolverAt = new Map(others);
  return judgeReplies(host.name, resolverAt, parseReplies(await ask('stranger', [...resolverAt.keys()], [query])));
}

/** Of another where both are on a network; of itself on loopback, and where nobody else could ask. */
function addressesFor(
  host: Host,
  resolver: Resolver,
  inventory: Inventory,
  resolvers: readonly Resolver[],
): readonly string[] {
  const own = inventory.hosts.get(resolver.host)?.addresses;
  const at = (isAsked: (network: string) => boolean) =>
    resolver.networks.flatMap(({ name }) => (isAsked(name) ? (own?.get(name) ?? []).map(canonicalAddress) : []));
  if (host.name !== resolver.host) return at((name) => host.addresses.has(name));
  const others = resolvers.filter((other) => other !== resolver);
  const canAsk = (name: string) => others.some((other) => inventory.hosts.get(other.host)?.addresses.has(name));
  return ['127.0.0.1', ...at((name) => !canAsk(name))];
}

/** @throws LabError READ_FAILED */
async function askAll(
  session: Session,
  command: string,
  first: readonly string[],
  words: readonly string[],
): Promise<string> {
  let text = '';
  for (let at = 0; at < words.length; at += atOnce) {
    const argv = ['sh', '-c', readRoleFile('dns/verify/ask.sh'), 'lab-verify', command, ...first];
    const line = quoteAll([...argv, ...words.slice(at, at + atOnce)]);
    const frames = await session.request(`lab_run verify ${askSeconds} ${line} 2>&1`);
    const { body, status } = frames.get('verify') ?? { body: Buffer.alloc(0), status: -1 };
    text += body.toString();
    if (status !== 0)
      throw new LabError('READ_FAILED', `asking for names (${command}) failed with exit code ${status}`, {
        output: text,
      });
  }
  return text;
}
