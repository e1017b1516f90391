import {
  defineRole,
  file,
  type Host,
  type Inventory,
  LabError,
  packages,
  type ResourceTree,
  type RoleContext,
  Secret,
  secretText,
  unit,
  unitFile,
} from '../../src/index.ts';
import { readProjectFile } from '../../src/model/project-file.ts';
import { type Family, families } from '../firewall/address-set.ts';
import { tunnelInterfacesOf } from '../firewall/tunnel-permits.ts';
import { isReachedByTunnel } from '../wireguard/internet.ts';
import { banning, withoutBans } from './bans.ts';
import { forwarding } from './forwarding.ts';
import { type Params, params } from './params.ts';
import { passthrough } from './passthrough.ts';
import { acmeRootFile, caddyfile, renderCaddy, usersFile } from './render-caddy.ts';
import { type Answering, renderForwarding } from './render-forwarding.ts';
import { renderHaproxy } from './render-haproxy.ts';
import { type HttpRoute, type Routes, routesOf } from './routes.ts';
import { caddyDropIn } from './units.ts';
import { acmeState, wildcardCertificates, wildcardsFor, withoutWildcards } from './wildcards/certificate.ts';
import { certificateFolder } from './wildcards/covered.ts';

/**
 * Carries the public names of the inventory to the services behind them: the only way in from outside. On a host that carries
 * nothing it does nothing.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'gateway', hosts: 'all', roles: [vpsGateway] }] });
 */
export default defineRole({
  name: 'vps-gateway',
  description: 'Carries the public names of the inventory to the services behind them',
  params,
  resources: async (context): Promise<ResourceTree> => {
    const { host, inventory, params } = context;
    const { init, osName, packageManager } = await context.system();
    const isAbsent = params.state === 'absent';
    const routes = isAbsent ? nothing : routesOf(host, inventory);
    const passesOn = routes.passthrough.length > 0 ? familiesOf(host) : [];
    const answering = isAbsent ? null : answeringOf(host, inventory);
    const packets = renderForwarding({ forwarded: routes.forwarded, answering, passesOn });
    const hasSites = routes.sites.length > 0;
    const hasWeb = hasSites || routes.passthrough.length > 0;
    if (init !== 'systemd' || (hasWeb && packageManager !== 'apt')) {
      if (!hasWeb && packets === null) return [];
      throw new LabError('PLAN_IMPOSSIBLE', `the role vps-gateway cannot work on ${host.name}`, {
        host: host.name,
        expected: hasWeb ? 'a gateway with Debian and systemd' : 'systemd, for what forwards packets at boot',
        found: `${osName} with ${packageManager} and ${init}`,
      });
    }
    const byName = passthrough(
      routes.passthrough.length > 0 ? renderHaproxy(routes.passthrough, params, passesOn, hasSites) : null,
    );
    return [
      hasSites && web(routes, context),
      isAbsent && [withoutWeb(), withoutWildcards(params.acme.wildcards)],
      // Who asks Caddy under the address of a client is there while the answers are led back.
      passesOn.length > 0 ? [forwarding(packets), byName] : [byName, forwarding(packets)],
    ];
  },
  keeps: () => [
    // The account with the authority, certificates with their keys, and the authority that Caddy itself may be.
    { paths: [caddyData], except: [`${caddyData}/locks`], stops: ['caddy'] },
    { paths: [certificateFolder] },
    // Of the user that the unit has while it runs; systemd gives it that folder again.
    { paths: [acmeState], owner: 'root', group: 'root' },
  ],
});

const nothing: Routes = { sites: [], passthrough: [], forwarded: [] };

function familiesOf({ addresses }: Host): Family[] {
  const all = [...addresses.values()].flat();
  return families.filter((family) => all.some((address) => address.includes(':') === (family === 'ipv6')));
}

/** Null for a host that no gateway forwards packets to. */
function answeringOf(host: Host, inventory: Inventory): Answering | null {
  if (!isReachedByTunnel(host, inventory)) return null;
  const on = (isTunnel: boolean) =>
    [...host.addresses].flatMap(([name, addresses]) =>
      inventory.networks.get(name)?.tunnel === isTunnel ? addresses : [],
    );
  return {
    tunnelInterfaces: tunnelInterfacesOf(host, inventory),
    inside: insidePrefixes(inventory),
    addresses: on(true),
    wired: on(false),
    udpPorts: [...inventory.services.values()].flatMap((service) =>
      service.host === host.name && service.mode === 'udp' && service.public.length > 0 ? [service.port] : [],
    ),
  };
}

