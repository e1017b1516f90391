import { formatPath } from '../shared/errors.ts';
import type { ConnectionInput, InventoryInput, RoleParamsInput } from './input.ts';
import type { DocumentPath, Locate } from './problems.ts';
import type { Provenance } from './types.ts';

/** A place where values for a host are declared. Later layers win. */
export interface Layer {
  readonly level: Provenance['level'];
  readonly name: string;
  readonly path: DocumentPath;
  readonly ssh: ConnectionInput | undefined;
  readonly params: RoleParamsInput | undefined;
}

/** The groups of a host: those it names, then those that contain them, nearest first. */
export function groupsOf(input: InventoryInput, host: string): string[] {
  const groups = input.groups ?? {};
  const found = new Set((input.hosts[host]?.groups ?? []).filter((name) => Object.hasOwn(groups, name)));
  for (const name of found) {
    for (const [parent, { children }] of Object.entries(groups)) if (children?.includes(name)) found.add(parent);
  }
  return [...found];
}

/** All, then the host's groups from the outermost inwards (in the order of the file where equal), then the host itself. */
export function layersOf(input: InventoryInput, host: string): Layer[] {
  const groups = input.groups ?? {};
  const order = Object.keys(groups);
  const members = groupsOf(input, host).sort(
    (a, b) => depthOf(groups, a) - depthOf(groups, b) || order.indexOf(a) - order.indexOf(b),
  );
  return [
    { level: 'all', name: 'all', path: [], ssh: input.ssh, params: input.params },
    ...members.map(
      (name): Layer => ({
        level: 'group',
        name,
        path: ['groups', name],
        ssh: groups[name]?.ssh,
        params: groups[name]?.params,
      }),
    ),
    {
      level: 'host',
      name: host,
      path: ['hosts', host],
      ssh: input.hosts[host]?.ssh,
      params: input.hosts[host]?.params,
    },
  ];
}

/** How many groups are around a group on the longest way; a cycle (reported elsewhere) counts once. */
function depthOf(groups: NonNullable<InventoryInput['groups']>, name: string, below: readonly string[] = []): number {
  const parents = Object.keys(groups).filter(
    (parent) => groups[parent]?.children?.includes(name) && !below.includes(parent) && parent !== name,
  );
  return Math.max(0, ...parents.map((parent) => 1 + depthOf(groups, parent, [...below, name])));
}

type PlainObject = Readonly<Record<string, unknown>>;

/** Object literals merge; lists, secrets and whatever else has a class are values. */
export function isPlainObject(value: unknown): value is PlainObject {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/**
 * Merges one part (`params` or `ssh`) of all layers: objects deeply, anything else by replacement, `undefined` ignored.
 * `provenance` says for each leaf of the result which layer gave it.
 */
export function mergeLayers(
  layers: readonly Layer[],
  part: 'params' | 'ssh',
  locate: Locate,
): { readonly value: PlainObject; readonly provenance: ReadonlyMap<string, Provenance> } {
  const provenance = new Map<string, Provenance>();
  let merged: unknown = {};
  for (const layer of layers) {
    const declared = (at: DocumentPath): Provenance => {
      const path = [...layer.path, part, ...at];
      return { level: layer.level, name: layer.name, path, at: locate(path) };
    };
    merged = merge(merged, layer[part] ?? {}, [], provenance, declared);
  }
  return { value: merged as PlainObject, provenance };
}

function merge(
  below: unknown,
  above: unknown,
  path: readonly string[],
  provenance: Map<string, Provenance>,
  declared: (path: DocumentPath) => Provenance,
): unknown {
  if (isPlainObject(above)) {
    const base = isPlainObject(below) ? below : {};
    if (!isPlainObject(below)) forget(provenance, path);
    const entries = Object.entries(above).filter(([, value]) => value !== undefined);
    if (entries.length === 0 && Object.keys(base).length === 0 && path.length > 0)
      provenance.set(formatPath(path), declared(path));
    else provenance.delete(formatPath(path));
    const merged = entries.map(([key, value]): [string, unknown] => {
      const earlier = Object.hasOwn(base, key) ? base[key] : undefined;
      return [key, merge(earlier, value, [...path, key], provenance, declared)];
    });
    // fromEntries defines properties, so that a key "__proto__" stays data.
    return Object.fromEntries([...Object.entries(base), ...merged]);
  }
  forget(provenance, path);
  provenance.set(formatPath(path), declared(path));
  return above;
}

function forget(provenance: Map<string, Provenance>, path: readonly string[]): void {
  const prefix = formatPath(path);
  for (const key of provenance.keys()) if (key === prefix || key.startsWith(`${prefix}.`)) provenance.delete(key);
}
