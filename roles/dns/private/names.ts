import {
  directory,
  type Exports,
  type Facts,
  file,
  type Host,
  LabError,
  line,
  packages,
  type ResourceTree,
  type RoleContext,
  type SystemFact,
  unit,
  unitFile,
} from '../../../src/index.ts';
import { sandbox } from '../../../src/resources/systemd/sandbox.ts';
import { blockedNames } from './block-list.ts';
import { nameServers } from './client.ts';
import { isWithin } from './dns-name.ts';
import { freePort } from './free-port.ts';
import type { PrivateParams } from './params.ts';
import { type NameRecord, recordsOf } from './records.ts';
import { renderBlocked, renderListening, renderNames } from './render-unbound.ts';
import { askedAt, privateParamsOf, type Resolver, resolverOf } from './resolvers.ts';

type Context = RoleContext<PrivateParams>;

const folder = '/etc/unbound/unbound.conf.d';
const namesFile = `${folder}/lab.conf`;
const service = 'unbound.service';

/** Resolvers on the hosts that `resolvers` names, and every host asks them. Nothing without resolvers. */
export async function privateNames(context: Context): Promise<ResourceTree> {
  const { host, inventory, params, system } = context;
  if (params.resolvers.length === 0) return [];
  refuseOutsideOfInventory(host, params);
  const resolvers = params.resolvers.map((name) => resolverOf(name, inventory, params));
  const records = recordsOf(inventory, params);
  const self = resolvers.find((resolver) => resolver.host === host.name);
  return [
    self !== undefined && resolver(context, await system(), records, self),
    params.clients !== 'none' && client(context, records),
  ];
}

/** The firewall, devices and `lab verify` read the same, without a playbook. */
function refuseOutsideOfInventory(host: Host, params: PrivateParams): void {
  const declared = privateParamsOf(host)?.resolvers ?? [];
  if (declared.join() === params.resolvers.join()) return;
  throw new LabError('PLAN_IMPOSSIBLE', 'the resolvers stand in the inventory, not in a play', {
    host: host.name,
    expected: `params: { dns: { resolvers: [${params.resolvers.map((name) => `'${name}'`).join(', ')}] } } in the inventory`,
    found: declared.length === 0 ? 'none there' : declared.join(', '),
    hint: 'the firewall lets in questions by what the inventory says',
  });
}

function resolver(
  { inventory, params }: Context,
  { init, osName, packageManager }: SystemFact,
  records: readonly NameRecord[],
  self: Resolver,
): ResourceTree {
  if (init !== 'systemd' || packageManager !== 'apt')
    throw new LabError('PLAN_IMPOSSIBLE', 'a resolver needs systemd, and Unbound as Debian has it', {
      expected: 'Debian or Ubuntu',
      found: osName,
      hint: 'name another host in params.dns.resolvers',
    });
  const blocked = blockedNames(inventory, params, new Set(records.map(({ name }) => name)));
  const validate = ['sh', '-c', check, 'lab', '%s'];
  // What is there before the package is has it start as it shall be, and not as Debian has it.
  const listen = file({
    path: `${folder}/lab-listen.conf`,
    content: renderListening(self),
    validate: [...validate, 'lab-listen.conf'],
  });
  const restricted = unitFile({ name: service, dropIn: 'lab', sections: sandboxed });
  const names = file({ path: namesFile, content: renderNames(records, params), validate: [...validate, 'lab.conf'] });
  const blockedFile = `${folder}/lab-blocked.conf`;
  const block =
    blocked.length === 0
      ? file({ path: blockedFile, state: 'absent' })
      : file({ path: blockedFile, content: renderBlocked(blocked), validate: [...validate, 'lab-blocked.conf'] });
  return [
    freePort({ addresses: ['127.0.0.1', '::1', ...self.addresses] }),
    directory({ path: '/etc/unbound' }),
    directory({ path: folder }),
    noHooks.map((name) =>
      line({ path: '/etc/default/unbound', match: new RegExp(`^\\s*${name}=`), line: `${name}=false`, create: true }),
    ),
    listen,
    restricted,
    // The root's keys have to be there when Unbound first starts.
    packages({ names: ['bind9-dnsutils', 'ca-certificates', 'dns-root-data'], recommends: false }),
    packages({ name: 'unbound', recommends: false }),
    names,
    block,
    unit(
      { name: service, state: 'running', enabled: true },
      { restartOn: [listen, restricted], reloadOn: [names, block] },
    ),
  ];
}

