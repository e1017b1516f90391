import type { InventoryInput } from '../model/input.ts';
import { typeScriptString } from '../shared/typescript-string.ts';

/** What an inventory would have to hold to reproduce what is there: plain values, in the form that a person writes. */
export type Entries = Partial<Pick<InventoryInput, 'params' | 'networks' | 'hosts' | 'devices' | 'services' | 'flows'>>;

/** Something on a host that the model has no place for, or that a run will change. */
export interface Note {
  readonly host: string;
  /** Where it stands; null for what only runs. */
  readonly file: string | null;
  readonly line: number | null;
  /** As it stands there, without secrets. */
  readonly found: string;
  /** What is there for it instead, or what becomes of it. */
  readonly instead: string;
}

/** What taking over comes to: entries for the inventory, and what they do not hold. */
export interface Adoption {
  readonly entries: Entries;
  readonly notes: readonly Note[];
}

/** Lines to be put into `defineInventory({ … })`, or into a YAML inventory. Nothing for no entries. */
export async function formatEntries(entries: Entries, format: 'ts' | 'yaml'): Promise<string> {
  const sections = order.map((name) => [name, entries[name]] as const).filter(([, value]) => !isEmpty(value));
  if (sections.length === 0) return '';
  if (format === 'yaml') {
    const [{ Document }, { yamlText }] = await Promise.all([import('yaml'), import('../shared/yaml-text.ts')]);
    return yamlText(new Document(Object.fromEntries(sections)), { flowCollectionPadding: true });
  }
  return sections.map(([name, value]) => `${name}: ${literal(value, '')},\n`).join('');
}

/** As the documentation of the inventory has them. */
const order = ['params', 'networks', 'hosts', 'devices', 'services', 'flows'] as const;

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

const widest = 100;

/** A value as TypeScript: on one line where it fits. */
function literal(value: unknown, indent: string): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const short = flat(value);
  if (short.length + indent.length <= widest && depthOf(value) <= 2) return short;
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((item) => `${inner}${literal(item, inner)},\n`).join('')}${indent}]`;
  const lines = defined(value).map(([name, item]) => `${inner}${key(name)}: ${literal(item, inner)},\n`);
  return `{\n${lines.join('')}${indent}}`;
}

function flat(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(flat).join(', ')}]`;
  const items = defined(value).map(([name, item]) => `${key(name)}: ${flat(item)}`);
  return items.length === 0 ? '{}' : `{ ${items.join(', ')} }`;
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function defined(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => item !== undefined);
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return `'${typeScriptString(text, "'")}'`;
}
