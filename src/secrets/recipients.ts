import { readFile } from 'node:fs/promises';
import { LabError } from '../shared/errors.ts';
import { isRecipient } from './age.ts';
import { writeWhole } from './write-whole.ts';

/** One who can open the secrets: a public key and the comment behind it. */
export interface Recipient {
  readonly key: string;
  readonly comment: string;
  readonly line: number;
}

/**
 * `secrets.recipients`: a public key a line, `#` comments, blank lines.
 *
 * @throws LabError SECRETS_FILE for a missing file, an empty one, and every line that is no age recipient
 */
export async function readRecipients(file: string): Promise<Recipient[]> {
  const recipients = parse(await readText(file));
  const [first, ...others] = (await Promise.all(recipients.map((recipient) => problemOf(recipient, file)))).flat();
  if (first !== undefined) throw first.with({ others });
  if (recipients.length > 0) return recipients;
  throw new LabError('SECRETS_FILE', 'nobody is named who could open the secrets', {
    at: { file },
    expected: 'an age public key a line',
    hint: 'lab secrets recipients add age1…',
  });
}

/** @throws LabError SECRETS_FILE when the key is no age recipient or is there already */
export async function addRecipient(file: string, key: string, comment: string): Promise<void> {
  const text = await readText(file).catch(() => '');
  const known = parse(text).find((recipient) => recipient.key === key);
  if (known !== undefined) {
    throw new LabError('SECRETS_FILE', 'this recipient is there already', { at: { file, line: known.line } });
  }
  const [problem] = await problemOf({ key, comment, line: 0 }, file);
  if (problem !== undefined) throw new LabError(problem.code, problem.message, { ...problem.details, at: undefined });
  const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  await writeWhole(file, `${before}${key}${comment === '' ? '' : `  # ${comment.replaceAll(/\s+/g, ' ')}`}\n`, 0o644);
}

/** Leaves the other lines and their comments as they are. */
export async function removeRecipient(file: string, { line }: Recipient): Promise<void> {
  const lines = (await readText(file)).split('\n');
  await writeWhole(file, lines.filter((_, index) => index + 1 !== line).join('\n'), 0o644);
}

function parse(text: string): Recipient[] {
  return text.split('\n').flatMap((content, index) => {
    const [key = '', ...comment] = content.split('#');
    return key.trim() === '' ? [] : [{ key: key.trim(), comment: comment.join('#').trim(), line: index + 1 }];
  });
}

async function problemOf({ key, line }: Recipient, file: string): Promise<LabError[]> {
  // Not even shown: someone who mixes up the two keys must not find the private one in a log.
  if (/^AGE-SECRET-KEY/i.test(key)) {
    return [
      new LabError('SECRETS_FILE', 'this is a private key: whoever reads this file can open the secrets', {
        at: { file, line },
        expected: 'the public key, age1…',
        hint: 'remove it, make a new identity, and change the secrets if the file was ever committed',
      }),
    ];
  }
  if (await isRecipient(key)) return [];
  return [
    new LabError('SECRETS_FILE', 'this is no age recipient', {
      at: { file, line },
      expected: 'a public key that begins with age1',
      found: key.length > 80 ? `${key.slice(0, 77)}…` : key,
      hint: key.startsWith('ssh-') ? 'SSH keys are not supported: make an age key with lab secrets init' : undefined,
    }),
  ];
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new LabError('SECRETS_FILE', 'the list of recipients cannot be read', {
      at: { file },
      found: (cause as NodeJS.ErrnoException).code ?? String(cause),
      hint: 'lab secrets init makes it',
      cause,
    });
  }
}
