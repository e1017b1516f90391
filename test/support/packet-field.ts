import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import type { Packet } from '../../roles/firewall/evaluate.ts';
import { type StartedHost, startHost } from './host.ts';
import { frameOf } from './packet.ts';

/** Where the packets of a field come in: the wire, and the tunnel. */
export const fieldInterfaces = ['wire0', 'wg0'] as const;
export type FieldInterface = (typeof fieldInterfaces)[number];

export interface OfferedPacket extends Packet {
  readonly through: FieldInterface;
}

/**
 * A network namespace with rules of nftables, to which packets from anywhere are offered: the kernel itself tells which of them
 * passed, by what comes to a chain behind all others.
 */
export class PacketField implements AsyncDisposable {
  readonly #host: StartedHost;
  readonly #macs = new Map<FieldInterface, string>();
  /** Every round has a source port of its own: what an earlier one began is nothing that this one answers. */
  #round = 0;

  private constructor(host: StartedHost) {
    this.#host = host;
  }

  static async open(packages: readonly string[] = []): Promise<PacketField> {
    const host = await startHost({ packages: ['nftables', 'iproute2', ...packages] });
    const field = new PacketField(host);
    await host.exec(['sh', '-c', 'cat >/root/send-packets.pl'], readFileSync(sender, 'utf8'));
    return field;
  }

  /** A shell command in the namespace. */
  async sh(script: string, input = ''): Promise<string> {
    const argv = ['ip', 'netns', 'exec', 'field', 'sh', '-c', script];
    const { exitCode, stdout, stderr } = await this.#host.exec(argv, input);
    if (exitCode !== 0) throw new Error(`${script}: ${stderr}${stdout}`);
    return stdout;
  }

  /**
   * A new namespace with these addresses.
   *
   * @param inside what is reached through the tunnel; everything else is on the wire
   */
  async place(addresses: readonly string[], inside: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.#host.exec(['sh', '-c', namespaces]);
    if (exitCode !== 0) throw new Error(stderr);
    const isSix = (address: string) => address.includes(':');
    await this.sh(
      [
        'set -e; sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0',
        ...fieldInterfaces.map((name) => `sysctl -q -w net.ipv4.conf.${name}.rp_filter=0`),
        // A prefix of its own for each address: no broadcast address, and no route but those that are named.
        ...addresses.map((address) =>
          isSix(address)
            ? `ip -6 address add ${address}/128 dev wire0 nodad`
            : `ip address add ${address}/32 dev wire0`,
        ),
        ...inside.map((prefix) => `ip ${isSix(prefix) ? '-6' : '-4'} route add ${prefix} dev wg0`),
        'ip -4 route add default dev wire0; ip -6 route add default dev wire0',
      ].join('\n'),
    );
    for (const name of fieldInterfaces)
      this.#macs.set(name, (await this.sh(`cat /sys/class/net/${name}/address`)).trim());
  }

  /** @param rules for nft(8) */
  async load(rules: string): Promise<void> {
    await this.sh('nft -f -', rules);
  }

  /** @param files path → content, of a host whose firewall is ufw */
  async startUfw(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const { exitCode, stderr } = await this.#host.exec(['sh', '-c', 'cat >"$1"', 'write', path], content);
      if (exitCode !== 0) throw new Error(stderr);
    }
    await this.sh('sed -i s/^ENABLED=.*/ENABLED=yes/ /etc/ufw/ufw.conf; /lib/ufw/ufw-init start');
  }

  /** Which of these the rules let in, to this host or through it. */
  async offer(packets: readonly OfferedPacket[]): Promise<ReadonlySet<string>> {
    this.#round++;
    await this.sh('nft -f -', recorder);
    const frames = packets.map((packet) => {
      const frame = frameOf(packet, this.#macs.get(packet.through) ?? '', 20_000 + this.#round);
      return `frame out-${packet.through} ${frame.toString('hex')}`;
    });
    const argv = ['ip', 'netns', 'exec', 'outside', 'perl', '/root/send-packets.pl'];
    const { exitCode, stderr } = await this.#host.exec(argv, `${frames.join('\n')}\n`);
    if (exitCode !== 0) throw new Error(stderr);
    return this.#seen();
  }

  /** Milliseconds that the kernel takes for so many packets of a kind: they come in while they are sent. */
  async timeFor(packet: OfferedPacket, count: number): Promise<number> {
    const frame = frameOf(packet, this.#macs.get(packet.through) ?? '', 20_000).toString('hex');
    const argv = ['ip', 'netns', 'exec', 'outside', 'perl', '/root/send-packets.pl'];
    const line = `flood out-${packet.through} ${frame} ${count}\n`;
    const { exitCode, stdout, stderr } = await this.#host.exec(argv, line);
    if (exitCode !== 0) throw new Error(stderr);
    return Number(stdout) * 1000;
  }

  /** Which of these the rules let out, from this host. */
  async send(packets: readonly Packet[]): Promise<ReadonlySet<string>> {
    await this.sh('nft -f -', recorder);
    const lines = packets.map(({ source, destination, protocol, port }) =>
      ['new', source.includes(':') ? 'ipv6' : 'ipv4', source, destination, protocol, port].join(' '),
    );
    await this.sh('perl /root/send-packets.pl', `${lines.join('\n')}\n`);
    return this.#seen();
  }

  async #seen(): Promise<ReadonlySet<string>> {
    const seen = new Set<string>();
    for (const family of ['4', '6']) {
      const { nftables } = JSON.parse(await this.sh(`nft -n -j list set inet record seen${family}`));
      const elements = nftables.flatMap((one: { set?: { elem?: unknown[] } }) => one.set?.elem ?? []);
      for (const element of elements) {
        const [source, destination, protocol, port] = (element.elem?.val ?? element).concat;
        const name = protocol === 6 || protocol === 'tcp' ? 'tcp' : 'udp';
        seen.add(keyOf({ source, destination, protocol: name, port }));
      }
    }
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.remove();
  }
}

/** `10.77.0.50 > 10.77.0.10 tcp 443` */
export function keyOf({ source, destination, protocol, port }: Packet): string {
  return `${ipaddr.parse(source).toString()} > ${ipaddr.parse(destination).toString()} ${protocol} ${port}`;
}

const sender = new URL('./send-packets.pl', import.meta.url);

const namespaces = `ip netns delete field 2>/dev/null; ip netns delete outside 2>/dev/null
set -e
ip netns add field
ip netns add outside
for name in ${fieldInterfaces.join(' ')}; do
  ip -n field link add $name type veth peer name out-$name netns outside
  ip -n outside link set out-$name arp off
  ip netns exec field sh -c "echo 0 >/proc/sys/net/ipv6/conf/$name/disable_ipv6"
  ip -n outside link set out-$name up
  ip -n field link set $name up
done
ip -n field link set lo up`;

/** Behind every chain of a firewall: what comes here was let through by all. */
const recorder = `add table inet record
delete table inet record
table inet record {
  set seen4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }
  set seen6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }
  chain note {
    meta nfproto ipv4 meta l4proto { tcp, udp } update @seen4 { ip saddr . ip daddr . meta l4proto . th dport }
    meta nfproto ipv6 meta l4proto { tcp, udp } update @seen6 { ip6 saddr . ip6 daddr . meta l4proto . th dport }
  }
  chain input { type filter hook input priority filter + 10; iifname != "lo" ct direction original jump note; }
  chain forward { type filter hook forward priority filter + 10; jump note; }
  chain output { type filter hook output priority filter + 10; oifname != "lo" ct direction original jump note; }
}
`;
