import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Packet } from '../../../roles/firewall/evaluate.ts';
import { rulesFor } from '../../../roles/firewall/host-rules.ts';
import { params } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { renderNftables } from '../../../roles/firewall/render-nftables.ts';
import type { Host } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { type FieldInterface, keyOf, PacketField } from '../../support/packet-field.ts';

// Packets that leave with another address than they came with: what the kernel makes of them, and who may send them.

const stranger = { ipv4: '203.0.113.7', ipv6: '2606:4700::1111' };
const phone = { ipv4: '10.80.0.2', ipv6: 'fd80::2' };
const inventory = resolveInventory(
  {
    networks: {
      public: { prefixes: ['10.77.0.0/24', '2001:db8:77::/64'], public: true },
      vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
    },
    hosts: {
      vps: { addresses: { public: ['10.77.0.10', '2001:db8:77::10'], vpn: ['10.80.0.1', 'fd80::1'] } },
      nas: { addresses: { vpn: ['10.80.0.10', 'fd80::10'] } },
    },
    devices: { phone: { addresses: { vpn: [phone.ipv4, phone.ipv6] } } },
    services: {
      game: { host: 'nas', port: 27015, protocol: 'udp', mode: 'udp', public: 'game.example.dev', gateways: 'vps' },
    },
    flows: [
      { from: 'internet', to: 'vps', ports: 8080, reason: 'a container that everybody may reach' },
      { from: 'phone', to: 'vps', ports: 8081, reason: 'a container for the household' },
      { from: 'phone', to: 'internet', ports: 443, reason: 'abroad' },
    ],
  },
  { at: undefined },
);
let field: PacketField;

beforeAll(async () => {
  field = await PacketField.open();
  await field.place(['10.77.0.10', '2001:db8:77::10', '10.80.0.1', 'fd80::1'], ['10.80.0.0/24', 'fd80::/64']);
  const settings = params.parse({});
  const rules = rulesFor(inventory.hosts.get('vps') as Host, policyOf(inventory), inventory, settings);
  await field.load(renderNftables(rules, settings, 22));
  // As Docker does it for ports that it publishes, in a table of its own.
  await field.sh(`ip link add docker0 type bridge && ip link set docker0 up
    echo 0 >/proc/sys/net/ipv6/conf/docker0/disable_ipv6
    ip address add 172.18.0.1/16 dev docker0; ip -6 address add fd18::1/64 dev docker0 nodad`);
  await field.load(`table inet docker {
    chain published { type nat hook prerouting priority dstnat;
      fib daddr type local meta nfproto ipv4 tcp dport { 8080, 8081, 8082 } dnat ip to 172.18.0.2:80
      fib daddr type local meta nfproto ipv6 tcp dport { 8080, 8081, 8082 } dnat ip6 to [fd18::2]:80
      fib daddr type local meta nfproto ipv4 udp dport 27015 dnat ip to 10.80.0.10
      fib daddr type local meta nfproto ipv6 udp dport 27015 dnat ip6 to fd80::10
    }
    set left4 { type ipv4_addr . ipv4_addr . inet_service; flags dynamic; size 1000; }
    set left6 { type ipv6_addr . ipv6_addr . inet_service; flags dynamic; size 1000; }
    chain left { type filter hook postrouting priority srcnat + 50;
      meta nfproto ipv4 tcp dport 443 update @left4 { ip saddr . ip daddr . tcp dport }
      meta nfproto ipv6 tcp dport 443 update @left6 { ip6 saddr . ip6 daddr . tcp dport }
    }
  }`);
});
afterAll(() => field?.[Symbol.asyncDispose]());

const offer = async (through: FieldInterface, ...packets: Packet[]) =>
  [...(await field.offer(packets.map((packet) => ({ ...packet, through }))))].sort();
const tcp = (source: string, destination: string, port: number): Packet => ({
  source,
  destination,
  protocol: 'tcp',
  port,
});
const udp = (source: string, destination: string, port: number): Packet => ({
  ...tcp(source, destination, port),
  protocol: 'udp',
});
const at = { ipv4: '10.77.0.10', ipv6: '2001:db8:77::10' };
const container = { ipv4: '172.18.0.2', ipv6: 'fd18::2' };
const nas = { ipv4: '10.80.0.10', ipv6: 'fd80::10' };

it.each(['ipv4', 'ipv6'] as const)(
  'a port that Docker publishes is reached by those alone who a flow lets reach it (%s)',
  async (family) => {
    const ports = [8080, 8081, 8082];
    const from = (source: string) => ports.map((port) => tcp(source, at[family], port));
    // Each comes to the same port of the same container: one at a time.
    const outcomes = [];
    for (const packet of from(stranger[family])) outcomes.push(await offer('wire0', packet));
    const reached = keyOf(tcp(stranger[family], container[family], 80));
    expect(outcomes).toEqual([[reached], [], []]);
    outcomes.length = 0;
    for (const packet of from(phone[family])) outcomes.push(await offer('wg0', packet));
    expect(outcomes).toEqual([[], [keyOf(tcp(phone[family], container[family], 80))], []]);
  },
);

it.each(['ipv4', 'ipv6'] as const)(
  'a service behind the gateway is reached through it, by those who a flow lets reach it (%s)',
  async (family) => {
    expect(await offer('wire0', udp(stranger[family], at[family], 27015))).toEqual([
      keyOf(udp(stranger[family], nas[family], 27015)),
    ]);
    expect(await offer('wire0', udp(stranger[family], nas[family], 27015))).toEqual([]);
    expect(await offer('wire0', udp(stranger[family], at[family], 27016))).toEqual([]);
  },
);

it.each(['ipv4', 'ipv6'] as const)(
  'what leaves the tunnel for the internet has the address of the gateway (%s)',
  async (family) => {
    const out = tcp(phone[family], stranger[family], 443);
    expect(await offer('wg0', out, tcp(phone[family], stranger[family], 25))).toEqual([keyOf(out)]);
    const left = await field.sh(`nft list set inet docker left${family === 'ipv4' ? 4 : 6}`);
    expect(left).toContain(`${at[family]} . ${stranger[family]} . 443`);
    expect(left).not.toContain(phone[family]);
  },
);
