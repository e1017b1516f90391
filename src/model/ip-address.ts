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
