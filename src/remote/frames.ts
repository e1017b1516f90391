/** A mark in the stream: `\n<nonce> <fields…>\n`. */
export interface Mark {
  readonly kind: 'mark';
  readonly fields: readonly string[];
}

export interface Data {
  readonly kind: 'data';
  readonly bytes: Buffer;
}

/** Bytes; a mark lists at the most the numbers of some thousand files. */
const longestMark = 1024 * 1024;

/**
 * Splits what comes back from a host into marks and the bytes between them, binary-safe: the nonce is random for every
 * connection, so that nothing on the host can hold it by chance or by intent.
 */
export class FrameParser {
  readonly #begins: Buffer[];
  readonly #emit: (token: Mark | Data) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(nonce: string, emit: (token: Mark | Data) => void) {
    this.#begins = [beginOf(nonce)];
    this.#emit = emit;
  }

  /** Marks of another connection count as well: those in the log of a stage that an earlier one started. */
  accept(nonce: string): void {
    const begin = beginOf(nonce);
    if (!this.#begins.some((known) => known.equals(begin))) this.#begins.push(begin);
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const { at, length } = this.#nextMark();
      if (at < 0) break;
      const end = this.#rest.indexOf(0x0a, at + length);
      this.#data(at);
      if (end < 0) {
        this.#rest = this.#rest.subarray(at);
        if (this.#rest.length > longestMark) throw new Error(`a mark of more than ${longestMark} bytes`);
        return;
      }
      const line = this.#rest.subarray(at + length, end).toString();
      this.#rest = this.#rest.subarray(end + 1);
      this.#emit({ kind: 'mark', fields: line.split(' ') });
    }
    const held = this.#possibleMark();
    this.#data(this.#rest.length - held);
    this.#rest = this.#rest.subarray(this.#rest.length - held);
  }

  #nextMark(): { readonly at: number; readonly length: number } {
    let first = { at: -1, length: 0 };
    for (const begin of this.#begins) {
      const at = this.#rest.indexOf(begin);
      if (at >= 0 && (first.at < 0 || at < first.at)) first = { at, length: begin.length };
    }
    return first;
  }

  #data(length: number): void {
    if (length > 0) this.#emit({ kind: 'data', bytes: this.#rest.subarray(0, length) });
  }

  /** How many bytes at the end may be the beginning of a mark, and so must wait for what follows. */
  #possibleMark(): number {
    const held = this.#begins.map((begin) => {
      for (let length = Math.min(this.#rest.length, begin.length - 1); length > 0; length--) {
        if (this.#rest.subarray(this.#rest.length - length).equals(begin.subarray(0, length))) return length;
      }
      return 0;
    });
    return Math.max(...held);
  }
}

function beginOf(nonce: string): Buffer {
  return Buffer.from(`\n${nonce} `);
}

/** A finished frame: what a command wrote, and its exit code. */
export interface Frame {
  readonly id: string;
  readonly body: Buffer;
  readonly status: number;
}
