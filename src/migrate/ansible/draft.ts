import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { InventoryInput } from '../../model/input.ts';
import { layersOf, mergeLayers } from '../../model/layers.ts';
import { SecretReference } from '../../model/yaml-document.ts';
import { type ConnectionFields, connectionFields } from './connection.ts';
import type { Names } from './names.ts';
import { Notes } from './notes.ts';
import { type Plain, parametersOf } from './parameters.ts';
import {
  type AnsibleInventory,
  effectiveFor,
  type OwnedVariable,
  type OwnedVariables,
  visibleIn,
} from './precedence.ts';
import { fillIn } from './templates.ts';
import type { Value } from './values.ts';

type Settings = Record<string, Plain>;
type PartName = 'ssh' | 'params';

/** What a group or host says: `ssh`, and the parameters of one role. */
interface Part {
  readonly ssh: Settings;
  readonly params: Settings;
}

export interface DraftGroup extends Part {
  readonly children: readonly string[];
}

export interface DraftHost extends Part {
  readonly groups: readonly string[];
  readonly address: string | undefined;
}

/** An inventory of lab before it is written; secrets are references. */
export interface Draft extends Part {
  readonly groups: ReadonlyMap<string, DraftGroup>;
  readonly hosts: ReadonlyMap<string, DraftHost>;
}

interface Target extends Part {
  readonly name: string;
  readonly original: string;
  readonly address: string | undefined;
}

/**
 * Translates an inventory of Ansible. Values stay where they were declared, as far as that comes to the same for every host:
 * each host says itself what would be different, and what cannot be said like that is written at every host.
 */
export class Drafting {
  readonly #inventory: AnsibleInventory;
  readonly #names: Names;
  readonly #notes: Notes;
  readonly #effective: ReadonlyMap<string, OwnedVariables>;

  constructor(inventory: AnsibleInventory, names: Names, notes: Notes) {
    this.#inventory = inventory;
    this.#names = names;
    this.#notes = notes;
    const hosts = [...inventory.data.hosts.keys()];
    this.#effective = new Map(hosts.map((host) => [host, effectiveFor(inventory, host)]));
  }

