import { z } from 'zod';
import { absolutePath, accountName, fileMode, pathBelowRoot, sha256 } from '../resources/shared/schemas.ts';
import { LabError } from '../shared/errors.ts';
import { problemsOf } from '../shared/schema-problems.ts';

/** Of the format; a backup of a later one is refused. */
export const formatVersion = 1;

const owner = z.union([accountName, z.string().regex(/^\d{1,10}$/)]);
const entry = z.strictObject({
  path: pathBelowRoot,
  kind: z.enum(['file', 'directory', 'symlink']),
  mode: fileMode,
  /** A name; digits for a number that had none on the host. */
  owner,
  group: owner,
  /** Bytes. */
  size: z.int().min(0),
  /** Of a file. */
  sha256: sha256.nullable(),
  /** Of a link. */
  target: z.string().nullable(),
  /** Seconds since the epoch. */
  modified: z.int(),
  /** A folder above what is kept: made where it is missing, else left as it is. */
  above: z.boolean(),
});

const user = z.strictObject({
  name: accountName,
  group: accountName,
  comment: z.string(),
  home: absolutePath,
  shell: z.string(),
  system: z.boolean(),
});
const group = z.strictObject({ name: accountName, system: z.boolean() });

const keptHost = z.strictObject({
  address: z.string(),
  /** What each role keeps. */
  state: z.array(z.strictObject({ role: z.string(), entries: z.array(entry) })),
  /** Who owns it, as far as the accounts have names. */
  users: z.array(user),
  groups: z.array(group),
});

const schema = z.strictObject({
  kind: z.literal('labwright-backup'),
  version: z.literal(formatVersion),
  /** Of `lab`. */
  madeBy: z.string(),
  /** ISO 8601 in UTC. */
  madeAt: z.iso.datetime(),
  /** Folder of the project. */
  project: z.string(),
  hosts: z.record(z.string(), keptHost),
  /** Hosts that could not be read, and why. */
  missing: z.record(z.string(), z.string()),
});

export type Manifest = z.output<typeof schema>;
export type KeptHost = z.output<typeof keptHost>;
export type KeptEntry = z.output<typeof entry>;
export type KeptUser = z.output<typeof user>;

/** Member of the archive with the manifest, the last one. */
export const manifestName = 'manifest.json';

/** Member of the archive with what was at a path of a host. */
export function memberName(host: string, path: string): string {
  return `hosts/${host}${path}`;
}

/**
 * @param file names the backup in errors
 * @throws LabError BACKUP_FILE
 */
export function parseManifest(text: string, file: string): Manifest {
  const found = json(text, file);
  const version = typeof found === 'object' && found !== null && 'version' in found ? found.version : undefined;
  if (typeof version === 'number' && version !== formatVersion)
    throw new LabError('BACKUP_FILE', 'the backup is of another version of the format', {
      at: { file },
      expected: `version ${formatVersion}`,
      found: `version ${version}`,
      hint: 'restore it with the lab that made it, or a later one',
    });
  const parsed = schema.safeParse(found);
  if (parsed.success) return parsed.data;
  const [first, ...others] = problemsOf(parsed.error, found).map(
    ({ message, details }) =>
      new LabError('BACKUP_FILE', `the list of contents does not fit: ${message}`, { at: { file }, ...details }),
  );
  throw first?.with({ others }) ?? new LabError('BACKUP_FILE', 'the list of contents does not fit', { at: { file } });
}

function json(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LabError('BACKUP_FILE', 'the list of contents is no JSON', { at: { file } });
  }
}