/** Debian's hooks for resolvconf(8): they would make this host ask itself, and Unbound ask whoever the network names. */
const noHooks = ['RESOLVCONF', 'USE_RESOLVCONF_FORWARDS'];

/**
 * The new file in the place of the old one, with all others, as Unbound would read them. Before the package is there is nobody to
 * ask. (Every `%s` in here would become the path.)
 */
const check = `command -v unbound-checkconf >/dev/null || exit 0
all=$(mktemp) || exit 1
trap 'rm -f "$all"' EXIT
for file in ${folder}/*.conf "$1"; do
  [ ! -e "$file" ] || [ "$file" = "${folder}/$2" ] || echo "include-toplevel: "$file""
done >"$all"
unbound-checkconf "$all"`;

/** What Debian's unit lacks of the sandbox of Unbound's own (contrib/unbound.service.in). */
const sandboxed = {
  Service: {
    CapabilityBoundingSet:
      'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_NET_BIND_SERVICE CAP_SETGID CAP_SETUID CAP_SYS_CHROOT CAP_SYS_RESOURCE',
    ...sandbox,
    ReadWritePaths: '/run /var/lib/unbound',
    RestrictAddressFamilies: 'AF_INET AF_INET6 AF_NETLINK AF_UNIX',
    MemoryDenyWriteExecute: true,
    SystemCallFilter: ['@system-service', '~@keyring'],
    // It is what all others wait for.
    Restart: 'on-failure',
    RestartSec: 1,
  },
};

/**
 * A host turns to the resolvers when they answer: until then it asks whom it asked before. What makes a host one of them itself is
 * declared before this.
 */
function client({ host, inventory, params, withExports }: Context, records: readonly NameRecord[]): ResourceTree {
  const { resolvers, domain, fallback, clients } = params;
  const isOne = resolvers.includes(host.name);
  const others = resolvers.filter((name) => name !== host.name);
  const make = (known: ReadonlyMap<string, Exports>, reached: ReadonlySet<string> = new Set()): ResourceTree => {
    const answering = [...(isOne ? [host.name] : []), ...others.filter((name) => doesAnswer(known.get(name)))];
    const servers = answering.flatMap((name) => askedAt(host, resolverOf(name, inventory, params), inventory) ?? []);
    const isAwaited = answering.length === 0 && others.some((name) => reached.has(name));
    if (servers.length === 0 && !isAwaited) throw nobodyToAsk(host, params, answering);
    return nameServers({ servers, domain, fallback, routed: clients === 'all' ? 'all' : routed(records, params) });
  };
  return others.length === 0 ? make(new Map()) : withExports(others, make, doesAnswer);
}

function doesAnswer(exports: Exports | undefined): boolean {
  return exports?.answers === 'yes';
}

function nobodyToAsk(host: Host, { resolvers }: PrivateParams, answering: readonly string[]): LabError {
  if (answering.length === 0)
    return new LabError('PLAN_IMPOSSIBLE', 'none of the resolvers answers yet', {
      host: host.name,
      expected: `the role dns on ${resolvers.join(' or ')}`,
      found: 'nothing known of them',
      hint: `run this for ${resolvers.join(',')} as well`,
    });
  return new LabError('PLAN_IMPOSSIBLE', `${host.name} has no network in common with a resolver`, {
    host: host.name,
    expected: `an address on a network of ${answering.join(' or ')} that is not public, such as a tunnel`,
    found: [...host.addresses.keys()].join(', ') || 'no addresses',
    hint: "give it one, or set params.dns.clients: 'none' for this host",
  });
}

/** Beside the own domain: names elsewhere, and zones of others. */
function routed(records: readonly NameRecord[], { domain, stubs }: PrivateParams): string[] {
  const names = records.flatMap(({ name, type }) => (type === 'PTR' || isWithin(name, domain) ? [] : [name]));
  return [...new Set([...names, ...Object.keys(stubs)])].sort();
}

/** Whether this host answers as a resolver of ours; it does while it is reloaded. */
export async function answersNow({ facts }: { readonly facts: Facts }): Promise<Exports | null> {
  const script =
    'case $(systemctl is-active "$1") in active | reloading | refreshing) [ ! -e "$2" ] || echo yes ;; esac';
  const { stdout } = await facts.run(['sh', '-c', script, 'lab', service, namesFile]);
  return stdout.trim() === 'yes' ? { answers: 'yes' } : null;
}
