import { inspect } from 'node:util';

const redacted = '‹secret›';
const revealed = new WeakMap<Secret, string>();

/**
 * A value that shows itself nowhere: `String(…)`, template literals, `console.log`, `JSON.stringify` and YAML all give
 * `‹secret›`. Only `reveal` gives the value, and only code that writes it to a host's stdin calls that.
 *
 * @example
 * const password = new Secret('hunter2', 'nas.password');
 * `${password}`; // '‹secret›'
 */
export class Secret {
  /** What it is called in messages, e.g. the path in the secrets file. */
  readonly label: string;

  constructor(value: string, label = 'secret') {
    this.label = label;
    revealed.set(this, value);
    Object.freeze(this);
  }

  toString(): string {
    return redacted;
  }
  toJSON(): string {
    return redacted;
  }
  [Symbol.toPrimitive](): string {
    return redacted;
  }
  [inspect.custom](): string {
    return `Secret(${this.label})`;
  }
}

/** The value itself. Keep it out of argv, errors, logs and files that others can read. */
export function reveal(value: Secret | string): string {
  return value instanceof Secret ? (revealed.get(value) ?? '') : value;
}

/**
 * Replaces every occurrence of known secret values in text that comes back from a host. Values under four characters are
 * left alone: they would blank out half of every output.
 */
export class Redactor {
  readonly #values = new Set<string>();

  add(secret: Secret): void {
    const value = reveal(secret);
    for (const part of [value, ...value.split('\n')]) if (part.trim().length >= 4) this.#values.add(part);
  }

  redact(text: string): string {
    let result = text;
    for (const value of [...this.#values].sort((a, b) => b.length - a.length))
      result = result.replaceAll(value, redacted);
    return result;
  }

  /**
   * For text that comes in pieces, where a secret may begin in one and end in the next.
   *
   * @example
   * const pieces = redactor.inPieces();
   * print(pieces.push('hun'), pieces.push('ter2'), pieces.end());
   */
  inPieces(): { push(piece: string): string; end(): string } {
    let held = '';
    return {
      push: (piece) => {
        const text = held + piece;
        const cut = this.#settled(text);
        held = text.slice(cut);
        return this.redact(text.slice(0, cut));
      },
      end: () => {
        const rest = this.redact(held);
        held = '';
        return rest;
      },
    };
  }

  /** How much of a text no later piece can make part of a secret. */
  #settled(text: string): number {
    const values = [...this.#values];
    let cut = Math.min(text.length, ...values.map((value) => text.length - openLength(text, value)));
    // Nor may the cut go through a secret that is complete.
    for (let before = -1; before !== cut; ) {
      before = cut;
      for (const value of values) {
        const start = text.indexOf(value, Math.max(0, cut - value.length + 1));
        if (start >= 0 && start < cut) cut = start;
      }
    }
    return cut;
  }
}

/** Length of the longest end of a text with which a value begins, without being the whole value. */
function openLength(text: string, value: string): number {
  let length = Math.min(text.length, value.length - 1);
  while (length > 0 && !text.endsWith(value.slice(0, length))) length--;
  return length;
}
