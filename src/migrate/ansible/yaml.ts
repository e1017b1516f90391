import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  type YAMLMap,
} from 'yaml';
import { LabError, type SourceLocation } from '../../shared/errors.ts';
import { Template, textOrTemplate, type Value, Vaulted } from './values.ts';
import { jsonScalar, plainScalar } from './yaml-scalars.ts';

/** Aliases of aliases multiply: more nodes than any real inventory has are refused. */
const maximumNodes = 200_000;
const knownTags = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

export interface YamlEntry {
  readonly key: string;
  readonly node: Node | null;
  readonly at: SourceLocation;
}

/** A YAML or JSON file of Ansible. */
export class AnsibleYaml {
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #file: string;
  readonly #isJson: boolean;
  readonly #open = new Set<Node>();
  readonly #targets = new Map<Node, Node>();
  #nodes = 0;

  /** @throws LabError INVENTORY_INVALID when it is no YAML */
  constructor(text: string, file: string) {
    this.#file = file;
    this.#isJson = isJson(text);
    this.#document = parseDocument(text, {
      version: '1.1',
      schema: 'failsafe',
      uniqueKeys: false,
      merge: false,
      lineCounter: this.#lines,
      logLevel: 'silent',
    });
    const [error] = this.#document.errors;
    if (error === undefined) return;
    const at = this.#position(error.pos[0]);
    // The message of the library quotes the line, which may hold a password.
    const what = error.code.toLowerCase().replaceAll('_', ' ');
    throw new LabError('INVENTORY_INVALID', `this is no YAML: ${what}`, { at });
  }

  /** The top of the document; null when it is empty. */
  get root(): Node | null {
    const { contents } = this.#document;
    return contents === null || this.value(contents as Node) === null ? null : (contents as Node);
  }

  /** The entries of a mapping, those of `<<` first; undefined when it is none. Of a key that is there twice the last counts. */
  entries(node: Node | null): readonly YamlEntry[] | undefined {
    const target = this.#resolve(node);
    return isMap(target) ? this.#entries(target) : undefined;
  }

  /** @throws LabError INVENTORY_INVALID for a tag that is not known, and for aliases without end */
  value(node: Node | null, isUnsafe = false): Value {
    if (++this.#nodes > maximumNodes)
      throw new LabError('INVENTORY_INVALID', 'the document grows beyond measure', { at: { file: this.#file } });
    const target = this.#resolve(node);
    if (target === null) return null;
    const tag = target.tag ?? '';
    if (tag === '!vault' || tag === '!vault-encrypted') return new Vaulted(this.at(target));
    if (tag.startsWith('!') && tag !== '!unsafe' && tag !== '!') throw this.#unknownTag(target);
    const unsafe = isUnsafe || tag === '!unsafe';
    if (isScalar(target)) return this.#scalar(target, unsafe);
    return this.#inside(target, () => {
      if (isMap(target)) return this.#mapping(target, unsafe);
      return isSeq(target) ? target.items.map((item) => this.value(item as Node | null, unsafe)) : null;
    });
  }

  at(node: Node | null): SourceLocation {
    return node?.range === undefined || node.range === null ? { file: this.#file } : this.#position(node.range[0]);
  }

  #mapping(map: YAMLMap, unsafe: boolean): Value {
    const entries = this.#entries(map).map(({ key, node }): [string, Value] => [key, this.value(node, unsafe)]);
    const [first] = entries;
    // As ansible-inventory writes them into JSON.
    if (first?.[0] === '__ansible_vault') return new Vaulted(this.at(map));
    if (first?.[0] === '__ansible_unsafe') return this.value(this.#entries(map)[0]?.node ?? null, true);
    return Object.fromEntries(entries);
  }

  #entries(map: YAMLMap): YamlEntry[] {
    const merged: YamlEntry[] = [];
    const own: YamlEntry[] = [];
    for (const pair of map.items) {
      if (!isPair(pair)) continue;
      const key = this.#resolve(pair.key as Node | null);
      const node = pair.value as Node | null;
      if (isScalar(key) && key.type === Scalar.PLAIN && key.value === '<<') merged.push(...this.#merged(node));
      else own.push({ key: this.#key(key), node, at: this.at(key) });
    }
    return [...new Map([...merged, ...own].map((entry) => [entry.key, entry])).values()];
  }

  /** What `<<` takes over: a mapping, or a list of them of which the first counts. */
  #merged(node: Node | null): YamlEntry[] {
    const target = this.#resolve(node);
    const sources = isSeq(target) ? [...target.items].reverse() : [target];
    return sources.flatMap((source) => {
      const map = this.#resolve(source as Node | null);
      if (!isMap(map))
        throw new LabError('INVENTORY_INVALID', 'this cannot be merged', {
          at: this.at(node),
          expected: 'a mapping, or a list of them',
        });
      return this.#inside(map, () => this.#entries(map));
    });
  }

  /** As Ansible writes it into JSON: `on` is a boolean, and so `true`. */
  #key(node: Node | null): string {
    const value = isScalar(node) || node === null ? this.value(node) : undefined;
    if (value === undefined || value instanceof Vaulted || value === '__proto__')
      throw new LabError('INVENTORY_INVALID', 'this cannot be a key', { at: this.at(node), expected: 'text' });
    return value instanceof Template ? value.text : String(value);
  }

  #scalar(node: Scalar, unsafe: boolean): Value {
    const text = String(node.value);
    const { tag = '' } = node;
    if (tag.startsWith('tag:') && !knownTags.includes(tag)) throw this.#unknownTag(node);
    const isPlain = tag.startsWith('tag:') ? !tag.endsWith(':str') : node.type === Scalar.PLAIN && tag === '';
    if (!isPlain || tag === '!unsafe') return unsafe ? text : textOrTemplate(text, this.at(node));
    const value = this.#isJson ? jsonScalar(text) : plainScalar(text);
    return typeof value === 'string' && !unsafe ? textOrTemplate(value, this.at(node)) : value;
  }

  #resolve(node: Node | null): Node | null {
    if (!isAlias(node)) return node;
    // The library looks through the whole document each time.
    const target = this.#targets.get(node) ?? (node.resolve(this.#document) as Node | undefined);
    if (target !== undefined) {
      this.#targets.set(node, target);
      return target;
    }
    throw new LabError('INVENTORY_INVALID', `no anchor is called "&${node.source}"`, { at: this.at(node) });
  }

  #inside<Result>(node: Node, read: () => Result): Result {
    if (this.#open.has(node))
      throw new LabError('INVENTORY_INVALID', 'an alias points at what contains it', { at: this.at(node) });
    this.#open.add(node);
    try {
      return read();
    } finally {
      this.#open.delete(node);
    }
  }

  #unknownTag(node: Node): LabError {
    return new LabError('INVENTORY_INVALID', `the tag "${node.tag}" is not known`, {
      at: this.at(node),
      expected: '!vault or !unsafe',
    });
  }

  #position(offset: number): SourceLocation {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