  draft(): Draft {
    const targets = [...this.#effective].flatMap(([host, variables]) => this.#target(host, variables) ?? []);
    const layers = this.#layers(targets);
    const conflicts = { ssh: new Set<string>(), params: new Set<string>() };
    for (const part of ['ssh', 'params'] as const) {
      for (const target of targets) for (const key of this.#conflicts(part, target, layers)) conflicts[part].add(key);
      for (const { [part]: settings } of [layers, ...layers.groups.values()])
        for (const key of conflicts[part]) delete settings[key];
      for (const key of conflicts[part])
        this.#notes.add(
          'changed',
          undefined,
          key,
          'stands at each host now: groups would come to something else than in Ansible',
        );
    }
    return { ...layers, hosts: new Map(targets.map((target) => [target.name, this.#host(target, layers)])) };
  }

  /** What has to come out for a host; undefined when lab cannot manage it. */
  #target(original: string, variables: OwnedVariables): Target | undefined {
    const { ssh, address, unsupported } = this.#connection(variables, this.#notes, original);
    if (unsupported !== undefined) {
      const why = `lab cannot connect by "${unsupported.found}"; what only has to be known can be a device`;
      this.#notes.add('left out', unsupported.at, `host ${original}`, why);
      return undefined;
    }
    const params = this.#parameters(variables);
    const isLocal = ssh.transport === 'local';
    const given = variables.get('ansible_ssh_host') ?? variables.get('ansible_host');
    if (address === undefined && !isLocal && given !== undefined && given.value !== null && given.value !== '')
      this.#notes.add('changed', given.at, `host ${original}`, 'its name is dialled, as its address was left out');
    return {
      name: this.#nameOf(original),
      original,
      ssh: ssh as Settings,
      params,
      address: isLocal ? undefined : (address ?? original),
    };
  }

  /** Everything but hosts. Their groups are there already, so that layers can be merged for them. */
  #layers(targets: readonly Target[]): Draft {
    const { data } = this.#inventory;
    const parts = new Map([...data.groups.values()].map((group) => [group.name, this.#groupPart(group.name)]));
    const isKept = (name: string): boolean => {
      const part = parts.get(name);
      const isUsed = part !== undefined && Object.keys({ ...part.ssh, ...part.params }).length > 0;
      return name !== 'all' && (name !== 'ungrouped' || isUsed);
    };
    const groups = [...data.groups.values()].filter(({ name }) => isKept(name));
    const all = parts.get('all') ?? { ssh: {}, params: {} };
    return {
      ...all,
      groups: new Map(
        groups.map(({ name, children }) => [
          this.#groupName(name),
          {
            ...(parts.get(name) ?? all),
            children: [...children].filter(isKept).map((child) => this.#groupName(child)),
          },
        ]),
      ),
      hosts: new Map(
        targets.map(({ name, original, address }) => [
          name,
          {
            groups: groups
              .filter((group) => data.isMember(original, group))
              .map((group) => this.#groupName(group.name)),
            address,
            ssh: {},
            params: {},
          },
        ]),
      ),
    };
  }

  #groupPart(name: string): Part {
    const group = this.#inventory.data.groups.get(name);
    if (group === undefined) return { ssh: {}, params: {} };
    const { around, all } = visibleIn(this.#inventory, group);
    // What cannot be known for a group may be known for its hosts: they tell.
    const quiet = new Notes();
    const inherited = this.#connection(around, quiet).ssh;
    const own = this.#connection(all, quiet).ssh;
    const declared = new Map([...all].filter(([, { owner }]) => owner.kind === 'group' && owner.name === name));
    return {
      ssh: ownOf('ssh', own as Settings, inherited as Settings),
      params: this.#parameters(declared),
    };
  }

  /** Settings that the layers give to a host, and that it cannot take back by saying something itself. */
  #conflicts(part: PartName, target: Target, layers: Draft): string[] {
    const inherited = merged(part, target.name, layers);
    const said = merged(
      part,
      target.name,
      withHost(layers, target.name, { [part]: ownOf(part, target[part], inherited) }),
    );
    return Object.keys(said).filter((key) => isDifferent(part, key, target[part], said));
  }

  #host({ name, ssh, params }: Target, layers: Draft): DraftHost {
    const host = layers.hosts.get(name) as DraftHost;
    return {
      ...host,
      ssh: ownOf('ssh', ssh, merged('ssh', name, layers)),
      params: ownOf('params', params, merged('params', name, layers)),
    };
  }

  #connection(variables: OwnedVariables, notes: Notes, host?: string): ConnectionFields {
    return connectionFields({
      variables,
      notes,
      fillIn: (template) =>
        host === undefined ? undefined : fillIn(template, (name) => this.#lookup(variables, host, name)),
      secretPath: (variable, field) => this.#secretPath(variable, field),
      jumpName: (jump) => this.#jumpName(jump),
    });
  }

  #lookup(variables: OwnedVariables, host: string, name: string): Value | undefined {
    if (name === 'inventory_hostname') return host;
    if (name === 'inventory_hostname_short') return host.split('.')[0];
    const file = this.#inventory.data.hosts.get(host)?.at.file;
    if (name === 'inventory_dir' && file !== undefined) return dirname(resolve(file));
    return variables.get(name)?.value;
  }

  #parameters(variables: OwnedVariables): Settings {
    return parametersOf(variables, {
      notes: this.#notes,
      secretPath: (variable, field) => this.#secretPath(variable, field),
    });
  }

  #secretPath({ owner }: OwnedVariable, field: string): string {
    const name = owner.kind === 'host' ? this.#nameOf(owner.name) : this.#groupName(owner.name);
    return `${name}.${field}`;
  }

  #nameOf(host: string): string {
    return this.#names.hosts.get(host) ?? host;
  }

  #groupName(group: string): string {
    return this.#names.groups.get(group) ?? group;
  }

  /** A jump host that is a host of the inventory goes by its name, and is logged in to as that says. */
  #jumpName(jump: string): string {
    const [, user, address = '', port] = /^(?:([^@]*)@)?(.*?)(?::(\d+))?$/.exec(jump) ?? [];
    const host = [...this.#effective].find(([name, variables]) => {
      const value = (...names: string[]) =>
        names.map((each) => variables.get(each)?.value).find((each) => each !== undefined);
      if (name !== address && value('ansible_ssh_host', 'ansible_host') !== address) return false;
      const isUser = user === undefined || value('ansible_ssh_user', 'ansible_user') === user;
      return isUser && (port === undefined || String(value('ansible_ssh_port', 'ansible_port') ?? 22) === port);
    });
    return host === undefined ? jump : this.#nameOf(host[0]);
  }
}

function merged(part: PartName, host: string, draft: Draft): Settings {
  return mergeLayers(layersOf(asInput(draft), host), part, () => undefined).value as Settings;
}

/** The layers of the model, which knows parameters by role; here there is one role, so its name does not matter. */
function asInput({ ssh, params, groups, hosts }: Draft): InventoryInput {
  return {
    ssh,
    params,
    groups: Object.fromEntries(groups),
    hosts: Object.fromEntries(hosts),
  } as unknown as InventoryInput;
}

function withHost(draft: Draft, name: string, part: Partial<Part>): Draft {
  const host = { ...(draft.hosts.get(name) as DraftHost), ...part };
  return { ...draft, hosts: new Map([[name, host]]) };
}

/** What a host or group has to say itself. */
function ownOf(part: PartName, wanted: Settings, inherited: Settings): Settings {
  return Object.fromEntries(Object.entries(wanted).filter(([key]) => isDifferent(part, key, wanted, inherited)));
}

function isDifferent(part: PartName, key: string, wanted: Settings, found: Settings): boolean {
  const [a, b] = [wanted, found].map(({ [key]: value }) =>
    part === 'ssh' && isDefault(key, value, wanted.user) ? undefined : value,
  );
  return !isDeepStrictEqual(a, b);
}

/** How it is when nobody says anything. */
function isDefault(key: string, value: Plain | undefined, user: Plain | undefined): boolean {
  if (key === 'transport') return value === 'ssh';
  if (key === 'become') return value === 'none' && user === 'root';
  return key === 'proxyJump' && isDeepStrictEqual(value, []);
}

/** Secrets that an inventory names, each path once, in the order of the document. */
export function secretsOf(draft: Draft): SecretReference[] {
  const found = new Map<string, SecretReference>();
  const collect = (value: Plain | undefined): void => {
    if (value instanceof SecretReference) found.set(value.path, found.get(value.path) ?? value);
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) collect(item);
  };
  for (const { ssh, params } of [draft, ...draft.groups.values(), ...draft.hosts.values()]) {
    collect(ssh);
    collect(params);
  }
  return [...found.values()];
}
