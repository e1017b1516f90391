import ipaddr from 'ipaddr.js';
import type { Packet } from '../../roles/firewall/evaluate.ts';

const protocols = { tcp: 6, udp: 17 } as const;

/**
 * The Ethernet frame (IEEE 802.3) of a packet that begins something new: a TCP segment with SYN (RFC 9293), or a UDP datagram
 * (RFC 768), with checksums that are right.
 *
 * @param mac whom it is for, `02:00:00:00:00:01`
 */
export function frameOf({ source, destination, protocol, port }: Packet, mac: string, sourcePort: number): Buffer {
  const from = Buffer.from(ipaddr.parse(source).toByteArray());
  const to = Buffer.from(ipaddr.parse(destination).toByteArray());
  const payload = protocol === 'tcp' ? synOf(sourcePort, port) : datagramOf(sourcePort, port);
  const number = protocols[protocol];
  const pseudo = Buffer.concat([from, to, Buffer.from([0, number]), be16(payload.length)]);
  payload.writeUInt16BE(checksum(Buffer.concat([pseudo, payload])) || 0xffff, protocol === 'tcp' ? 16 : 6);
  const isIpv4 = from.length === 4;
  const header = isIpv4 ? ipv4Header(from, to, number, payload.length) : ipv6Header(from, to, number, payload.length);
  const ethernet = Buffer.concat([
    Buffer.from(mac.replaceAll(':', ''), 'hex'),
    Buffer.from('0200000000fe', 'hex'),
    be16(isIpv4 ? 0x0800 : 0x86dd),
  ]);
  return Buffer.concat([ethernet, header, payload]);
}

function synOf(from: number, to: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(from, 0);
  segment.writeUInt16BE(to, 2);
  segment.writeUInt32BE(1, 4);
  segment[12] = 5 << 4;
  segment[13] = 0x02;
  segment.writeUInt16BE(64_240, 14);
  return segment;
}

function datagramOf(from: number, to: number): Buffer {
  return Buffer.concat([be16(from), be16(to), be16(9), be16(0), Buffer.from('x')]);
}

function ipv4Header(from: Buffer, to: Buffer, protocol: number, length: number): Buffer {
  const header = Buffer.concat([
    Buffer.from([0x45, 0]),
    be16(20 + length),
    Buffer.from([0, 1, 0x40, 0, 64, protocol, 0, 0]),
    from,
    to,
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6Header(from: Buffer, to: Buffer, protocol: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([0x60, 0, 0, 0]), be16(length), Buffer.from([protocol, 64]), from, to]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function be16(number: number): Buffer {
  return Buffer.from([number >> 8, number & 0xff]);
}
