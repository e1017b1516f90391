import { basename } from 'node:path';
import type { HostPattern } from '../model/define-inventory.ts';
import { selectHosts } from '../model/select-hosts.ts';
import type { Inventory } from '../model/types.ts';
import { callSite } from '../shared/call-site.ts';
import { LabError, type LabErrorDetails, type SourceLocation } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import type { Play, Playbook, Role, RoleUse } from './contract.ts';
import { isRole } from './define-role.ts';
import { locateText } from './locate-text.ts';

const definedPlaybooks = new WeakSet<object>();

/** What a user writes; `HostName` and the like are known from the inventory's type. */
export interface PlaybookInput<I extends Inventory = Inventory> {
  /** Default: the file's name without its ending. */
  readonly name?: string;
  readonly inventory: I;
  /** In the order in which they run on a host. */
  readonly plays: readonly PlayInput<NoInfer<I>>[];
  /**
   * What a host does with the rest of its plan when the controller is gone (a lost connection, a closed laptop): `finish` it
   * (default), `stop` after the step under way, or `revert` what the run has changed.
   */
  readonly onDisconnect?: Playbook['onDisconnect'];
  /** How many runs a host's journal keeps; default 50. */
  readonly keepRuns?: number;
}

export interface PlayInput<I extends Inventory = Inventory> {
  readonly name: string;
  /** Hosts, groups, `all`, or patterns of them: `['home', '!nas']`. */
  readonly hosts: HostPattern<I> | readonly HostPattern<I>[];
  /** A role as it is, or called with parameters: `[base, motd({ text: 'hello' })]`. */
  readonly roles?: readonly (AnyRole | RoleUse)[];
  /** Resources declared in the play itself, after those of its roles. */
  readonly resources?: Play['resources'];
  /** For `--tags` and `--skip-tags`: they stand for everything in the play. */
  readonly tags?: readonly string[];
  /** How many hosts at a time; default all. */
  readonly serial?: number;
  /** How many hosts may fail before the play stops; default no limit. */
  readonly maxFail?: number;
}

/** A role whatever its parameters. */
export type AnyRole = Pick<Role, 'roleName'> & { readonly definition: { readonly name: string } };

/**
 * Defines a playbook: which hosts get which roles. The hosts of a play are checked against the inventory by the compiler
 * and again here.
 *
 * @throws LabError PLAYBOOK_INVALID with all mistakes at once, each with file and line
 * @example
 * export default definePlaybook({
 *   inventory,
 *   plays: [
 *     { name: 'every host', hosts: 'all', roles: [base({ timezone: 'Europe/Berlin' })] },
 *     { name: 'storage', hosts: ['storage', '!vps'], roles: [samba], tags: ['files'] },
 *   ],
 * });
 */
export function definePlaybook<I extends Inventory>(input: PlaybookInput<I>): Playbook {
  const at = callSite(definePlaybook);
  const checker = new Checker(at);
  const inventory = checker.inventory(input);
  const plays = checker.list(input?.plays, 'plays').map((play, index) => checkPlay(checker, play, index, inventory));
  const reactions = ['finish', 'stop', 'revert'];
  if (input?.onDisconnect !== undefined && !reactions.includes(input.onDisconnect))
    checker.wrong('onDisconnect is one of three', ['onDisconnect'], reactions.join(', '), input.onDisconnect);
  checker.count(input?.keepRuns, ['keepRuns'], 1, 'runs');
  checker.finish();
  const name = input.name ?? basename(at?.file ?? 'playbook').replace(/\.[cm]?[jt]s$/, '');
  const { onDisconnect, keepRuns } = input;
  const playbook: Playbook = { kind: 'playbook', name, inventory: input.inventory, plays, onDisconnect, keepRuns, at };
  definedPlaybooks.add(playbook);
  return playbook;
}

/** Whether a value was made by `definePlaybook` of the running package. */
export function isPlaybook(value: unknown): value is Playbook {
  return typeof value === 'object' && value !== null && definedPlaybooks.has(value);
}

const playKeys = ['name', 'hosts', 'roles', 'resources', 'tags', 'serial', 'maxFail'];

