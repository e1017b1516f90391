import { type Value, wholeNumber } from './values.ts';

/** Python refuses deeper ones too. */
const maximumDepth = 90;

/**
 * What `ast.literal_eval` of Python gives for a text: Ansible reads every value of an INI inventory with it. Tuples and
 * sets are lists, bytes are text, and keys of dictionaries are text as in JSON.
 *
 * Source: Python 3.11, Language Reference, 2.4 Literals; Library Reference, ast.literal_eval.
 *
 * @returns the text itself when it is no literal, as Ansible does
 */
export function pythonLiteral(text: string): Value {
  try {
    return new LiteralReader(text).read();
  } catch (thrown) {
    if (thrown instanceof NoLiteral) return text;
    throw thrown;
  }
}

class NoLiteral extends Error {}

const numbers = {
  based: /0(?:[xX](?:_?[0-9a-fA-F])+|[oO](?:_?[0-7])+|[bB](?:_?[01])+)/y,
  float: /(?:(?:\d(?:_?\d)*)?\.\d(?:_?\d)*|\d(?:_?\d)*\.)(?:[eE][+-]?\d(?:_?\d)*)?|\d(?:_?\d)*[eE][+-]?\d(?:_?\d)*/y,
  whole: /[1-9](?:_?\d)*|0(?:_?0)*/y,
};
const stringStart = /([rRuUbB]|[rR][bB]|[bB][rR])?('''|"""|'|")/y;
const simpleEscapes: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

class LiteralReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    if (text.includes('\0')) throw new NoLiteral();
    this.#text = text.replace(/^[ \t]+/, '');
  }

  read(): Value {
    const first = this.#value();
    if (this.#peek() !== ',') return this.#end(first);
    const items = [first];
    while (this.#take(',')) {
      if (this.#peek() === '') break;
      items.push(this.#value());
    }
    return this.#end(items);
  }

  #end(value: Value): Value {
    if (this.#peek() !== '') throw new NoLiteral();
    return value;
  }

  #value(): Value {
    if (++this.#depth > maximumDepth) throw new NoLiteral();
    const value = this.#unnested();
    this.#depth--;
    return value;
  }

  #unnested(): Value {
    const next = this.#peek();
    if (next === '(') return this.#parentheses();
    if (next === '[') return this.#items('[', ']').items;
    if (next === '{') return this.#braces();
    if (next === '+' || next === '-') {
      this.#at++;
      this.#peek();
      return this.#number(next === '-');
    }
    const word = this.#match(/(?:True|False|None)(?![\p{L}\p{N}_])/uy);
    if (word !== undefined) return word[0] === 'None' ? null : word[0] === 'True';
    return this.#strings() ?? this.#number(false);
  }

  #parentheses(): Value {
    const { items, isTuple } = this.#items('(', ')');
    const [only] = items;
    return items.length === 1 && !isTuple && only !== undefined ? only : items;
  }

  #items(open: string, close: string): { readonly items: Value[]; readonly isTuple: boolean } {
    this.#expect(open);
    const items: Value[] = [];
    let isTuple = false;
    while (this.#peek() !== close) {
      items.push(this.#value());
      if (!this.#take(',')) break;
      isTuple = true;
    }
    this.#expect(close);
    return { items, isTuple };
  }

  #braces(): Value {
    this.#expect('{');
    if (this.#take('}')) return {};
    const first = this.#value();
    if (this.#peek() !== ':') return this.#set(first);
    const entries: [string, Value][] = [];
    for (let key = first; ; key = this.#value()) {
      this.#expect(':');
      entries.push([keyText(key), this.#value()]);
      if (!this.#take(',') || this.#peek() === '}') break;
    }
    this.#expect('}');
    return Object.fromEntries(entries);
  }

  #set(first: Value): Value {
    const items = [first];
    while (this.#take(',') && this.#peek() !== '}') items.push(this.#value());
    this.#expect('}');
    return [...new Set(items)];
  }

  #number(isNegative: boolean): Value {
    const float = this.#match(numbers.float);
    const found = float ?? this.#match(numbers.based) ?? this.#match(numbers.whole);
    if (found === undefined || /[\p{L}\p{N}_]/u.test(this.#text.slice(this.#at, this.#at + 1))) throw new NoLiteral();
    const digits = found[0].replaceAll('_', '');
    if (float === undefined) return wholeNumber(isNegative ? -BigInt(digits) : BigInt(digits));
    const number = Number(digits);
    if (!Number.isFinite(number)) throw new NoLiteral();
    return isNegative ? -number : number;
  }

  /** Strings that stand beside each other are one. */
  #strings(): string | undefined {
    let whole: string | undefined;
    for (;;) {
      this.#peek();
      const start = this.#match(stringStart);
      if (start === undefined) return whole;
      whole = (whole ?? '') + this.#string((start[1] ?? '').toLowerCase(), start[2] ?? '');
    }
  }

  #string(prefix: string, quote: string): string {
    let text = '';
    while (!this.#text.startsWith(quote, this.#at)) {
      const character = this.#text[this.#at];
      if (character === undefined || (character === '\n' && quote.length === 1)) throw new NoLiteral();
      if (character !== '\\') {
        text += character;
        this.#at++;
      } else if (prefix.includes('r')) {
        text += this.#text.slice(this.#at, this.#at + 2);
        this.#at += 2;
      } else text += this.#escape(prefix.includes('b'));
    }
    this.#at += quote.length;
    return text;
  }

  #escape(isBytes: boolean): string {
    this.#at++;
    const code = this.#match(/[0-7]{1,3}/y) ?? this.#match(isBytes ? /x[0-9a-fA-F]{2}/y : hexadecimalEscape);
    if (code !== undefined) {
      const point = /^[xuU]/.test(code[0]) ? Number.parseInt(code[0].slice(1), 16) : Number.parseInt(code[0], 8);
      if (point > 0x10ffff) throw new NoLiteral();
      return String.fromCodePoint(point);
    }
    const character = this.#text[this.#at++] ?? '';
    // An escape that is cut short, and names of characters (\N{…}), which only Python knows.
    if (character === '' || character === 'x' || (!isBytes && /[uUN]/.test(character))) throw new NoLiteral();
    return simpleEscapes[character] ?? `\\${character}`;
  }

  /** The next character that means something; empty at the end and before a comment. */
  #peek(): string {
    this.#match(/[ \t\f]+/y);
    const next = this.#text[this.#at] ?? '';
    return next === '#' ? '' : next;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw new NoLiteral();
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }
}

const hexadecimalEscape = /x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}/y;

/** As Python writes the keys of a dictionary into JSON. */
function keyText(key: Value): string {
  if (typeof key === 'object' && key !== null) throw new NoLiteral();
  return String(key);
}
