import { splitWords, UnfinishedWord } from './words.ts';

/** What arguments for `ssh` say that the inventory of lab has a place for; the first of each counts, as for ssh. */
export interface SshArguments {
  /** Outermost first; empty for an explicit "none". */
  readonly proxyJump?: readonly string[] | undefined;
  readonly identityFile?: string | undefined;
  readonly user?: string | undefined;
  readonly port?: string | undefined;
  readonly configFile?: string | undefined;
  readonly connectTimeout?: string | undefined;
  /** What there is no place for: `-o StrictHostKeyChecking=no`, `-A`. */
  readonly other: readonly string[];
}

type Field = Exclude<keyof SshArguments, 'other' | 'proxyJump'>;

const fields: Readonly<Record<string, Field>> = {
  '-i': 'identityFile',
  '-l': 'user',
  '-p': 'port',
  '-F': 'configFile',
  identityfile: 'identityFile',
  user: 'user',
  port: 'port',
  connecttimeout: 'connectTimeout',
};

/**
 * Reads arguments of OpenSSH's client, as in `ansible_ssh_common_args`.
 *
 * Source: ssh(1), ssh_config(5).
 *
 * @returns undefined when the quotes do not match
 */
export function readSshArguments(text: string): SshArguments | undefined {
  const words = wordsOf(text);
  return words === undefined ? undefined : collect(words).found;
}

function wordsOf(text: string): string[] | undefined {
  try {
    return splitWords(text, { comments: false });
  } catch (thrown) {
    if (thrown instanceof UnfinishedWord) return undefined;
    throw thrown;
  }
}

interface CommandLine {
  readonly found: SshArguments;
  /** The destination, then the command. */
  readonly operands: readonly string[];
  readonly forward: string | undefined;
}

function collect(words: readonly string[]): CommandLine {
  const found: { -readonly [Key in keyof SshArguments]: SshArguments[Key] } & { other: string[] } = { other: [] };
  const operands: string[] = [];
  let forward: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const [, flag, attached = ''] = /^(-[BbcDEeFIiJLlmOopQRSWw])(.*)$/s.exec(word) ?? [];
    if (flag === undefined) {
      if (word.startsWith('-')) found.other.push(word);
      else if (operands.push(word) > 1) {
        operands.push(...words.slice(at + 1));
        break;
      }
      continue;
    }
    const value = attached === '' ? (words[++at] ?? '') : attached;
    const [name, setting] = flag === '-o' ? option(value) : [flag, value];
    const field = fields[name];
    const jump = jumpOf(name, setting);
    if (field !== undefined) found[field] ??= setting;
    else if (jump !== undefined) {
      found.proxyJump ??= jump.path;
      found.other.push(...jump.other);
    } else if (flag === '-W') forward = value;
    // A command may hold a password.
    else found.other.push(name === 'proxycommand' ? '-o ProxyCommand=…' : `${flag} ${value}`);
  }
  return { found, operands, forward };
}

/** `Key=value` or `Key value`; keys are told apart without case. */
function option(text: string): [string, string] {
  const [, key = '', value = ''] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)$/s.exec(text) ?? [];
  return [key.toLowerCase(), value.replace(/^"(.*)"$/s, '$1')];
}

interface Jump {
  readonly path: readonly string[];
  /** What is said of the jump host's own connection. */
  readonly other: readonly string[];
}

function jumpOf(name: string, setting: string): Jump | undefined {
  const isNone = setting.toLowerCase() === 'none';
  if (name === '-J' || name === 'proxyjump')
    return { path: isNone ? [] : setting.split(',').map(plainJump), other: [] };
  if (name !== 'proxycommand') return undefined;
  return isNone ? { path: [], other: [] } : jumpOfCommand(setting);
}

/** `ssh://user@host:22` is another way to write `user@host:22`. */
function plainJump(jump: string): string {
  return jump.trim().replace(/^ssh:\/\//, '');
}

/** `ssh -W %h:%p [-p 22] user@bastion` and `ssh bastion nc %h %p` are jump hosts written out. */
function jumpOfCommand(command: string): Jump | undefined {
  const [program = '', ...words] = wordsOf(command.replace(/^exec\s+/, '')) ?? [];
  if (!/(^|\/)ssh$/.test(program)) return undefined;
  const { found, operands, forward } = collect(words);
  const [destination, ...rest] = operands;
  const isCarried =
    forward === undefined
      ? /^(nc|ncat|netcat)( -\w+( \d+)?)* %h %p$/.test(rest.join(' '))
      : /^\[?%h\]?:%p$/.test(forward);
  if (destination === undefined || !isCarried || found.proxyJump !== undefined) return undefined;
  const user = found.user === undefined || destination.includes('@') ? '' : `${found.user}@`;
  const port = found.port === undefined ? '' : `:${found.port}`;
  const key = found.identityFile === undefined ? [] : [`-i ${found.identityFile} of the jump host`];
  const other = [...found.other.filter((word) => word !== '-q').map((word) => `${word} of the jump host`), ...key];
  return { path: [`${user}${plainJump(destination)}${port}`], other };
}
