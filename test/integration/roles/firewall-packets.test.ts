import { it } from 'vitest';
import { PacketField } from '../../support/packet-field.ts';
import { probeRandomPolicies } from '../../support/probe-policies.ts';
import { randomFrom, seedOfTests } from '../../support/random.ts';

it('the kernel lets through what a random policy allows, and nothing else', async () => {
  const seed = seedOfTests(1);
  console.log(`LAB_TEST_SEED=${seed}`);
  await using field = await PacketField.open();
  await probeRandomPolicies(field, 4, randomFrom(seed));
}, 300_000);

it('the same with the rules of ufw, as far as it can say them', async () => {
  const seed = seedOfTests(1);
  console.log(`LAB_TEST_SEED=${seed}`);
  await using field = await PacketField.open(['ufw']);
  await probeRandomPolicies(field, 4, randomFrom(seed), 'ufw');
}, 300_000);
