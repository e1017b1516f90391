import { canonicalAddress, formatAddress, networkOf, type Prefix, parsePrefix } from '../model/ip-address.ts';
import { LabError } from '../shared/errors.ts';

/**
 * The first free address among those wished for, else the highest free one, and marks it as used. A wish counts from the
 * prefix's first address, a negative one from its end: `-2` is .254 in a /24.
 */
export function takeAddress(prefix: Prefix, used: Set<string>, wishes: readonly number[]): string {
  const size = addressesIn(prefix);
  const offsets = [...wishes.map((wish) => (wish < 0 ? size + wish : wish)), ...countDown(size - 2)];
  for (const offset of offsets) {
    if (offset < 1 || offset > size - 2) continue;
    const address = addressAt(prefix, offset);
    if (used.has(address)) continue;
    used.add(address);
    return address;
  }
  throw new LabError(
    'SANDBOX_FAILED',
    `no address is left for the sandbox in ${formatAddress(prefix.network)}/${prefix.bits}`,
    {
      expected: 'up to three addresses beside those of the hosts',
      found: `${Math.max(0, size - 2)} addresses in all`,
      hint: 'widen the prefix',
    },
  );
}

function* countDown(from: number): Generator<number> {
  for (let offset = from; offset > 0; offset--) yield offset;
}

/** At most 65,536 are considered, so that an IPv6 prefix has an end that a number can hold. */
function addressesIn(prefix: Prefix): number {
  return 2 ** Math.min(16, (prefix.network.kind() === 'ipv4' ? 32 : 128) - prefix.bits);
}

function addressAt(prefix: Prefix, offset: number): string {
  const bytes = networkOf(prefix).network.toByteArray();
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) + (offset & 0xff);
  bytes[last - 1] = (bytes[last - 1] ?? 0) + (offset >> 8);
  const text = bytes.length === 4 ? bytes.join('.') : groupsOf(bytes).join(':');
  return canonicalAddress(text);
}

function groupsOf(bytes: readonly number[]): string[] {
  return Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
}

export function parseKnownPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new LabError('SANDBOX_FAILED', `not a prefix: ${text}`);
  return prefix;
}