function checkPlay(checker: Checker, play: unknown, index: number, inventory: Inventory | undefined): Play {
  const path = ['plays', index];
  const given = (typeof play === 'object' && play !== null ? play : {}) as Partial<PlayInput>;
  if (given !== play) checker.wrong('a play is an object', path, 'an object with name and hosts', play);
  for (const key of Object.keys(given).filter((key) => !playKeys.includes(key))) {
    checker.problem(`a play has no "${key}"`, { path: [...path, key], hint: suggestion(key, playKeys) }, key);
  }
  if (typeof given.name !== 'string' || given.name === '') {
    checker.wrong('a play needs a name', [...path, 'name'], 'a text', given.name);
  }
  const hosts = [given.hosts].flat();
  if (hosts.length === 0 || !hosts.every((pattern) => typeof pattern === 'string' && pattern !== '')) {
    checker.wrong('a play needs hosts', [...path, 'hosts'], 'a host, a group, "all", or a list of them', given.hosts);
  } else if (inventory !== undefined) {
    checker.hosts(inventory, hosts as string[], [...path, 'hosts']);
  }
  if (given.resources !== undefined && typeof given.resources !== 'function') {
    const expected = 'a function that returns resources: (context) => [ … ]';
    checker.wrong('the resources of a play are no function', [...path, 'resources'], expected, given.resources);
  }
  checker.count(given.serial, [...path, 'serial'], 1);
  checker.count(given.maxFail, [...path, 'maxFail'], 0);
  const at = (typeof given.name === 'string' ? checker.locate(given.name) : undefined) ?? checker.at;
  return {
    name: String(given.name),
    hosts: hosts as string[],
    roles: checker.list(given.roles ?? [], 'roles', path).flatMap((role, position) => {
      if (isRole(role)) return [{ kind: 'role', role: role.definition as RoleUse['role'], params: {}, at }];
      if ((role as RoleUse | null)?.kind === 'role') return [role as RoleUse];
      checker.wrong('this is no role', [...path, 'roles', position], 'a role made by defineRole', role);
      return [];
    }),
    resources: given.resources,
    tags: checker.list(given.tags ?? [], 'tags', path).map((tag, position) => {
      if (typeof tag !== 'string') checker.wrong('a tag is a text', [...path, 'tags', position], 'a text', tag);
      return String(tag);
    }),
    serial: given.serial,
    maxFail: given.maxFail,
    at,
  };
}

/** Collects the mistakes of one playbook, so that all are told at once. */
class Checker {
  readonly at: SourceLocation | undefined;
  readonly #errors: LabError[] = [];

  constructor(at: SourceLocation | undefined) {
    this.at = at;
  }

  /** Where a name stands in the playbook, after the beginning of the call. */
  locate(text: string): SourceLocation | undefined {
    return this.at && locateText(this.at, text);
  }

  problem(message: string, details: LabErrorDetails, text?: string): void {
    const at = (text === undefined ? undefined : this.locate(text)) ?? this.at;
    this.#errors.push(new LabError('PLAYBOOK_INVALID', message, { at, ...details }));
  }

  wrong(message: string, path: readonly (string | number)[], expected: string, found: unknown): void {
    this.problem(message, { path, expected, found: describe(found) }, typeof found === 'string' ? found : undefined);
  }

  inventory(input: PlaybookInput | undefined): Inventory | undefined {
    const inventory = input?.inventory;
    if (inventory?.hosts instanceof Map && inventory.groups instanceof Map) return inventory;
    const isPromise = typeof (inventory as { then?: unknown } | undefined)?.then === 'function';
    const expected = isPromise ? 'await loadInventory(…)' : 'what defineInventory or loadInventory gives';
    this.wrong('the playbook has no inventory', ['inventory'], expected, inventory);
    return undefined;
  }

  list(value: unknown, key: string, path: readonly (string | number)[] = []): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.wrong(`${key} is no list`, [...path, key], 'a list', value);
    return [];
  }

  hosts(inventory: Inventory, patterns: readonly string[], path: readonly (string | number)[]): void {
    try {
      selectHosts(inventory, patterns);
    } catch (thrown) {
      if (!(thrown instanceof LabError)) throw thrown;
      for (const { message, details } of [thrown, ...(thrown.details.others ?? [])]) {
        const { expected, found, hint } = details;
        this.problem(
          message,
          { path, expected, found, hint },
          patterns.find((pattern) => pattern.includes(found ?? '')),
        );
      }
    }
  }

  count(value: unknown, path: readonly (string | number)[], least: number, what = 'hosts'): void {
    if (value === undefined || (Number.isInteger(value) && (value as number) >= least)) return;
    this.wrong(`${path.at(-1)} is a count of ${what}`, path, `a whole number from ${least}`, value);
  }

  finish(): void {
    const [first, ...others] = this.#errors;
    if (first !== undefined) throw first.with({ others });
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return `the function ${value.name}`;
  if (value instanceof Map) return 'a Map';
  if (value instanceof Promise) return 'a promise';
  return JSON.stringify(value)?.slice(0, 80) ?? String(value);
}
