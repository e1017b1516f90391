import { it } from 'vitest';
import { PacketField } from '../support/packet-field.ts';
import { probeRandomPolicies } from '../support/probe-policies.ts';
import { randomFrom, seedOfTests } from './random.ts';

it('the kernel lets through what many random policies allow, and nothing else', async () => {
  const seed = seedOfTests();
  console.log(`LAB_TEST_SEED=${seed}`);
  await using field = await PacketField.open();
  await probeRandomPolicies(field, Number(process.env.LAB_POLICIES ?? 200), randomFrom(seed));
}, 3_600_000);
