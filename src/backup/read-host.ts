import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { FileFact } from '../remote/facts/contract.ts';
import { FactLoader } from '../remote/facts/loader.ts';
import type { Session } from '../remote/session.ts';
import { showSize } from '../report/quantities.ts';
import { LabError } from '../shared/errors.ts';
import { readOwnFile } from '../shared/own-package.ts';
import { quote } from '../shared/quote.ts';
import { type Declaration, keeps } from './declared.ts';
import type { KeptEntry, KeptHost, KeptUser } from './manifest.ts';
import { foldersAbove } from './path-pattern.ts';

/** Bytes that are asked for at once. */
const pieceBytes = 4 * 1024 * 1024;
/** Of all that one declaration keeps, in bytes: it is held in memory. */
const mostBytes = 2 * 1024 ** 3;
/** How often is tried to read what changes meanwhile, and how long is waited before it is tried again. */
const attempts = 5;
const pauseMs = 1000;

/** What a host has of all that is kept, and the contents of files by path. */
export interface HostState extends Omit<KeptHost, 'address'> {
  readonly contents: ReadonlyMap<string, Buffer>;
}

/**
 * Reads what is kept of a host, and changes nothing there. Each declaration is read as it was at one moment: its files are
 * listed with their checksums before and after they are read, until nothing of it changed in between.
 *
 * @throws LabError BECOME_REFUSED without the rights of root; READ_FAILED for what cannot be read, or does not come to rest
 */
export async function readHost(session: Session, declarations: readonly Declaration[]): Promise<HostState> {
  await requireRoot(session);
  const contents = new Map<string, Buffer>();
  const state: KeptHost['state'] = [];
  for (const declaration of declarations) {
    const { entries, contents: read } = await readAtRest(session, declaration);
    if (entries.length === 0) continue;
    for (const [path, bytes] of read) contents.set(path, bytes);
    state.push({ role: declaration.role, entries: [...entries] });
  }
  return { state, contents, ...(await accountsOf(session, state)) };
}

/** Others do not even see that there is something. */
async function requireRoot(session: Session): Promise<void> {
  const { uid } = await new FactLoader(session).system();
  if (uid === 0) return;
  throw new LabError('BECOME_REFUSED', 'a backup needs root, and the login is not root', {
    expected: 'user id 0',
    found: `user id ${uid}`,
    hint: "set become: 'sudo' (or 'doas') for this host in the inventory, or connect as root",
  });
}

interface Read {
  readonly entries: readonly KeptEntry[];
  readonly contents: ReadonlyMap<string, Buffer>;
}

async function readAtRest(session: Session, declaration: Declaration): Promise<Read> {
  let before = await listOf(session, declaration);
  refuseTooLarge(before.entries, declaration);
  for (let attempt = 1; ; attempt++) {
    const contents = await contentsOf(session, before.entries);
    const after = await listOf(session, declaration);
    const moved = contents === undefined ? 'a file' : changedIn(before, after);
    const isWhole = before.isWhole && after.isWhole;
    if (isWhole && moved === undefined && contents !== undefined) return { entries: after.entries, contents };
    if (attempt === attempts && moved === undefined)
      throw new LabError('READ_FAILED', `not all that the role ${declaration.role} keeps can be listed`, {
        expected: 'find(1) and stat(1) to end without an error',
        found: declaration.paths.join(', '),
        hint: 'is there a disk with errors, or a file system that root may not read? find PATH shows it',
      });
    if (attempt === attempts)
      throw new LabError('READ_FAILED', `what the role ${declaration.role} keeps changes all the time`, {
        expected: `nothing to be written there while it is read, once in ${attempts} times`,
        found: `${changedIn(before, after) ?? moved} was written`,
        hint: 'is a run at work on this host? try again when it has ended',
      });
    await pause(pauseMs);
    before = await listOf(session, declaration);
  }
}

