import { z } from 'zod';
import type { Host, Inventory } from '../model/types.ts';
import type { Play, Playbook } from '../playbook/contract.ts';
import { defineRole } from '../playbook/define-role.ts';
import type { Facts } from '../remote/facts/contract.ts';
import type { Change, ResourceTree } from '../resources/contract.ts';
import { defineResource } from '../resources/define-resource.ts';
import { group } from '../resources/group.ts';
import { accountName } from '../resources/shared/schemas.ts';
import { user } from '../resources/user.ts';
import { LabError } from '../shared/errors.ts';
import { nearest } from '../shared/suggest.ts';
import { type Declaration, keeps } from './declared.ts';
import type { KeptEntry, KeptHost, Manifest } from './manifest.ts';
import { foldersAbove } from './path-pattern.ts';
import { type RestoredPart, restoredState } from './restored-state.ts';

/** What is put back on a host. */
export interface HostRestore {
  readonly parts: readonly RestoredPart[];
  /** Paths that no role of the host keeps any more, or that were left out. */
  readonly leftOut: readonly string[];
  readonly kept: KeptHost;
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/**
 * What a backup has of a host, by what its roles keep now: what none of them keeps is not put back.
 *
 * @throws LabError RESTORE_REFUSED when the backup does not have the host
 */
export function restoreOf(
  { name }: Host,
  manifest: Manifest,
  declarations: readonly Declaration[],
  contents: ReadonlyMap<string, Uint8Array>,
): HostRestore {
  const kept = manifest.hosts[name];
  if (kept === undefined) throw notInBackup(name, manifest);
  refuseDetours(kept);
  const placed = new Set<string>();
  const parts = declarations.map((declaration): RestoredPart => {
    const own = kept.state.filter(({ role }) => role === declaration.role).flatMap(({ entries }) => entries);
    const meant = own.filter(({ path, above }) => !above && !placed.has(path) && keeps(declaration, path));
    const above = own.filter((entry) => entry.above && !placed.has(entry.path) && isAbove(entry, meant));
    const entries = [...above, ...meant].sort((a, b) => (a.path < b.path ? -1 : 1));
    for (const { path } of entries) placed.add(path);
    return { declaration, entries };
  });
  const all = kept.state.flatMap(({ entries }) => entries.filter(({ above }) => !above).map(({ path }) => path));
  return {
    parts: parts.filter(({ entries }) => entries.length > 0),
    leftOut: all.filter((path) => !placed.has(path)),
    kept,
    contents,
  };
}

/** What is said to be below a link or a file would be written where the link leads. */
function refuseDetours({ state }: KeptHost): void {
  const entries = state.flatMap((part) => part.entries);
  const leaves = new Set(entries.filter(({ kind }) => kind !== 'directory').map(({ path }) => path));
  const below = entries.find(({ path }) => foldersAbove(path).some((folder) => leaves.has(folder)));
  if (below === undefined) return;
  throw new LabError('BACKUP_FILE', 'the backup was not made by lab: it has something below what is no folder', {
    found: below.path,
  });
}

function isAbove({ path }: KeptEntry, entries: readonly KeptEntry[]): boolean {
  return entries.some((entry) => entry.path.startsWith(`${path}/`));
}

function notInBackup(host: string, { hosts, missing, madeAt }: Manifest): LabError {
  const names = Object.keys(hosts);
  const near = nearest(host, names);
  return new LabError('USAGE', `the backup has no host "${host}"`, {
    expected: `one of ${names.join(', ')}`,
    found: missing[host] === undefined ? host : `${host} could not be read on ${madeAt}: ${missing[host]}`,
    hint: near === undefined ? 'look into an earlier backup: lab backup --list FILE' : `did you mean "${near}"?`,
  });
}

export interface RestoreOptions {
  readonly madeAt: string;
  readonly force: boolean;
  /** Hosts that were said to be new machines, with a host key that is not known. */
  readonly newMachines: ReadonlySet<string>;
}

/** A playbook that puts back what a backup has: accounts first, then everything as one. */
export function restorePlaybook(
  inventory: Inventory,
  hosts: ReadonlyMap<string, HostRestore>,
  { madeAt, force, newMachines }: RestoreOptions,
): { readonly playbook: Playbook; readonly play: Play } {
  const role = defineRole({
    name: 'restore',
    resources: ({ host }): ResourceTree => {
      const restore = hosts.get(host.name);
      if (restore === undefined) return [];
      const { parts, contents } = restore;
      return [
        accountsFor(restore),
        restoredState(
          { host: host.name, madeAt, parts: [...parts], contents, force, isNewMachine: newMachines.has(host.name) },
          { name: `state of ${host.name}` },
        ),
      ];
    },
  });
  const play: Play = { name: 'restore', hosts: [...hosts.keys()], roles: [role()], tags: [], at: undefined };
  // What it puts back belongs to the roles that keep it.
  const playbook: Playbook = {
    kind: 'playbook',
    name: 'restore',
    inventory,
    plays: [play],
    transient: true,
    at: undefined,
  };
  return { playbook, play };
}

/** Those who own something of it, as they were; a package that would have made them finds them there. */
function accountsFor({ kept, parts }: HostRestore): ResourceTree {
  const entries = parts.flatMap(({ entries }) => entries);
  const owners = new Set(entries.map((entry) => entry.owner));
  const users = kept.users.filter(({ name }) => owners.has(name));
  const groups = new Set([...entries.map((entry) => entry.group), ...users.map((each) => each.group)]);
  return [
    kept.groups.filter(({ name }) => groups.has(name)).map((each) => groupUnlessThere(each)),
    users.map(({ group: primaryGroup, ...rest }) => userUnlessThere({ ...rest, primaryGroup })),
  ];
}

const groupUnlessThere = defineResource({
  type: 'restored-group',
  props: z.strictObject({ name: accountName, system: z.boolean() }),
  id: ({ name }) => name,
  read: (host: Facts, { name }) => host.group(name),
  diff: (props, current): readonly Change[] =>
    current === null ? group.resourceType.diff(group(props).props, current) : [],
});

const userUnlessThere = defineResource({
  type: 'restored-user',
  props: z.strictObject({
    name: accountName,
    primaryGroup: accountName,
    comment: z.string(),
    home: z.string(),
    shell: z.string(),
    system: z.boolean(),
  }),
  id: ({ name }) => name,
  async read(host: Facts, { home, shell, ...rest }) {
    if ((await host.user(rest.name)) !== null) return null;
    const account = user({
      ...rest,
      createHome: false,
      ...(home !== '/' && { home }),
      ...(shell !== '' && { shell }),
    }).props;
    return { account, current: await user.resourceType.read(host, account) };
  },
  diff: (_, missing): readonly Change[] =>
    missing === null ? [] : user.resourceType.diff(missing.account, missing.current),
});
