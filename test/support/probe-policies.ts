import { expect } from 'vitest';
import { AddressSet, type Family, families } from '../../roles/firewall/address-set.ts';
import { type Packet, permitFor } from '../../roles/firewall/evaluate.ts';
import { type HostRules, rulesFor } from '../../roles/firewall/host-rules.ts';
import { params } from '../../roles/firewall/params.ts';
import { policyOf } from '../../roles/firewall/policy.ts';
import { renderNftables } from '../../roles/firewall/render-nftables.ts';
import { ufwRulesOf } from '../../roles/firewall/ufw/rules.ts';
import { userRulesFile, withOwnRules } from '../../roles/firewall/ufw/user-rules.ts';
import { type Host, type Inventory, LabError } from '../../src/index.ts';
import { type FieldInterface, keyOf, type OfferedPacket, type PacketField } from './packet-field.ts';
import type { Random } from './random.ts';
import { randomInventory, somePorts, someSources } from './random-policy.ts';

const tunnelled = ['10.80.0.0/24', 'fd80::/64'];
const isMember = (address: string) => address.startsWith('10.80.0.') || /^fd80::[0-9a-f]*$/.test(address);
const isHome = (address: string) => address.startsWith('10.77.1.') || /^fd77:1::[0-9a-f]*$/.test(address);

/**
 * Compiles random policies for one of their hosts, loads them, and offers real packets to the kernel: to the host, through it,
 * with forged sources, and from it. What passes has to be what the reference evaluator allows.
 *
 * @throws AssertionError for a packet that passed and should not have, or the reverse
 */
export async function probeRandomPolicies(
  field: PacketField,
  policies: number,
  random: Random,
  backend: 'nftables' | 'ufw' = 'nftables',
): Promise<void> {
  const stock = backend === 'ufw' ? await stockOfUfw(field) : undefined;
  let passed = 0;
  let offered = 0;
  for (let number = 0; number < policies; number++) {
    const inventory = randomInventory(random);
    const host = inventory.hosts.get(random.pick(['vps', 'vps', 'nas', 'node'])) as Host;
    const policy = policyOf(inventory);
    const egress = backend === 'ufw' ? 'open' : random.pick(['open', 'declared'] as const);
    const settings = params.parse({ egress });
    const own = [...host.addresses.values()].flat();
    // The gateway has no wire at home: what says that it comes from there comes through the tunnel.
    const inside = [...tunnelled, ...(host.name === 'vps' ? ['10.77.1.0/24', 'fd77:1::/64'] : [])];
    await field.place(own, inside);
    const rules = rulesFor(host, policy, inventory, settings);
    if (stock === undefined) await field.load(renderNftables(rules, settings, 22));
    else {
      const files = ufwFiles(stock, rules, inventory);
      if (files === undefined) continue;
      await field.startUfw(files);
    }

    const others = [...someSources.ipv4, ...someSources.ipv6].filter((address) => !own.includes(address));
    const sameFamily = (a: string) => (b: string) => a.includes(':') === b.includes(':');
    const packetsTo = (source: string, destination: string) =>
      somePorts.flatMap((port) =>
        (['tcp', 'udp'] as const).map((protocol): Packet => ({ source, destination, protocol, port })),
      );
    const throughOf = (source: string): FieldInterface =>
      isMember(source) || (host.name === 'vps' && isHome(source)) ? 'wg0' : 'wire0';
    const allowed = (packet: Packet) => permitFor(policy, packet) !== undefined;

    const toHost = others.flatMap((source) =>
      own.filter(sameFamily(source)).flatMap((destination) => packetsTo(source, destination)),
    );
    const through = host.name === 'vps' ? others : others.slice(0, 4);
    const forwarded = through.flatMap((source) =>
      others
        .filter((destination) => sameFamily(source)(destination) && destination !== source)
        .filter((destination) => isMember(source) || isMember(destination) || random.integer(10) === 0)
        .flatMap((destination) => packetsTo(source, destination)),
    );
    // Under its own address a host of ufw passes on nothing: those who have no other way to the internet were refused above.
    const isOutward = (destination: string) => backend === 'nftables' && throughOf(destination) === 'wire0';
    const mayForward = ({ source, destination }: Packet) =>
      host.name === 'vps' && isMember(source) && (isMember(destination) || isOutward(destination));
    const packets = [...toHost, ...forwarded].map(
      (packet): OfferedPacket => ({ ...packet, through: throughOf(packet.source) }),
    );
    const expected = packets.filter(
      (packet) => allowed(packet) && (own.includes(packet.destination) || mayForward(packet)),
    );
    const holds = (what: string, passed: ReadonlySet<string>, expected: readonly Packet[]) => {
      const about = { seed: random.seed, policy: number, host: host.name, egress, what };
      const { flows } = inventory;
      const found = differencesOf(passed, expected.map(keyOf));
      expect({ ...about, ...found, flows }).toEqual({ ...about, wrongly: [], missing: [], flows });
    };
    // What the tunnel carries cannot come by wire.
    const forged = packets
      .filter(({ through }) => through === 'wg0')
      .map((packet): OfferedPacket => ({ ...packet, through: 'wire0' }));
    const seen = await field.offer(packets);
    holds('what is offered', seen, expected);
    // With ufw it is only not believed: what anybody may, it may as well.
    const anybody = { ...policy, permits: policy.permits.filter(({ from }) => from.who === 'anyone') };
    const harmless = forged.filter(
      (packet) => backend === 'ufw' && own.includes(packet.destination) && permitFor(anybody, packet) !== undefined,
    );
    holds('what is forged', await field.offer(forged), harmless);

    const sent = own.flatMap((source) =>
      others.filter(sameFamily(source)).flatMap((destination) => packetsTo(source, destination)),
    );
    const mayLeave = egress === 'open' ? sent : sent.filter(allowed);
    const left = await field.send(sent);
    holds('what is sent', left, mayLeave);
    passed += seen.size + left.size;
    offered += packets.length + sent.length;
  }
  console.log(`${policies} policies, ${offered} packets, of which ${passed} passed`);
  expect(passed).toBeGreaterThan(0);
}

/** What passed and may not, and what may pass and did not. */
function differencesOf(passed: ReadonlySet<string>, expected: readonly string[]) {
  const may = new Set(expected);
  const wrongly = [...passed].filter((packet) => !may.has(packet)).sort();
  const missing = [...may].filter((packet) => !passed.has(packet)).sort();
  return { wrongly, missing };
}

type UfwTexts = Readonly<Record<Family, string>>;

async function stockOfUfw(field: PacketField): Promise<UfwTexts> {
  const read = (family: Family) => field.sh(`cat /usr/share/ufw/${family === 'ipv4' ? 'user' : 'user6'}.rules`);
  await field.place([], []);
  return { ipv4: await read('ipv4'), ipv6: await read('ipv6') };
}

/** `undefined` where ufw cannot say it. */
function ufwFiles(stock: UfwTexts, rules: HostRules, { devices }: Inventory): Record<string, string> | undefined {
  const addresses = AddressSet.of([...devices.values()].flatMap((device) => [...device.addresses.values()].flat()));
  try {
    return Object.fromEntries(
      families.map((family) => [
        userRulesFile[family],
        withOwnRules(stock[family], family, ufwRulesOf(rules, family, addresses)),
      ]),
    );
  } catch (error) {
    if (error instanceof LabError && error.code === 'FIREWALL_POLICY') return undefined;
    throw error;
  }
}
