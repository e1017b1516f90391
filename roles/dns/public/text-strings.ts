/** Longest string of a TXT record, in bytes (RFC 1035, 3.3). */
const longest = 255;

/**
 * A text as a zone file has it: strings of at most 255 bytes in quotes, with escapes as `dig` prints them (RFC 1035, 5.1). Pure.
 *
 * @example
 * quotedText('v=spf1 -all') // '"v=spf1 -all"'
 */
export function quotedText(text: string | Uint8Array): string {
  const bytes = Buffer.from(text);
  const count = Math.max(1, Math.ceil(bytes.length / longest));
  return Array.from({ length: count }, (_, index) =>
    quoted(bytes.subarray(index * longest, (index + 1) * longest)),
  ).join(' ');
}

/** One string in quotes. */
export function quoted(bytes: Uint8Array): string {
  const escaped = [...bytes].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, '0')}` : String.fromCharCode(byte);
  });
  return `"${escaped.join('')}"`;
}

/** The strings of a zone file's line, quoted or not; undefined when it is no such line. */
export function stringsIn(line: string): Buffer[] | undefined {
  const bytes = Buffer.from(line);
  const strings: Buffer[] = [];
  let at = 0;
  const end = () => at >= bytes.length;
  const isBlank = () => bytes[at] === 0x20 || bytes[at] === 0x09;
  while (!end()) {
    if (isBlank()) {
      at++;
      continue;
    }
    const inQuotes = bytes[at] === 0x22;
    if (inQuotes) at++;
    const content: number[] = [];
    while (!end() && (inQuotes ? bytes[at] !== 0x22 : !isBlank())) {
      const byte = bytes[at] as number;
      if (byte === 0x22) return undefined;
      if (byte !== 0x5c) {
        content.push(byte);
        at++;
        continue;
      }
      const digits = /^[0-9]{3}/.exec(bytes.subarray(at + 1, at + 4).toString('latin1'))?.[0];
      const value = digits === undefined ? bytes[at + 1] : Number(digits);
      if (value === undefined || value > 255) return undefined;
      content.push(value);
      at += digits === undefined ? 2 : 4;
    }
    if (inQuotes && end()) return undefined;
    if (inQuotes) at++;
    strings.push(Buffer.from(content));
  }
  return strings;
}
