const table = Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value >>> 0;
});

/** What `cksum` prints first: the CRC of POSIX (IEEE Std 1003.1, cksum), over the bytes and then their number. */
export function posixChecksum(text: string): number {
  const bytes = Buffer.from(text);
  let value = 0;
  const feed = (byte: number) => {
    value = ((value << 8) ^ (table[((value >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  };
  for (const byte of bytes) feed(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) feed(length & 0xff);
  return ~value >>> 0;
}
