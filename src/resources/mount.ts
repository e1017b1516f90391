import { z } from 'zod';
import type { FactPrediction, FileFact } from '../remote/facts/contract.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { absentFile } from './shared/absent-file.ts';
import {
  type CurrentText,
  diffEditedFile,
  type EditedFile,
  readEditedFile,
  requireText,
} from './shared/edited-file.ts';
import { escapeField, fieldsOf, mountPoints, type TableEntry } from './shared/mount-table.ts';
import { claimOwnPath, claimUnlessAbsent } from './shared/path-claims.ts';
import { riskOfMount } from './shared/risk.ts';
import { pathBelowRoot, plainText } from './shared/schemas.ts';
import { runScript } from './shared/script.ts';
import { readParent, refuseKind, requireParent } from './shared/surroundings.ts';
import { insertLines, joinLines, type Line, lineEnd, parseLines } from './shared/text-lines.ts';

const table: EditedFile = {
  ...{ path: '/etc/fstab', create: true, mode: '0644', owner: 'root', group: 'root', sensitive: false },
};
/** What is mounted now, as the kernel tells it: proc(5). */
const mounts = '/proc/self/mounts';

const field = plainText.min(1).refine((text) => !/[\r\n\0]/.test(text) && !text.startsWith('-'), { error: 'one line' });

const props = z
  .strictObject({
    /** Where; a missing directory is made, in one that exists. */
    path: pathBelowRoot,
    /** `mounted`: listed in `/etc/fstab` and mounted. `listed`: only listed. `absent`: neither. */
    state: z.enum(['mounted', 'listed', 'absent']).default('mounted'),
    /** Device, `UUID=…`, `nas:/export`, `tmpfs`. */
    source: field.optional(),
    /** As for mount(8) `-t`. */
    type: z
      .string()
      .regex(/^[a-z0-9._]+$/, { error: 'a file system type such as "ext4"' })
      .optional(),
    options: z
      .array(
        field
          .refine((option) => !/[\s,]/.test(option), { error: 'one option without blanks and commas' })
          .refine((option) => !/^pass(word|wd)?=/.test(option), {
            error: 'everybody can read /etc/fstab: put a password into a file and name it, credentials=/etc/…',
          }),
      )
      .default(['defaults']),
    /** Fifth field of fstab(5). */
    dump: z.int().min(0).max(1).default(0),
    /** Order of checks at boot, sixth field of fstab(5). Default 0: none. */
    pass: z.int().min(0).max(2).default(0),
  })
  .refine((mount) => mount.state === 'absent' || (mount.source !== undefined && mount.type !== undefined), {
    error: 'a mount needs source and type',
  });
type Props = z.output<typeof props>;

interface Current {
  readonly table: CurrentText;
  /** Bytes of `/proc/self/mounts`. */
  readonly mounts: Uint8Array;
  readonly directory: FileFact;
  /** Asked only when the directory is absent. */
  readonly parent: FileFact | null;
}

/**
 * A file system: its line in `/etc/fstab`, and whether it is mounted. New options are put to use by a remount; what is
 * mounted with another source or type is unmounted first.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * mount({ path: '/srv/media', source: 'UUID=0a3407de-014b-458b-b5c1-848e92a327a3', type: 'ext4', options: ['noatime'], pass: 2 });
 * mount({ path: '/mnt/backup', source: 'nas:/export/backup', type: 'nfs', options: ['ro', '_netdev'] });
 */
export const mount = defineResource({
  type: 'mount',
  props,
  id: ({ path }) => path,
  paths: ({ path, state }) => [
    ...(state === 'mounted' ? claimOwnPath({ path }) : []),
    ...claimUnlessAbsent({ path: table.path, state }),
  ],
  async read(host, { path }): Promise<Current> {
    const [text, mounted, directory] = await Promise.all([
      readEditedFile(host, table),
      host.content(mounts),
      host.file(path, { packagesMayCreate: true }),
    ]);
    const parent = directory.kind === 'absent' ? await readParent(host, path) : null;
    return { table: text, mounts: mounted ?? Buffer.alloc(0), directory, parent };
  },
  diff(props, current): readonly Change[] {
    const risk = riskOfMount(props.path);
    return changesOf(props, current).map((change) => ({ ...change, risk }));
  },
});

function changesOf(props: Props, current: Current): readonly Change[] {
  const { path, state } = props;
  requireText(table, current.table);
  const mounted = mountPoints(current.mounts).has(path);
  const listed = entryOf(current, path);
  const changes = tableChanges(props, current);
  if (state === 'listed') return changes;
  if (state === 'absent') return mounted ? [unmount(props, current, listed), ...changes] : changes;
  const { directory, parent } = current;
  if (directory.kind === 'absent') {
    requireParent(path, parent);
    return [mountPoint(path), ...changes, mountNew(props, current)];
  }
  if (directory.kind !== 'directory') refuseKind(directory, 'a directory to mount on', 'declare another path');
  if (!mounted) return [...changes, mountNew(props, current)];
  if (changes.length === 0 || listed === null) return changes;
  const same = listed.source === props.source && listed.type === props.type;
  return [...changes, same ? remount(props, listed) : exchange(props, listed)];
}

