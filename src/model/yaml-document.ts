import {
  type Alias,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { SourceLocation } from '../shared/errors.ts';
import type { DocumentPath, Locate, Problem } from './problems.ts';
import { emptyAllowed } from './schema.ts';

/** A `!secret path` of a YAML document, before a resolver turns it into a Secret. */
export class SecretReference {
  readonly path: string;
  readonly at: SourceLocation;
  constructor(path: string, at: SourceLocation) {
    this.path = path;
    this.at = at;
  }
}

export interface YamlDocument {
  /** Plain data; a `!secret` is a SecretReference. */
  readonly value: unknown;
  /** Mistakes of notation: what the parser refuses, and scalars that do not mean what they look like. */
  readonly problems: readonly Problem[];
  readonly secrets: readonly SecretReference[];
  readonly locate: Locate;
}

/** Aliases of aliases multiply: more nodes than any real inventory has are refused. */
const maximumNodes = 100_000;

/** Reads YAML 1.2, remembering where each key stands. Throws nothing: mistakes are in `problems`. */
export function readYaml(text: string, file: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    merge: false,
    keepSourceTokens: true,
    logLevel: 'error',
    customTags: [secretTag],
  });
  const reader = new Reader(file, lines);
  const syntax = document.errors.map((error) => reader.syntaxProblem(error, text));
  if (syntax.length > 0) return { value: undefined, problems: syntax, secrets: [], locate: reader.locate };
  const value = document.contents === null ? undefined : reader.read(document.contents, []);
  return {
    value: reader.isTooLarge ? undefined : value,
    problems: reader.problems,
    secrets: reader.secrets,
    locate: reader.locate,
  };
}

const secretTag = { tag: '!secret', resolve: (path: string): string => path };

