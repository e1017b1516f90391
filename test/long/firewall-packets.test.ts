import { it } from 'vitest';
import { PacketField } from '../support/packet-field.ts';
import { probeRandomPolicies } from '../support/probe-policies.ts';
import { randomFrom, seedOfTests } from '../support/random.ts';

it.each(['nftables', 'ufw'] as const)(
  'the kernel lets through what many random policies for %s allow, and nothing else',
  async (backend) => {
    const seed = seedOfTests();
    console.log(`LAB_TEST_SEED=${seed}`);
    await using field = await PacketField.open(backend === 'ufw' ? ['ufw'] : []);
    await probeRandomPolicies(field, Number(process.env.LAB_POLICIES ?? 200), randomFrom(seed), backend);
  },
  3_600_000,
);
