/** A member of an archive as it was read. */
export interface ReadMember {
  readonly path: string;
  /** Of tar(5): `0` a file, `2` a link, `5` a directory. */
  readonly type: string;
  readonly content: Buffer;
}

const block = 512;

/**
 * Members of a tar archive (ustar, pax), one after the other as the bytes come; each is held in memory.
 *
 * @throws Error when it is none, or ends too early
 */
export async function* readTar(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ReadMember> {
  const source = new Source(bytes);
  let longer = new Map<string, string>();
  for (;;) {
    const header = await source.take(block);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header);
    const type = text(header, 156, 1) || '0';
    const size = Number(longer.get('size') ?? Number.parseInt(text(header, 124, 12).trim(), 8));
    const content = await source.take(size);
    await source.take((block - (size % block)) % block);
    if (type === 'x') {
      longer = recordsOf(content);
      continue;
    }
    yield { path: longer.get('path') ?? text(header, 0, 100), type, content };
    longer = new Map();
  }
  await source.rest();
}

/** Bytes by the number that is asked for. */
class Source {
  readonly #bytes: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array();

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let missing = count;
    while (missing > 0) {
      if (this.#held.length === 0) {
        const { value, done } = await this.#bytes.next();
        if (done) throw new Error('the archive ends too early');
        this.#held = value;
      }
      const piece = this.#held.subarray(0, missing);
      pieces.push(piece);
      missing -= piece.length;
      this.#held = this.#held.subarray(piece.length);
    }
    return Buffer.concat(pieces);
  }

  /** Reads to the end: only there it is known that nothing is missing. */
  async rest(): Promise<void> {
    while (!(await this.#bytes.next()).done);
  }
}

function checkSum(header: Buffer): void {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (Number.parseInt(text(header, 148, 8).trim(), 8) !== sum) throw new Error('this is no tar archive');
}

function text(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString();
}

function recordsOf(content: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length; ) {
    const blank = content.indexOf(0x20, at);
    const length = Number(content.subarray(at, blank).toString());
    if (!(length > 0)) throw new Error('this is no tar archive');
    const [key = '', ...value] = content
      .subarray(blank + 1, at + length - 1)
      .toString()
      .split('=');
    records.set(key, value.join('='));
    at += length;
  }
  return records;
}