/** A sparse file, or what a host only says, is not asked for. */
function refuseTooLarge(entries: readonly KeptEntry[], { role }: Declaration): void {
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (bytes <= mostBytes) return;
  const [largest] = entries.toSorted((a, b) => b.size - a.size);
  throw new LabError('READ_FAILED', `what the role ${role} keeps is too large for a backup`, {
    expected: `at most ${showSize(mostBytes)}`,
    found: `${showSize(bytes)}, of which ${largest?.path} has ${showSize(largest?.size ?? 0)}`,
    hint: 'keep keys and small state here (except: leaves something out), and data with a program for backups of data',
  });
}

interface Listing {
  /** False when something could not be listed: it vanished, or cannot be read. */
  readonly isWhole: boolean;
  readonly entries: readonly KeptEntry[];
  /** What a write changes even when it leaves the same content within the same second: path → time of the last change, inode. */
  readonly marks: ReadonlyMap<string, string>;
}

/** The path of something that is not in both lists as it is. */
function changedIn(before: Listing, after: Listing): string | undefined {
  const lines = ({ entries, marks }: Listing) =>
    new Map(entries.map((each) => [JSON.stringify([each, marks.get(each.path)]), each.path]));
  const [old, now] = [lines(before), lines(after)];
  const differs = [...old, ...now].find(([line]) => !old.has(line) || !now.has(line));
  return differs?.[1];
}

async function listOf(session: Session, declaration: Declaration): Promise<Listing> {
  const loader = new FactLoader(session);
  const list = (what: 'paths' | 'marks') =>
    loader.run(['sh', '-c', readOwnFile('backup/list.sh'), 'lab-backup', what, ...declaration.paths]);
  const [{ stdout, exitCode }, marks] = await Promise.all([list('paths'), list('marks')]);
  const paths = [...new Set(stdout.split('\0').slice(0, -1))].filter((path) => keeps(declaration, path)).sort();
  const isWhole = exitCode === 0 && marks.exitCode === 0;
  if (paths.length === 0) return { entries: [], marks: new Map(), isWhole };
  const unclear = paths.find((path) => path.includes('\uFFFD'));
  if (unclear !== undefined)
    throw new LabError('READ_FAILED', 'a name is no UTF-8', { found: unclear, hint: 'rename it, or except it' });
  const inside = new Set(paths);
  const above = [...new Set(paths.flatMap(foldersAbove))].filter((path) => !inside.has(path));
  const facts = await Promise.all([...above, ...paths].sort().map((path) => loader.file(path)));
  return {
    entries: facts.flatMap((fact) => entryOf(fact, declaration, !inside.has(fact.path))),
    marks: marksIn(marks.stdout),
    isWhole,
  };
}

/** A name with a line break has none, and is told by its content alone. */
function marksIn(text: string): Map<string, string> {
  const lines = text.split('\n').map((line) => /^(.*? \d+) (\/.*)$/.exec(line));
  return new Map(lines.flatMap((line) => (line === null ? [] : [[line[2] as string, line[1] as string]])));
}

/** Sockets, devices and what vanished since are nothing that could be kept. */
function entryOf(fact: FileFact, { owner, group }: Declaration, above: boolean): KeptEntry[] {
  const { path, kind, mode, size, sha256, target, modified } = fact;
  if (kind === 'absent' || kind === 'other' || (above && kind !== 'directory')) return [];
  if (kind === 'file' && sha256 === null) throw new LabError('READ_FAILED', `${path} cannot be read`);
  return [
    {
      ...{ path, kind, mode, above, target },
      owner: (above ? undefined : owner) ?? nameOr(fact.owner, fact.uid),
      group: (above ? undefined : group) ?? nameOr(fact.group, fact.gid),
      size: kind === 'file' ? size : 0,
      sha256: kind === 'file' ? sha256 : null,
      // Of a folder it changes with what is in it, which is listed.
      modified: kind === 'file' ? modified : 0,
    },
  ];
}

