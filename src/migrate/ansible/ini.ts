import { LabError, type SourceLocation } from '../../shared/errors.ts';
import { BadHostPattern, readHostPattern } from './host-pattern.ts';
import type { AnsibleGroup, InventoryData } from './inventory-data.ts';
import { pythonLiteral } from './python-literal.ts';
import { markTemplates, type Variable } from './values.ts';
import { splitWords, UnfinishedWord } from './words.ts';

/**
 * Reads an inventory in Ansible's INI format. Values of hosts and of `:vars` alike are Python literals where they can be,
 * whatever its documentation says of `:vars`: this is what Ansible does.
 *
 * Source: Ansible documentation, ansible.builtin.ini inventory; seen with ansible-core 2.14.
 *
 * @throws LabError INVENTORY_INVALID
 */
export function readIni(text: string, file: string, data: InventoryData): void {
  const reader = new IniReader(file, data);
  for (const [index, line] of text.split(lineEnd).entries()) reader.line(line.trim(), index + 1);
  reader.end();
}

/** Where Python's `splitlines` ends a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they end lines in Python
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const section = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/;
const childName = /^([^:\]\s]+)\s*(?:#.*)?$/;
const kinds = ['hosts', 'children', 'vars'] as const;

class IniReader {
  readonly #file: string;
  readonly #data: InventoryData;
  /** Named as a child, or given variables, before their own section. */
  readonly #awaited = new Map<string, SourceLocation>();
  readonly #edges: { readonly parent: AnsibleGroup; readonly child: string; readonly at: SourceLocation }[] = [];
  #group: AnsibleGroup;
  #kind: (typeof kinds)[number] = 'hosts';

  constructor(file: string, data: InventoryData) {
    this.#file = file;
    this.#data = data;
    this.#group = data.addGroup('ungrouped', { file });
  }

  line(text: string, line: number): void {
    const at = { file: this.#file, line };
    if (text === '' || text.startsWith('#') || text.startsWith(';')) return;
    const header = section.exec(text);
    if (header !== null) this.#section(header[1] ?? '', header[2] ?? 'hosts', at);
    else if (text.startsWith('[') && text.endsWith(']'))
      throw problem('this is no section', at, '[group], [group:vars] or [group:children], without spaces', text);
    else if (this.#kind === 'hosts') this.#host(text, at);
    else if (this.#kind === 'vars') this.#variable(text, at);
    else this.#child(text, at);
  }

  /** Groups may be used before their section comes, and have to have one by now. */
  end(): void {
    for (const [name, at] of this.#awaited)
      throw problem(`no group is called "${name}"`, at, `a section [${name}], which may be empty`);
    for (const { parent, child, at } of this.#edges) this.#data.addChild(parent, this.#data.addGroup(child, at), at);
  }

  #section(name: string, kind: string, at: SourceLocation): void {
    const known = kinds.find((candidate) => candidate === kind);
    if (known === undefined)
      throw problem(
        `the section [${name}:${kind}] is of an unknown kind`,
        at,
        `[${name}], [${name}:vars] or [${name}:children]`,
      );
    if (known === 'vars' && !this.#data.groups.has(name)) this.#awaited.set(name, at);
    if (known !== 'vars') this.#awaited.delete(name);
    this.#group = this.#data.addGroup(name, at);
    this.#kind = known;
  }

  #host(text: string, at: SourceLocation): void {
    const [pattern = '', ...assignments] = wordsOf(text, at);
    const { names, port } = patternOf(pattern, at);
    const variables = assignments.map((word): [string, Variable] => {
      const [key, value] = halves(word);
      if (value === undefined) throw problem('this is no variable of a host', at, 'key=value', shown(word, text));
      return [key, variable(value, at)];
    });
    for (const name of names) {
      this.#data.addHost(name, this.#group, at, port);
      for (const [key, value] of variables) this.#data.setVariable(name, key, value);
    }
  }

  #variable(text: string, at: SourceLocation): void {
    const [key, value] = halves(text);
    if (value === undefined) throw problem('this is no variable', at, 'key = value', shown(text, text));
    this.#data.setVariable(this.#group.name, key.trim(), variable(value.trim(), at));
  }

  #child(text: string, at: SourceLocation): void {
    const child = childName.exec(text)?.[1];
    if (child === undefined) throw problem('this is no name of a group', at, 'one group in each line', text);
    if (!this.#data.groups.has(child)) this.#awaited.set(child, at);
    this.#edges.push({ parent: this.#group, child, at });
  }
}

/** Nothing of a line that may hold a secret. */
function shown(part: string, line: string): string | undefined {
  return /pass|secret|token|key/i.test(line) ? undefined : part;
}

function variable(text: string, at: SourceLocation): Variable {
  return { value: markTemplates(pythonLiteral(text), at), at };
}

function halves(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function wordsOf(text: string, at: SourceLocation): string[] {
  try {
    return splitWords(text, { comments: true });
  } catch (thrown) {
    // The line may hold a password: it is not shown.
    if (thrown instanceof UnfinishedWord)
      throw problem(`this line does not end: ${thrown.message}`, at, 'matching quotes');
    throw thrown;
  }
}

/** @throws LabError INVENTORY_INVALID, with the place of the pattern */
export function patternOf(pattern: string, at: SourceLocation): ReturnType<typeof readHostPattern> {
  try {
    const found = readHostPattern(pattern);
    if (found.names.some((name) => name.trim() === '---'))
      throw problem('this is YAML in a file that is read as INI', at, 'a name that ends in .yml, or INI', pattern);
    return found;
  } catch (thrown) {
    if (thrown instanceof BadHostPattern)
      throw problem(
        `this pattern of hosts cannot be read: ${thrown.message}`,
        at,
        'such as web[01:10].example.com or db-[a:f]',
        pattern,
      );
    throw thrown;
  }
}

function problem(message: string, at: SourceLocation, expected: string, found?: string): LabError {
  return new LabError('INVENTORY_INVALID', message, { at, expected, found });
}
