/**
 * `npm run bench:firewall`: how long a policy of many flows takes to be compiled and loaded, and whether a packet takes longer to be
 * judged by many flows than by few. Options are described in docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { rulesFor } from '../roles/firewall/host-rules.ts';
import { params } from '../roles/firewall/params.ts';
import { policyOf } from '../roles/firewall/policy.ts';
import { renderNftables } from '../roles/firewall/render-nftables.ts';
import type { InventoryInput } from '../src/index.ts';
import { resolveInventory } from '../src/model/resolve-inventory.ts';
// jiti gives whoever imports it at the same time a module that is half loaded.
import '../test/support/host-container.ts';
import { PacketField } from '../test/support/packet-field.ts';

const { values } = parseArgs({
  options: { flows: { type: 'string', default: '10000' }, hosts: { type: 'string', default: '100' } },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const settings = params.parse({});
const packets = 50_000;

const flows = Number(values.flows);
const hosts = Number(values.hosts);
const field = await PacketField.open();
try {
  say(`${hosts} hosts; the rules of one of them:\n`);
  say('flows     compiled for all  rules file  elements  loaded   a packet is judged in');
  for (const count of [Math.max(1, Math.floor(flows / 100)), Math.floor(flows / 10), flows, flows / 100])
    await measure(Math.floor(count));
} finally {
  await field[Symbol.asyncDispose]();
}

async function measure(count: number): Promise<void> {
  const inventory = resolveInventory(inventoryOf(count), { at: undefined });
  const began = performance.now();
  const policy = policyOf(inventory);
  const rulesets = [...inventory.hosts.values()].map((host) =>
    renderNftables(rulesFor(host, policy, inventory, settings), settings, 22),
  );
  const compiled = performance.now() - began;
  const [ruleset = ''] = rulesets.toSorted((a, b) => b.length - a.length);
  await field.place(['10.0.0.1', 'fd00::1'], []);
  const loading = performance.now();
  await field.load(ruleset);
  const loaded = performance.now() - loading;
  const judged = await field.timeFor(
    { source: '10.200.0.1', destination: '10.0.0.1', protocol: 'tcp', port: 9, through: 'wire0' },
    packets,
  );
  say(
    [
      String(count).padEnd(8),
      `${(compiled / 1000).toFixed(1)} s`.padEnd(16),
      `${Math.round(ruleset.length / 1024)} KiB`.padEnd(10),
      String(ruleset.split(' . ').length).padEnd(8),
      `${(loaded / 1000).toFixed(2)} s`.padEnd(7),
      `${((judged / packets) * 1000).toFixed(1)} µs`,
    ].join('  '),
  );
}

/** Each flow from one host to another, on a port of its own; every tenth to all hosts. */
function inventoryOf(count: number): InventoryInput {
  const name = (index: number) => `host${index % hosts}`;
  return {
    networks: { lan: { prefixes: ['10.0.0.0/16', 'fd00::/64'] } },
    hosts: Object.fromEntries(
      Array.from({ length: hosts }, (_, index) => [
        name(index),
        { addresses: { lan: [`10.0.${index >> 8}.${(index & 255) + 1}`, `fd00::${(index + 1).toString(16)}`] } },
      ]),
    ),
    flows: Array.from({ length: count }, (_, index) => ({
      from: name(index * 7 + 1),
      to: index % 10 === 0 ? 'all' : name(Math.floor(index / hosts) + index),
      ports: 1024 + (index % 60_000),
      reason: `flow ${index}`,
    })).filter(({ from, to }) => from !== to),
  };
}