/** stat(1) calls an id without a name `UNKNOWN`. */
function nameOr(name: string, id: number): string {
  return name === 'UNKNOWN' || name === '' ? String(id) : name;
}

/** Undefined when a file is not as it was listed. */
async function contentsOf(
  session: Session,
  entries: readonly KeptEntry[],
): Promise<ReadonlyMap<string, Buffer> | undefined> {
  const files = entries.filter(({ kind }) => kind === 'file');
  const pieces = new Map<string, Buffer[]>(files.map(({ path }) => [path, []]));
  for (const batch of batchesOf(files)) {
    const script = batch.map(({ path, from }, index) => readPiece(path, from, index)).join('\n');
    const frames = await session.request(script);
    for (const [index, { path, length }] of batch.entries()) {
      const frame = frames.get(`piece.${index}`);
      if (frame === undefined || frame.status !== 0 || frame.body.length !== length) return undefined;
      pieces.get(path)?.push(frame.body);
    }
  }
  const contents = new Map([...pieces].map(([path, parts]) => [path, Buffer.concat(parts)]));
  return files.every(({ path, sha256 }) => digestOf(contents.get(path)) === sha256) ? contents : undefined;
}

function digestOf(bytes: Buffer | undefined): string | undefined {
  return bytes && createHash('sha256').update(bytes).digest('hex');
}

interface Piece {
  readonly path: string;
  readonly from: number;
  readonly length: number;
}

function readPiece(path: string, from: number, index: number): string {
  const { count, unit } = { count: pieceBytes / 65_536, unit: 65_536 };
  return `lab_b piece.${index}; dd if=${quote(path)} bs=${unit} skip=${from / unit} count=${count} 2>/dev/null; lab_e piece.${index} $?`;
}

/** Pieces of files, as many at once as are about one piece long. */
function batchesOf(files: readonly KeptEntry[]): readonly (readonly Piece[])[] {
  const pieces = files.flatMap(({ path, size }): Piece[] =>
    Array.from({ length: Math.max(1, Math.ceil(size / pieceBytes)) }, (_, index) => {
      const from = index * pieceBytes;
      return { path, from, length: Math.min(pieceBytes, size - from) };
    }),
  );
  const batches: Piece[][] = [];
  let room = 0;
  for (const piece of pieces) {
    const open = batches.at(-1);
    if (open === undefined || piece.length > room || open.length >= 200) {
      batches.push([piece]);
      room = pieceBytes - piece.length;
    } else {
      open.push(piece);
      room -= piece.length;
    }
  }
  return batches;
}

const firstOrdinaryId = 1000;

/** Users and groups to whom something belongs, root aside. */
async function accountsOf(
  session: Session,
  state: KeptHost['state'],
): Promise<{ readonly users: KeptUser[]; readonly groups: KeptHost['groups'] }> {
  const entries = state.flatMap(({ entries }) => entries);
  const named = (names: readonly string[]) =>
    [...new Set(names)].filter((name) => name !== 'root' && !/^\d/.test(name));
  const loader = new FactLoader(session);
  const users = await Promise.all(
    named(entries.map(({ owner }) => owner)).map(async (name): Promise<KeptUser[]> => {
      const [user, primary] = await Promise.all([loader.user(name), loader.run(['id', '-gn', '--', name])]);
      if (user === null) return [];
      const { comment, home, shell, uid } = user;
      return [{ name, group: primary.stdout.trim(), comment, home, shell, system: uid < firstOrdinaryId }];
    }),
  );
  const groups = named([...entries.map(({ group }) => group), ...users.flat().map(({ group }) => group)]);
  const found = await Promise.all(groups.map((name) => loader.group(name)));
  return {
    users: users.flat(),
    groups: found.flatMap((group) =>
      group === null ? [] : [{ name: group.name, system: group.gid < firstOrdinaryId }],
    ),
  };
}
