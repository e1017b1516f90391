import ipaddr from 'ipaddr.js';

/** Parsed strictly: ipaddr.js alone takes `1` for 0.0.0.1 and `010.0.0.1` for octal. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

export interface Prefix {
  readonly network: Address;
  readonly bits: number;
}

/** Four decimal parts without leading zeros, or IPv6 (RFC 4291) without a zone; else undefined. */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return /^[0-9a-fA-F:.]+$/.test(text) && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}

/** `10.77.1.0/24`. The address may still have bits set beyond the prefix: see `networkOf`. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', bits = '', ...rest] = text.split('/');
  const network = parseAddress(address);
  if (network === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  return Number(bits) <= width(network) ? { network, bits: Number(bits) } : undefined;
}

/** The prefix with every bit beyond it cleared. */
export function networkOf({ network, bits }: Prefix): Prefix {
  return { network: withHostBits(network, bits, 0), bits };
}

/** IPv6 as in RFC 5952, so that equal addresses have equal text. */
export function formatAddress(address: Address): string {
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/** An address as it is always written; what is none stays as it is. */
export function canonicalAddress(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : formatAddress(address);
}

export function formatPrefix({ network, bits }: Prefix): string {
  return `${formatAddress(network)}/${bits}`;
}

export function contains(prefix: Prefix, address: Address): boolean {
  return prefix.network.kind() === address.kind() && address.match(prefix.network, prefix.bits);
}

export function overlap(a: Prefix, b: Prefix): boolean {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a];
  return contains(wide, narrow.network);
}

/**
 * What an address is reserved for in its prefix, if anything. A host cannot have the network or the broadcast address;
 * in /31 (RFC 3021) and /32 every address is a host's.
 */
export function reservedAs(prefix: Prefix, address: Address): 'network' | 'broadcast' | undefined {
  if (address.kind() !== 'ipv4' || prefix.bits >= 31) return undefined;
  const text = formatAddress(address);
  if (text === formatAddress(withHostBits(prefix.network, prefix.bits, 0))) return 'network';
  return text === formatAddress(withHostBits(prefix.network, prefix.bits, 0xff)) ? 'broadcast' : undefined;
}

/** How many addresses a prefix has, those included that no host can have. */
export function sizeOf({ network, bits }: Prefix): bigint {
  return 1n << BigInt(width(network) - bits);
}

/** What an address adds to the prefix that it lies in: 12 for 10.80.0.12 in 10.80.0.0/24. */
export function hostNumber(prefix: Prefix, address: Address): bigint {
  return toNumber(address) - toNumber(prefix.network);
}

/** The other way round. */
export function addressAt({ network }: Prefix, number: bigint): Address {
  const value = toNumber(network) + number;
  const bytes = network
    .toByteArray()
    .map((_, index, all) => Number((value >> BigInt(8 * (all.length - 1 - index))) & 0xffn));
  return ipaddr.fromByteArray(bytes);
}

/**
 * Whether the address with this number can be a host's: not the network or broadcast address, nor the one that every router
 * of an IPv6 network answers to (RFC 4291, 2.6.1; not on a link of two, RFC 6164).
 */
export function isHostNumber(prefix: Prefix, number: bigint): boolean {
  if (number < 0n || number >= sizeOf(prefix)) return false;
  if (prefix.network.kind() === 'ipv6') return number > 0n || prefix.bits >= 127;
  return prefix.bits >= 31 || (number > 0n && number < sizeOf(prefix) - 1n);
}

/** Its bits as one number. */
export function toNumber(address: Address): bigint {
  return address.toByteArray().reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function width(address: Address): number {
  return address.kind() === 'ipv4' ? 32 : 128;
}

function withHostBits(address: Address, bits: number, fill: 0 | 0xff): Address {
  const bytes = address.toByteArray().map((byte, index) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff;
    return (byte & mask) | (fill & ~mask & 0xff);
  });
  return ipaddr.fromByteArray(bytes);
}
