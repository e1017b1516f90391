import { SecretReference } from '../../model/yaml-document.ts';
import { connectionVariables } from './connection.ts';
import type { Notes } from './notes.ts';
import type { OwnedVariable, OwnedVariables } from './precedence.ts';
import { isList, isMapping, Template, type Value, Vaulted } from './values.ts';

/** What an inventory of lab can hold as the value of a parameter. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | SecretReference
  | readonly Plain[]
  | { readonly [key: string]: Plain };

export interface ParameterContext {
  readonly notes: Notes;
  /** Path of a secret that belongs to the owner of a variable. */
  secretPath(variable: OwnedVariable, field: string): string;
}

/** What Ansible itself makes for every host. */
const magic = new Set(
  'inventory_hostname inventory_hostname_short inventory_file inventory_dir group_names groups hostvars playbook_dir omit'.split(
    ' ',
  ),
);
const secretName =
  /(?:^|[_-])(?:pass|psk|pin)$|(?:password|passwd|passphrase|secret|token|credentials?|(?:api|private|secret|access|auth|encryption|preshared|shared)[_-]?key)$/i;

/**
 * Variables that say nothing about the connection, as parameters. Encrypted values, and text whose name is that of a
 * secret, become references to secrets; a variable with a template in it is left out, and told.
 */
export function parametersOf(variables: OwnedVariables, context: ParameterContext): Readonly<Record<string, Plain>> {
  const found = [...variables].flatMap(([name, variable]): [string, Plain][] => {
    if (connectionVariables.has(name) || magic.has(name)) return [];
    if (name.startsWith('ansible_')) {
      context.notes.add('left out', variable.at, name, adviceOn(name));
      return [];
    }
    const value = plain(name, variable.value, (field) => context.secretPath(variable, field));
    if (value !== undefined) return [[name, value]];
    context.notes.add('left out', variable.at, name, 'a template: write its value in TypeScript');
    return [];
  });
  return Object.fromEntries(found);

  function plain(path: string, value: Value, secretPath: (field: string) => string): Plain | undefined {
    if (value instanceof Vaulted) return new SecretReference(secretPath(path), value.at);
    if (isSecret(path, value)) return new SecretReference(secretPath(path), atOf(path));
    if (value instanceof Template) return undefined;
    if (isList(value)) {
      const items = value.map((item, index) => plain(`${path}[${index}]`, item, secretPath));
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    if (!isMapping(value)) return value;
    const entries = Object.entries(value).map(
      ([key, item]) => [key, plain(`${path}.${key}`, item, secretPath)] as const,
    );
    return entries.every(([, item]) => item !== undefined)
      ? Object.fromEntries(entries as [string, Plain][])
      : undefined;
  }

  function atOf(path: string): OwnedVariable['at'] {
    const name = path.split(/[.[]/)[0] ?? path;
    return variables.get(name)?.at ?? { file: '' };
  }
}

/** Text that stands in clear, or in a template, where the name says that it is a secret. A path to one is none. */
function isSecret(path: string, value: Value): boolean {
  const text = value instanceof Template ? value.text : value;
  return typeof text === 'string' && text !== '' && !/^[/~]/.test(text) && secretName.test(path);
}

function adviceOn(name: string): string {
  if (/python|interpreter/.test(name)) return 'lab needs no Python on a host';
  if (name === 'ansible_group_priority') return 'it counts in the inventory itself only, for Ansible too';
  return 'lab has no place for it';
}
