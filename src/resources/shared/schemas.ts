import { z } from 'zod';
import { Secret } from '../../shared/secret.ts';

/** What a redacted secret looks like once it was put into ordinary text by mistake. */
const redacted = String(new Secret(''));

function withoutNul(value: string): boolean {
  return !value.includes('\0');
}

/** `/srv/a b`: absolute, with neither `//`, `.`, `..` nor a slash at the end. Any other character is data. */
export const absolutePath = z
  .string()
  .refine((path) => path.startsWith('/'), { error: 'a path on a host is absolute: it starts with "/"' })
  .refine((path) => path === '/' || !/\/(?=\/|$)|\/\.\.?(?=\/|$)/.test(path), {
    error: 'a path is written in its shortest form: without "//", "/./", "/../" and without a slash at the end',
  })
  .refine(withoutNul, { error: 'a path cannot hold a NUL byte' });

/** An absolute path that is not the root directory. */
export const pathBelowRoot = absolutePath.refine((path) => path !== '/', {
  error: 'the root directory is not managed',
});

/** Permission bits as four octal digits, `"0640"`. Not a number: 640 and 0o640 look alike and differ. */
export const fileMode = z
  .string({ error: 'a mode is a string of four octal digits such as "0640"' })
  .regex(/^[0-7]{4}$/, {
    error: 'a mode is a string of four octal digits such as "0640"',
  });

/** Name of a user or group as useradd(8) and adduser(8) accept it on every distribution. */
export const accountName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/, {
  error: 'a user or group name begins with a letter or "_" and holds letters, digits, ".", "_" and "-", at most 32',
});

/** Owner or group of a path: a name, or a number as digits for an id that has no name on the host (`"999"`). */
const ownerName = z.union([accountName, z.string().regex(/^(0|[1-9]\d{0,9})$/, { error: 'an id is digits' })]);

/** Word of a command: anything but NUL. */
export const word = z.string().refine(withoutNul, { error: 'an argument cannot hold a NUL byte' });

/** A command as separate words; no shell is between. */
export const argv = z
  .array(word)
  .min(1)
  .refine((words) => words[0] !== '', { error: 'the first word is the program, it cannot be empty' });

/** A command that checks a new file before it takes its place: `%s` is the path of the new content. */
export const validateCommand = argv.refine((words) => words.some((part) => part.includes('%s')), {
  error: 'a validate command names the file to check as "%s"',
});

export const secret = z.instanceof(Secret);

/** Text; one that holds a redacted secret is refused, as the host would get `‹secret›` instead of the value. */
export const plainText = z.string().refine((text) => !text.includes(redacted), {
  error: 'a secret was put into ordinary text; build the text with secretText`…` instead',
});

/** Text for a process's stdin or a file, secret or not. */
export const textOrSecret = z.union([plainText, secret]);

/** A file's content: text, a secret, or bytes. */
export const content = z.union([plainText, secret, z.instanceof(Uint8Array)]);

/** What a change can cut: the way to the host, or the rights on it. */
export const risk = z.enum(['connectivity', 'privilege']);

/** Mode, owner and group of something new; `root:root` when nothing is said. */
export const ownership = {
  owner: ownerName.default('root'),
  group: ownerName.default('root'),
} as const;

/** `https://…` without credentials: an address is seen in process lists and plans. */
export const url = z
  .url({ protocol: /^(https?|ftp)$/, error: 'an address begins with https://, http:// or ftp://' })
  .refine((address) => !/^\w+:\/\/[^/]*@/.test(address), { error: 'an address cannot hold credentials' });

/** SHA-256 as 64 lower-case hexadecimal digits, as sha256sum(1) prints it. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: 'a SHA-256 is 64 lower-case hexadecimal digits' });
