import { parseAddress } from '../../../src/model/ip-address.ts';

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A name in lower case without the dot at the end (RFC 1035, 2.3.4); labels may begin with "_" (RFC 8552). */
export function isDnsName(text: string): boolean {
  return text.length <= 253 && parseAddress(text) === undefined && text.split('.').every((part) => label.test(part));
}

/** Whether a name is a zone or stands below it. */
export function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** `10.0.80.10.in-addr.arpa` for 10.80.0.10; of IPv6 the 32 digits below `ip6.arpa`. */
export function reverseName(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new RangeError(`"${address}" is no address`);
  const bytes = parsed.toByteArray();
  if (parsed.kind() === 'ipv4') return `${bytes.toReversed().join('.')}.in-addr.arpa`;
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${[...digits].toReversed().join('.')}.ip6.arpa`;
}
