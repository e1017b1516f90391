import { namePattern } from '../../model/schema.ts';
import { formatLocation, LabError } from '../../shared/errors.ts';
import type { Entity, InventoryData } from './inventory-data.ts';
import type { Notes } from './notes.ts';

/** Ansible's name → that in the inventory of lab. */
export interface Names {
  readonly hosts: ReadonlyMap<string, string>;
  readonly groups: ReadonlyMap<string, string>;
}

/** Names with a meaning of their own in patterns and flows of lab. */
const reserved = ['all', 'internet'];

/**
 * Names as lab takes them: one space for hosts and groups, letters, digits and "-_.". What is changed is noted.
 *
 * @throws LabError INVENTORY_INVALID when two would have the same name
 */
export function translateNames(data: InventoryData, notes: Notes): Names {
  const taken = new Map<string, Entity>();
  const translate = (kind: 'host' | 'group', entities: Iterable<Entity>): Map<string, string> =>
    new Map([...entities].map((entity) => [entity.name, take(kind, entity, taken, notes)]));
  const hosts = translate('host', data.hosts.values());
  const groups = translate(
    'group',
    [...data.groups.values()].filter(({ name }) => name !== 'all'),
  );
  return { hosts, groups };
}

function take(kind: 'host' | 'group', entity: Entity, taken: Map<string, Entity>, notes: Notes): string {
  const possible = acceptable(entity.name, kind);
  const isTaken = reserved.includes(possible) || (kind === 'group' && taken.has(possible));
  const name = isTaken ? acceptable(`${possible}-${kind}`, kind) : possible;
  const other = taken.get(name);
  if (other !== undefined)
    throw new LabError('INVENTORY_INVALID', `"${entity.name}" and "${other.name}" would both be called "${name}"`, {
      at: entity.at,
      expected: 'names that differ in their letters, digits, "-", "_" or "."',
      found: `the other one at ${formatLocation(other.at)}`,
      hint: 'rename one of them in a copy of the inventory, and import that',
    });
  taken.set(name, entity);
  if (name !== entity.name) notes.add('renamed', entity.at, entity.name, `is the ${kind} "${name}" now`);
  return name;
}

function acceptable(name: string, kind: 'host' | 'group'): string {
  if (namePattern.test(name)) return name;
  const letters = name.normalize('NFKD').replaceAll(/\p{M}/gu, '');
  const possible = trimmed(trimmed(letters.replaceAll(/[^A-Za-z0-9._-]+/g, '-')).slice(0, 63));
  if (namePattern.test(possible)) return possible;
  return trimmed(`${kind}-${possible}`.slice(0, 63));
}

function trimmed(text: string): string {
  return text.replace(/^[._-]+/, '').replace(/[._-]+$/, '');
}
