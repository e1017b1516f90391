/** A text as one line without control characters, cut to so many bytes of UTF-8 at most. */
export function oneLine(text: string, bytes: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  if (Buffer.byteLength(line) <= bytes) return line;
  let short = '';
  for (const character of line) {
    if (Buffer.byteLength(`${short}${character}…`) > bytes) break;
    short += character;
  }
  return `${short}…`;
}