/** Made by the mount itself: declared as a directory, its mode would be read from what is mounted over it. */
function mountPoint(path: string): Change {
  return {
    attribute: 'directory',
    before: null,
    after: 'directory',
    apply: [{ do: 'directory', path, mode: '0755', owner: 'root', group: 'root' }],
    revert: [{ do: 'restore', path }],
    predicts: [{ fact: 'file', value: { ...absentFile(path), kind: 'directory', mode: '0755', links: 2 } }],
  };
}

function entryOf({ table }: Current, path: string): TableEntry | null {
  return (
    parseLines(table.bytes)
      .lines.map(({ text }) => fieldsOf(text))
      .findLast((entry) => entry?.path === path) ?? null
  );
}

function tableChanges(props: Props, { table: text }: Current): Change[] {
  const { path, source = '', type = '', options, dump, pass } = props;
  if (props.state === 'absent' && text.fact.kind === 'absent') return [];
  const parsed = parseLines(text.bytes);
  const wanted: TableEntry = { source, path, type, options: options.join(','), dump, pass };
  const isOurs = (line: Line) => fieldsOf(line.text)?.path === path;
  const ours = parsed.lines.filter(isOurs);
  const only = ours.length === 1 ? fieldsOf(ours[0]?.text ?? '') : null;
  const rendered = [source, path, type, wanted.options, String(dump), String(pass)].map(escapeField).join(' ');
  let lines: readonly Line[] = parsed.lines;
  if (props.state === 'absent') lines = lines.filter((line) => !isOurs(line));
  else if (ours.length === 0) lines = insertLines(lines, lines.length, [rendered], lineEnd(parsed));
  else if (only === null || !sameEntry(only, wanted)) {
    const last = lines.findLastIndex(isOurs);
    lines = lines
      .map((line, index) => (index === last ? { ...line, text: rendered } : line))
      .filter((line, index) => index === last || !isOurs(line));
  }
  return diffEditedFile(table, text, joinLines({ ...parsed, lines }));
}

function sameEntry(a: TableEntry, b: TableEntry): boolean {
  return (Object.keys(b) as (keyof TableEntry)[]).every((key) => a[key] === b[key]);
}

function mountScript(path: string, entry: Pick<TableEntry, 'source' | 'type' | 'options'>) {
  return runScript('mount', [path, escapeField(path), entry.source, entry.type, entry.options]);
}

function unmountScript(path: string) {
  return runScript('unmount', [path, escapeField(path)]);
}

function declared({ source = '', type = '', options }: Props): Pick<TableEntry, 'source' | 'type' | 'options'> {
  return { source, type, options: options.join(',') };
}

function mountNew(props: Props, { mounts: before }: Current): Change {
  const { path } = props;
  const { source, type, options } = declared(props);
  const line = `${[source, path, type, options].map(escapeField).join(' ')} 0 0\n`;
  return {
    attribute: 'mounted',
    before: null,
    after: `${source} (${type}, ${options})`,
    apply: [mountScript(path, { source, type, options })],
    revert: [unmountScript(path)],
    predicts: [predictMounts(Buffer.concat([before, Buffer.from(line)])), predictTree(path)],
  };
}

function unmount({ path }: Props, { mounts: before }: Current, listed: TableEntry | null): Change {
  const now = mountPoints(before).get(path);
  const entry = listed ?? now ?? { source: 'none', type: 'auto', options: 'defaults' };
  const kept = Buffer.from(before)
    .toString()
    .split(/(?<=\n)/)
    .filter((line) => fieldsOf(line)?.path !== path);
  return {
    attribute: 'mounted',
    before: `${entry.source} (${entry.type})`,
    after: null,
    apply: [unmountScript(path)],
    revert: [mountScript(path, entry)],
    predicts: [predictMounts(Buffer.from(kept.join(''))), predictTree(path)],
  };
}

function remount(props: Props, listed: TableEntry): Change {
  const { path } = props;
  const { options } = declared(props);
  const set = (to: string) => ({ do: 'run', argv: ['mount', '-o', `remount,${to}`, path] }) as const;
  const change = { attribute: 'mount options', before: listed.options, after: options };
  return { ...change, apply: [set(options)], revert: [set(listed.options)] };
}

function exchange(props: Props, listed: TableEntry): Change {
  const { path } = props;
  const now = declared(props);
  return {
    attribute: 'mounted',
    before: `${listed.source} (${listed.type})`,
    after: `${now.source} (${now.type})`,
    apply: [unmountScript(path), mountScript(path, now)],
    revert: [unmountScript(path), mountScript(path, listed)],
    predicts: [predictTree(path)],
  };
}

/** Another file system's root, with whatever is in it. */
function predictTree(path: string): FactPrediction {
  return { fact: 'tree', path, by: `mount ${path}` };
}

function predictMounts(content: Uint8Array) {
  const value: FileFact = {
    ...{ path: mounts, kind: 'file', mode: '0444', owner: 'root', group: 'root', uid: 0, gid: 0 },
    ...{ size: 0, modified: 0, links: 1, sha256: null, target: null },
  };
  return { fact: 'file', value, content } as const;
}