class Reader {
  readonly problems: Problem[] = [];
  readonly secrets: SecretReference[] = [];
  readonly #places = new Map<string, SourceLocation>();
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  readonly #file: string;
  readonly #lines: LineCounter;
  #nodes = 0;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  readonly locate: Locate = (path) => {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(JSON.stringify(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return { file: this.#file };
  };

  get isTooLarge(): boolean {
    return this.#nodes > maximumNodes;
  }

  read(node: Node | null, path: DocumentPath): unknown {
    if (++this.#nodes > maximumNodes) {
      if (this.#nodes === maximumNodes + 1)
        this.#problem('the document grows beyond measure through its aliases', path);
      return undefined;
    }
    if (node === null) return null;
    const target = isAlias(node) ? this.#resolve(node, path) : node;
    if (target === undefined) return undefined;
    if (!isAlias(node)) this.#register(node);
    if (isScalar(target)) return this.#scalar(target, path);
    if (this.#open.has(target)) return this.#problem('an alias points at what contains it', path);
    if (target.tag?.startsWith('!') === true) {
      return this.#problem(`the tag "${target.tag}" does not go here`, path, { expected: '!secret path' }, target);
    }
    this.#open.add(target);
    const value = isMap(target) ? this.#map(target, path) : isSeq(target) ? this.#list(target.items, path) : undefined;
    this.#open.delete(target);
    return value;
  }

  #list(items: readonly unknown[], path: DocumentPath): unknown[] {
    return items.map((item, index) => {
      const node = item as Node;
      this.#place([...path, index], node);
      return this.read(node, [...path, index]);
    });
  }

  #map(map: YAMLMap, path: DocumentPath): Record<string, unknown> {
    const entries = map.items.flatMap((pair): [string, unknown][] => {
      if (!isPair(pair)) return [];
      const keyNode = isAlias(pair.key) ? this.#resolve(pair.key, path) : (pair.key as Node | null);
      const key = this.#key(keyNode, path);
      if (key === undefined) return [];
      const at = [...path, key];
      this.#place(at, keyNode ?? map);
      const value = this.read(pair.value as Node | null, at);
      return [[key, value === null && mayBeEmpty(at) ? {} : value]];
    });
    return Object.fromEntries(entries);
  }

  #key(node: Node | null | undefined, path: DocumentPath): string | undefined {
    if (isScalar(node) && typeof node.value === 'string') {
      if (node.value !== '__proto__') return node.value;
      return this.#problem('"__proto__" cannot be a key', path, {}, node);
    }
    const found = isScalar(node) ? String(node.source ?? node.value) : 'a list or map';
    const hint = isScalar(node) ? `put it in quotes: "${found}"` : undefined;
    return this.#problem('this key is no text', path, { expected: 'text', found, hint }, node ?? undefined);
  }

  #scalar(node: Scalar, path: DocumentPath): unknown {
    if (node.tag === '!secret') return this.#secret(node, path);
    if (node.tag?.startsWith('!') === true) {
      return this.#problem(
        `the tag "${node.tag}" is not known`,
        path,
        { expected: '!secret path', found: node.tag },
        node,
      );
    }
    if (node.type === Scalar.PLAIN && node.tag === undefined) this.#checkPlain(node, path);
    return node.value;
  }

  #secret(node: Scalar, path: DocumentPath): SecretReference | undefined {
    const text = String(node.value);
    const at = this.#locationOf(node);
    if (text.trim() === '')
      return this.#problem('this secret has no path', path, { expected: '!secret path', found: '!secret' }, node);
    const reference = new SecretReference(text, at);
    this.secrets.push(reference);
    return reference;
  }

  /** What a person may have meant otherwise: numbers that lose digits, and words that YAML 1.1 reads as booleans. */
  #checkPlain(node: Scalar, path: DocumentPath): void {
    const source = node.source ?? '';
    if (typeof node.value === 'number' && String(node.value) !== source) {
      const found = `${source}, which reads as ${String(node.value)}`;
      const hint = `put it in quotes if it is text: "${source}"; else write ${String(node.value)}`;
      this.#problem(
        'this number is not what it looks like',
        path,
        { expected: 'a plain decimal number, or text in quotes', found, hint },
        node,
      );
    }
    if (typeof node.value === 'bigint')
      this.#problem('this number is too large', path, { hint: `put it in quotes: "${source}"` }, node);
    if (/^(y|yes|n|no|on|off)$/i.test(source)) {
      const meant = /^(y|yes|on)$/i.test(source);
      const hint = `write ${String(meant)}, or "${source}" in quotes if it is text`;
      this.#problem(
        'this word is text in YAML 1.2 and a boolean in YAML 1.1',
        path,
        { expected: 'true, false, or text in quotes', found: source, hint },
        node,
      );
    }
  }

  /** Anchors are resolved in the order of the document, as YAML defines them: a later one of the same name replaces it. */
  #resolve(alias: Alias, path: DocumentPath): Node | undefined {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      this.#problem(`no anchor is called "&${alias.source}"`, path, { found: `*${alias.source}` }, alias);
    return target;
  }

  #register(node: Node): void {
    if (!isAlias(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
  }

  #problem(
    message: string,
    path: DocumentPath,
    details: Omit<Problem, 'message' | 'path'> = {},
    node?: Node,
  ): undefined {
    this.problems.push({
      message,
      path,
      ...details,
      at: node === undefined ? this.locate(path) : this.#locationOf(node),
    });
  }

  #place(path: DocumentPath, node: Node): void {
    const key = JSON.stringify(path);
    if (!this.#places.has(key)) this.#places.set(key, this.#locationOf(node));
  }

  #locationOf(node: Node): SourceLocation {
    return this.#at(node.range?.[0] ?? 0);
  }

  #at(offset: number): SourceLocation {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  syntaxProblem(error: YAMLError, text: string): Problem {
    const at = this.#at(error.pos[0]);
    const line = text.split('\n')[(at.line ?? 1) - 1]?.trim() ?? '';
    const message = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? error.message;
    // The line may hold a password that somebody wrote in plain text.
    const found = /pass/i.test(line) ? undefined : line.slice(0, 80);
    if (error.code === 'DUPLICATE_KEY') {
      const key = /^["']?([^:"']+)/.exec(line)?.[1]?.trim() ?? line;
      return {
        message: `the key "${key}" is there twice`,
        path: [],
        at,
        found,
        hint: 'keep one: only the last would count',
      };
    }
    if (error.code === 'TAB_AS_INDENT')
      return { message: 'a tab indents this line', path: [], at, expected: 'spaces', hint: 'replace tabs by spaces' };
    if (error.code === 'MULTIPLE_DOCS')
      return {
        message: 'the file holds more than one document',
        path: [],
        at,
        expected: 'one',
        hint: 'take out the line "---"',
      };
    return { message: `this is no YAML: ${message}`, path: [], at, found };
  }
}

/** `home:` with nothing behind it, and sections without entries yet. */
function mayBeEmpty(path: DocumentPath): boolean {
  const [section, , ...deeper] = path;
  if (path.length === 1) return section !== 'flows' && section !== '$schema';
  return deeper.length === 0 && (emptyAllowed as readonly unknown[]).includes(section);
}