/** The package brings the user and the unit; the drop-in is there before, so that its first start is sandboxed as well. */
function web({ sites, passthrough }: Routes, { host, params, inventory }: RoleContext<Params>): ResourceTree {
  const inside = insidePrefixes(inventory);
  const dropIn = unitFile({ name: 'caddy.service', dropIn: 'lab', sections: caddyDropIn });
  const root =
    params.acme.root !== undefined &&
    file({
      path: acmeRootFile,
      content: certificateOf(params.acme.root, inventory),
      mode: '0644',
      validate: ['openssl', 'x509', '-noout', '-in', '%s'],
    });
  const byService = new Map(sites.flatMap(({ routes }) => routes.map((route) => [route.service, route] as const)));
  const wildcards = wildcardsFor(sites, params);
  const users = [...byService.values()].flatMap((route) => usersOf(route) ?? []);
  const configuration = file({
    path: caddyfile,
    content: renderCaddy(
      sites,
      params,
      inside,
      passthrough.flatMap(({ names }) => names),
    ),
    mode: '0640',
    group: 'caddy',
    validate: ['sh', '-c', validate, 'lab', '%s'],
  });
  return [
    dropIn,
    packages({ names: ['caddy'], recommends: false }),
    root,
    users,
    wildcardCertificates(wildcards, host, inventory, params),
    configuration,
    unit(
      { name: 'caddy', state: 'running', enabled: true },
      { restartOn: [dropIn], reloadOn: [configuration, ...users, ...(root ? [root] : [])] },
    ),
    params.ban !== null && banning(params.ban, inside, host.connection.port ?? 22),
  ];
}

const caddyData = '/var/lib/caddy/.local/share/caddy';

/** As its own user: what it would make while it looks (a log file) is then not root's. */
const validate = `cd / && runuser -u caddy -- env HOME=/var/lib/caddy caddy validate --adapter caddyfile --config - <"$1"`;

/** The users of one service, in a configuration of nothing else. */
const validateUsers = `cd / && { printf ':1 {\\nbasicauth {\\n'; cat "$1"; printf '}\\n}\\n'; } |
  runuser -u caddy -- env HOME=/var/lib/caddy caddy validate --adapter caddyfile --config - 2>/dev/null || { echo 'Caddy does not take these users'; exit 1; }`;

function usersOf({ service, options }: HttpRoute) {
  if (options.users.size === 0) return undefined;
  const lines = [...options.users].map(([user, hash]) => secretText`${user} ${asSecret(hash)}\n`);
  const content = lines.reduce((all, line) => secretText`${all}${line}`);
  return file({
    path: usersFile(service),
    content,
    mode: '0640',
    group: 'caddy',
    validate: ['sh', '-c', validateUsers, 'lab', '%s'],
  });
}

/** A hash of a password that can be guessed is the password. */
function asSecret(hash: Secret | string): Secret {
  return hash instanceof Secret ? hash : new Secret(hash, 'password hash');
}

/** As it is written in the inventory, or in the file that is named there. */
function certificateOf(root: string, inventory: Inventory): string {
  if (root.startsWith('-----BEGIN')) return root;
  const path = ['params', 'vps-gateway', 'acme', 'root'];
  const hint = root.startsWith('.lab/sandbox') ? 'lab sandbox up writes it' : undefined;
  return readProjectFile(root, inventory, { what: 'the root certificate of the authority', path, hint });
}

/** Prefixes of what is not public. */
function insidePrefixes({ networks }: Inventory): readonly string[] {
  return [...networks.values()].flatMap((network) => (network.public ? [] : network.prefixes));
}

/** Certificates and the account stay: an authority gives new ones a few times a week at most. */
function withoutWeb(): ResourceTree {
  return [
    unit({ name: 'caddy', state: 'stopped', enabled: false }),
    unitFile({ name: 'caddy.service', dropIn: 'lab', state: 'absent' }),
    withoutBans(),
  ];
}
