import {
  command,
  defineRole,
  file,
  packages,
  type ResourceTree,
  type RoleContext,
  type SystemFact,
  sysctl,
  unit,
} from '../../src/index.ts';
import { tunnelOf } from './mesh.ts';
import { type Params, params } from './params.ts';
import { keyFile, publicKeyFile, renderConfig } from './render-config.ts';

/**
 * One encrypted private network between the hosts that have an address on a tunnel of the inventory. Each host makes its own
 * private key, which never leaves it; public keys are told to the others and kept in the lock file.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'tunnel', hosts: 'all', roles: [wireguard()] }] });
 */
export default defineRole({
  name: 'wireguard',
  description: 'One encrypted private network between hosts, with keys that are made on each of them',
  params,
  async resources(context): Promise<ResourceTree> {
    const { host, inventory, params } = context;
    const tunnel = tunnelOf(host, inventory, params);
    const system = await context.system();
    return [
      packages({ names: packagesFor(system) }),
      ownKey(params),
      tunnel.forwards && [
        sysctl({ key: 'net.ipv4.ip_forward', value: '1' }),
        tunnel.addresses.some((address) => address.includes(':')) &&
          sysctl({ key: 'net.ipv6.conf.all.forwarding', value: '1' }),
      ],
      context.withExports(
        tunnel.peers.map((peer) => peer.host),
        (known) => configured(context, new Map([...known].map(([name, { publicKey }]) => [name, publicKey ?? '']))),
      ),
    ];
  },
  async exports({ params, facts }) {
    const content = await facts.content(publicKeyFile(params));
    const publicKey = content === null ? '' : Buffer.from(content).toString().trim();
    return /^[A-Za-z0-9+/]{43}=$/.test(publicKey) ? { interface: params.interface, publicKey } : null;
  },
});

/** wireguard-go is for kernels without the module; wg-quick takes it only then. */
function packagesFor({ packageManager }: SystemFact): string[] {
  return packageManager === 'apt' ? ['wireguard-tools', 'wireguard-go', 'iproute2'] : ['wireguard-tools'];
}

/** Made on the host, complete or not at all: the public key comes last, and says that the private one is there. */
function ownKey(params: Params): ResourceTree {
  const script = `set -eu
umask 077
[ -s "$1" ] || { wg genkey >"$1.new" && mv "$1.new" "$1"; }
wg pubkey <"$1" >"$2.new" && chmod 644 "$2.new" && mv "$2.new" "$2"`;
  return command(
    {
      argv: ['sh', '-c', script, 'lab-wireguard-key', keyFile(params), publicKeyFile(params)],
      id: `key of ${params.interface}`,
      creates: publicKeyFile(params),
      revert: ['rm', '-f', keyFile(params), publicKeyFile(params)],
    },
    { name: `WireGuard key of ${params.interface}` },
  );
}

function configured({ host, inventory, params }: RoleContext<Params>, keys: ReadonlyMap<string, string>): ResourceTree {
  const tunnel = tunnelOf(host, inventory, params);
  const name = params.interface;
  const configuration = file({
    path: `/etc/wireguard/${name}.conf`,
    content: renderConfig(tunnel, keys, params),
    mode: '0600',
    risk: 'connectivity',
  });
  return [
    configuration,
    unit({ name: `wg-quick@${name}`, enabled: true, state: 'running' }),
    command(
      {
        argv: ['sh', '-c', syncScript, 'lab-wireguard-sync', name, keyFile(params)],
        id: `peers of ${name}`,
        onlyWhenTriggered: true,
        revert: ['sh', '-c', syncScript, 'lab-wireguard-sync', name, keyFile(params)],
        risk: 'connectivity',
      },
      { name: `peers of ${name} as in its file`, runOn: [configuration] },
    ),
  ];
}

/**
 * Brings the running interface to its file without a new start, so that no packet is lost. Stripped to a file that is looked
 * at first: `wg syncconf` with nothing would remove every peer, and without the key the key.
 */
const syncScript = `set -eu
umask 077
[ -e "/sys/class/net/$1" ] || exit 0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wg-quick strip "$1" >"$folder/stripped"
grep -q '^\\[Interface\\]' "$folder/stripped"
{ printf '[Interface]\\nPrivateKey = %s\\n' "$(cat "$2")"; sed '/^\\[Interface\\]/d' "$folder/stripped"; } >"$folder/whole"
wg syncconf "$1" "$folder/whole"`;
