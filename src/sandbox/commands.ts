import { createHash } from 'node:crypto';
import { quote } from '../shared/quote.ts';
import { hostRunArguments } from './host-privileges.ts';
import type { Attachment, SandboxContainer, SandboxNetwork, SandboxTopology } from './topology.ts';

/**
 * The arguments of the docker commands that make the sandbox, from its layout. Pure: what would be made can be compared
 * with what is there, by the hash in `configLabel`.
 */

/** On every container and network; the value says which part of the sandbox it is. */
export const partLabel = 'dev.labwright.sandbox';
/** Hash of the arguments it was made with. */
export const configLabel = 'dev.labwright.sandbox.config';
/** The project's folder. */
export const projectLabel = 'dev.labwright.sandbox.project';
/** Name of the sandbox. */
export const nameLabel = 'dev.labwright.sandbox.name';

/** Whose sandbox it is. */
export interface Owner {
  readonly sandbox: string;
  readonly project: string;
}

/** Something to make, and the hash that tells whether what is there was made just so. */
export interface Recipe {
  readonly name: string;
  readonly config: string;
  /** The docker commands, in order. */
  readonly commands: readonly (readonly string[])[];
}

export function networkRecipe(network: SandboxNetwork, routed: boolean, owner: Owner): Recipe {
  const options = [
    ...network.segments.flatMap(({ prefix, controller, gateway, family }) => [
      `--subnet=${prefix}`,
      `--gateway=${controller}`,
      // Docker's own name for "the default route goes to a machine that is not this one".
      ...(gateway === controller ? [] : [`--aux-address=DefaultGatewayIPv${family}=${gateway}`]),
    ]),
    ...(network.segments.some(({ family }) => family === 6) ? ['--ipv6'] : []),
    // Behind a router the way out is the router's alone, also for a host that changes its default route.
    ...(routed && !network.public ? ['--opt=com.docker.network.bridge.enable_ip_masquerade=false'] : []),
    // 15 is the longest name of an interface (IFNAMSIZ).
    ...(network.dockerName.length <= 15 ? [`--opt=com.docker.network.bridge.name=${network.dockerName}`] : []),
  ];
  const config = hashOf(options);
  const labels = labelArguments('network', config, owner);
  return {
    name: network.dockerName,
    config,
    commands: [['network', 'create', '--driver=bridge', ...labels, ...options, network.dockerName]],
  };
}

export function containerRecipe(
  machine: SandboxContainer,
  images: { readonly host: string; readonly client: string },
  topology: SandboxTopology,
  owner: Owner,
): Recipe {
  const [first, ...others] = machine.attachments;
  const options = [
    `--hostname=${machine.name}`,
    '--restart=unless-stopped',
    ...(first === undefined ? [] : [`--network=${first.dockerNetwork}`, ...addressArguments(first)]),
    ...privileges(machine, topology),
  ];
  const image = machine.kind === 'host' ? images.host : images.client;
  const command = machine.kind === 'router' ? ['sh', '-c', routerScript(topology)] : [];
  const connections = others.map((attachment) => [
    'network',
    'connect',
    ...addressArguments(attachment),
    attachment.dockerNetwork,
    machine.container,
  ]);
  const config = hashOf([...options, image, ...command, ...connections.flat()]);
  const labels = [...labelArguments(machine.kind, config, owner), `--label=dev.labwright.sandbox.host=${machine.name}`];
  return {
    name: machine.container,
    config,
    commands: [
      ['create', `--name=${machine.container}`, ...labels, ...options, image, ...command],
      ...connections,
      ['start', machine.container],
    ],
  };
}

/** Docker turns IPv6 off in a container whose networks have none. */
const ipv6On = ['--sysctl=net.ipv6.conf.all.disable_ipv6=0', '--sysctl=net.ipv6.conf.default.disable_ipv6=0'];

function privileges(machine: SandboxContainer, topology: SandboxTopology): string[] {
  if (machine.kind === 'host') return [...hostRunArguments(), ...(topology.ipv6InTunnel ? ipv6On : [])];
  if (machine.kind === 'client') return ['--cap-add=NET_ADMIN', '--cap-add=NET_RAW'];
  const ipv6 = topology.networks.some(({ segments }) => segments.some(({ family }) => family === 6));
  return [
    '--cap-add=NET_ADMIN',
    '--sysctl=net.ipv4.ip_forward=1',
    ...(ipv6 ? [...ipv6On, '--sysctl=net.ipv6.conf.all.forwarding=1'] : []),
  ];
}

/**
 * A home's router: takes the gateway's address on each private network, forwards and masquerades what comes from inside,
 * and drops what comes from outside. By addresses, not interfaces: Docker numbers those as it likes.
 */
export function routerScript(topology: SandboxTopology): string {
  const inside = topology.networks.filter((network) => !network.public).flatMap(({ segments }) => segments);
  const outside = topology.networks.find((network) => network.public)?.segments ?? [];
  const gateways = inside.map(({ router, gateway, prefix }) => {
    const find = `ip -oneline address show | sed -n ${quote(`s|^[0-9]*: \\([^ ]*\\) .* ${escapeDots(router ?? '')}/.*|\\1|p`)}`;
    return `ip address replace ${gateway}/${prefix.split('/')[1]} dev "$(${find})"`;
  });
  const fromInside = inside.map(({ family, prefix }) => {
    const protocol = family === 4 ? 'ip' : 'ip6';
    const others = inside.filter((segment) => segment.family === family).map((segment) => segment.prefix);
    return `${protocol} saddr ${prefix} ${protocol} daddr != { ${others.join(', ')} }`;
  });
  const rules = [
    'table inet router {',
    'chain forward { type filter hook forward priority filter; policy drop;',
    'ct state established,related accept',
    ...fromInside.map((match) => `${match} accept`),
    '}',
    'chain postrouting { type nat hook postrouting priority srcnat;',
    ...fromInside.map((match) => `${match} masquerade`),
    '}',
    '}',
  ];
  return [
    'set -eu',
    ...gateways,
    // Docker may have chosen a private network's gateway, which is this machine.
    ...outside.map(({ family, gateway }) => `ip -${family} route replace default via ${gateway}`),
    `printf '%s\\n' ${rules.map(quote).join(' ')} | nft -f -`,
    'trap "exit 0" TERM',
    'while :; do sleep 3600 & wait $!; done',
  ].join('\n');
}

function escapeDots(text: string): string {
  return text.replaceAll('.', '\\.');
}

function addressArguments({ ipv4, ipv6 }: Attachment): string[] {
  return [...(ipv4 === undefined ? [] : [`--ip=${ipv4}`]), ...(ipv6 === undefined ? [] : [`--ip6=${ipv6}`])];
}

function labelArguments(part: string, config: string, owner: Owner): string[] {
  return [
    `--label=${partLabel}=${part}`,
    `--label=${configLabel}=${config}`,
    `--label=${projectLabel}=${owner.project}`,
    `--label=${nameLabel}=${owner.sandbox}`,
  ];
}

function hashOf(argv: readonly string[]): string {
  return createHash('sha256').update(argv.join('\0')).digest('hex').slice(0, 16);
}
