import { z } from 'zod';
import type { Facts, FileFact, UserFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import { usualHome } from './accounts/home.ts';
import { complaintAbout, formatPublicKey, type PublicKey, parsePublicKey, sameKey } from './accounts/public-key.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { accountName } from './shared/schemas.ts';

const publicKey = z.string().superRefine((line, context) => {
  const complaint = complaintAbout(line);
  if (complaint !== null) context.addIssue({ code: 'custom', message: complaint });
});

const props = z.strictObject({
  /** Must exist, or be declared earlier. */
  user: accountName,
  /** Lines as in authorized_keys: `ssh-ed25519 AAAA… ada@laptop`, options before the type. */
  keys: z.array(publicKey),
  /** Keys that must not be there, by the same notation. */
  revoked: z.array(publicKey).default([]),
  /** Takes every key away that is not declared. Default false. */
  exclusive: z.boolean().default(false),
});

type Props = z.output<typeof props>;

interface Current {
  readonly user: UserFact | null;
  readonly home: FileFact;
  readonly folder: FileFact;
  readonly file: FileFact;
  readonly content: string;
}

/**
 * Who may log in as a user with a key: `~/.ssh/authorized_keys`. Comments and keys that are not declared stay, unless it
 * is exclusive; a declared key appears once, with exactly the declared options. The folder and the file belong to the user
 * and to nobody else, or sshd would ignore them.
 *
 * @example
 * authorizedKeys({ user: 'ada', keys: ['ssh-ed25519 AAAAC3… ada@laptop'], exclusive: true });
 */
export const authorizedKeys = defineResource({
  type: 'authorized-keys',
  props,
  id: ({ user }: Props) => user,

  async read(host: Facts, { user: name }: Props): Promise<Current> {
    // The usual home is asked for along with the user, so that this costs one round trip.
    const [user, usual] = await Promise.all([
      host.user(name, { packagesMayCreate: true }),
      readHome(host, usualHome(name)),
    ]);
    const at = user === null || user.home === usual.home.path ? usual : await readHome(host, user.home);
    return { user, ...at };
  },

  diff(props: Props, current: Current): readonly Change[] {
    const user = requireUser(props.user, current);
    const { folder, file, content } = current;
    const group = user.groups.includes(user.name) || user.gid < 0 ? user.name : String(user.gid);
    const owner = { owner: user.name, group };
    const changes: Change[] = [];
    const add = (change: Omit<Change, 'risk'>): void => void changes.push({ ...change, risk: 'privilege' });
    const own = (path: string, mode: string): Step[] => [
      { do: 'owner', path, ...owner },
      { do: 'mode', path, mode },
    ];

    if (folder.kind === 'absent') {
      if (props.keys.length === 0) return [];
      add({
        attribute: 'folder',
        before: null,
        after: folder.path,
        apply: [{ do: 'directory', path: folder.path, mode: '0700', ...owner }],
        revert: [{ do: 'restore', path: folder.path }],
        predicts: [{ fact: 'file', value: fact(folder.path, 'directory', '0700', user, group) }],
      });
    } else if (!belongs(folder, user) || folder.mode !== '0700') {
      add({
        attribute: 'folder',
        before: `${folder.owner}:${folder.group} ${folder.mode}`,
        after: `${user.name}:${group} 0700`,
        apply: own(folder.path, '0700'),
        revert: attributesOf(folder),
        predicts: [{ fact: 'file', value: fact(folder.path, 'directory', '0700', user, group) }],
      });
    }

    const wanted = wantedContent(props, content);
    const predicts = [
      { fact: 'file' as const, value: fact(file.path, 'file', '0600', user, group), content: Buffer.from(wanted) },
    ];
    if (wanted !== content) {
      add({
        attribute: 'keys',
        before: file.kind === 'absent' ? null : content,
        after: wanted,
        apply: [{ do: 'write', path: file.path, content: wanted, mode: '0600', ...owner }],
        revert: [{ do: 'restore', path: file.path }],
        predicts,
      });
    } else if (file.kind === 'file' && (!belongs(file, user) || file.mode !== '0600')) {
      add({
        attribute: 'owner and mode',
        before: `${file.owner}:${file.group} ${file.mode}`,
        after: `${user.name}:${group} 0600`,
        apply: own(file.path, '0600'),
        revert: attributesOf(file),
        predicts,
      });
    }
    return changes;
  },
});

async function readHome(host: Facts, home: string): Promise<Omit<Current, 'user'>> {
  const folder = `${home === '/' ? '' : home}/.ssh`;
  const path = `${folder}/authorized_keys`;
  const [homeFact, folderFact, file, bytes] = await Promise.all([
    host.file(home),
    host.file(folder),
    host.file(path),
    host.content(path),
  ]);
  return { home: homeFact, folder: folderFact, file, content: bytes === null ? '' : Buffer.from(bytes).toString() };
}

function requireUser(name: string, { user, home, folder, file }: Current): UserFact {
  const impossible = (message: string, expected: string, hint: string): never => {
    throw new LabError('PLAN_IMPOSSIBLE', `keys of ${name}: ${message}`, { expected, hint });
  };
  if (user === null)
    return impossible(
      'there is no such user',
      `the user ${name}, on the host or declared earlier`,
      `declare user({ name: '${name}' }) before it`,
    );
  if (home.kind === 'absent') {
    return impossible(
      `the home directory ${home.path} does not exist`,
      'a home directory',
      `declare directory({ path: '${home.path}', owner: '${name}' }) before it`,
    );
  }
  for (const [fact, kind] of [
    [folder, 'directory'],
    [file, 'file'],
  ] as const) {
    // The user owns the folder: a link in it could lead root's write anywhere.
    if (fact.kind !== 'absent' && fact.kind !== kind) {
      return impossible(
        `${fact.path} is a ${fact.kind}`,
        `a ${kind}, or nothing`,
        'look at why it is there, and remove it',
      );
    }
  }
  return user;
}

/** Declared keys in their place, or at the end; lines that are no keys stay unless it is exclusive. */
function wantedContent({ keys, revoked, exclusive }: Props, content: string): string {
  const wanted = keys.map((line) => parsePublicKey(line)).filter((key) => key !== null);
  const gone = revoked.map((line) => parsePublicKey(line)).filter((key) => key !== null);
  const placed = new Set<PublicKey>();
  const lines: string[] = [];
  for (const line of content.split('\n')) {
    const key = parsePublicKey(line);
    const declared = key === null ? undefined : wanted.find((one) => sameKey(one, key));
    if (declared !== undefined && key !== null) {
      // A second line with the same key and fewer restrictions would be a way in.
      if (placed.has(declared)) continue;
      placed.add(declared);
      const same = declared.options === key.options && (declared.comment === '' || declared.comment === key.comment);
      lines.push(same ? line : formatPublicKey({ ...declared, comment: declared.comment || key.comment }));
    } else if (!exclusive && !(key !== null && gone.some((one) => sameKey(one, key)))) {
      lines.push(line);
    }
  }
  while (lines.at(-1) === '') lines.pop();
  for (const key of wanted) {
    if (placed.has(key) || [...placed].some((other) => sameKey(other, key))) continue;
    placed.add(key);
    lines.push(formatPublicKey(key));
  }
  const text = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  // Whether the last line ends is no reason to write: sshd reads it either way.
  return text.trimEnd() === content.trimEnd() ? content : text;
}

function belongs(fact: FileFact, user: UserFact): boolean {
  return fact.owner === user.name || (user.uid >= 0 && fact.uid === user.uid);
}

function attributesOf({ path, mode, uid, gid }: FileFact): Step[] {
  return [
    { do: 'owner', path, owner: String(uid), group: String(gid) },
    { do: 'mode', path, mode: `0${mode}` },
  ];
}

function fact(path: string, kind: 'file' | 'directory', mode: string, user: UserFact, group: string): FileFact {
  const owner = { owner: user.name, group, uid: user.uid, gid: user.gid };
  return { path, kind, mode, ...owner, size: 0, modified: 0, links: 1, sha256: null, target: null };
}
