import type { Host } from '../../model/types.ts';
import { asLabError, LabError } from '../../shared/errors.ts';
import { reveal, Secret } from '../../shared/secret.ts';
import type { Connection, ConnectionSettings } from '../../transport/contract.ts';
import { changeExpiredPassword, saysExpired } from '../../transport/expired-password.ts';
import { collect } from '../../transport/index.ts';
import type { Reach } from '../endpoints.ts';

/** Variables for whom nobody can be asked: a job, a script. They are read and never passed on. */
export const passwordVariables = { login: 'LAB_SSH_PASSWORD', next: 'LAB_NEW_PASSWORD', become: 'LAB_BECOME_PASSWORD' };

export interface FirstContactOptions {
  readonly askPass?: boolean | undefined;
  readonly askBecomePass?: boolean | undefined;
  readonly say: (line: string) => void;
}

/**
 * Logs in to a fresh machine with what it takes: a key, else a password, which is asked for when there is somebody to ask. A password that
 * has to be changed first is changed.
 *
 * @returns the host with the login that works
 * @throws LabError as `connect`; AUTH_FAILED when a password is needed and nobody can be asked
 */
export async function firstContact(host: Host, reach: Reach, options: FirstContactOptions): Promise<Host> {
  let current = withPassword(host, await givenPassword(options));
  for (let changed = false; ; changed = true) {
    try {
      const { connection } = await reach(current, 'declared');
      await using open = connection;
      const expired = await isExpired(open);
      if (!expired) return withBecomePassword(current, await becomePassword(current, options));
      if (changed) throw expiredStill(host);
      current = withPassword(host, await giveNewPassword(open, current, options));
    } catch (thrown) {
      const error = asLabError(thrown);
      const ask = error.code === 'AUTH_FAILED' && current.connection.password === undefined && process.stdin.isTTY;
      if (!ask)
        throw error.code === 'AUTH_FAILED' && current.connection.password === undefined ? withWays(error) : error;
      options.say('no key is let in');
      current = withPassword(host, await asked(`Password of ${current.connection.user}`));
    }
  }
}

async function givenPassword({ askPass }: FirstContactOptions): Promise<Secret | undefined> {
  return askPass ? asked('SSH password') : fromEnvironment(passwordVariables.login);
}

async function becomePassword({ connection }: Host, options: FirstContactOptions): Promise<Secret | undefined> {
  if (connection.become === 'none') return undefined;
  if (options.askBecomePass) return asked('sudo password');
  return fromEnvironment(passwordVariables.become) ?? connection.password;
}

async function isExpired(connection: Connection): Promise<boolean> {
  const { code, stdout, stderr } = await collect(await connection.start(['true']));
  return code !== 0 && saysExpired(`${stdout}${stderr}`);
}

async function giveNewPassword(connection: Connection, host: Host, options: FirstContactOptions): Promise<Secret> {
  const { user, password } = host.connection;
  options.say(`the password of ${user} has to be changed first`);
  const current = password ?? (process.stdin.isTTY ? await asked(`Password of ${user}, as it is now`) : undefined);
  if (current === undefined) throw needed(host, passwordVariables.login, 'the password as it is now');
  const next = fromEnvironment(passwordVariables.next) ?? (process.stdin.isTTY ? await askedTwice(user) : undefined);
  if (next === undefined) throw needed(host, passwordVariables.next, 'a new password');
  refuseUntypable(next);
  await changeExpiredPassword(connection, current, next);
  options.say('changed');
  return next;
}

/** At a terminal a control character is a key, such as Enter, and the password another one than was given. */
function refuseUntypable(password: Secret): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  if (!/[\u0000-\u001f\u007f]/.test(reveal(password))) return;
  throw new LabError('USAGE', 'the new password holds what cannot be typed', {
    expected: `a password on one line, without control characters, in ${passwordVariables.next}`,
    found: 'a line break, a tab, or another control character',
  });
}

function needed({ name, connection }: Host, variable: string, expected: string): LabError {
  return new LabError(
    'AUTH_FAILED',
    `${name} wants the password of ${connection.user} changed before it lets anybody work`,
    {
      host: name,
      expected: `${expected}: at a terminal, or in ${variable}`,
      found: 'nobody to ask',
    },
  );
}

function expiredStill({ name }: Host): LabError {
  return new LabError('AUTH_FAILED', `${name} says still that the password has expired`, {
    host: name,
    hint: 'log in once with ssh and change it there',
  });
}

function withWays({ code, message, details }: LabError): LabError {
  const ways = `a password: --ask-pass, or in ${passwordVariables.login}; a key: --identity FILE`;
  return new LabError(code, message, {
    ...details,
    hint: details.hint === undefined ? ways : `${details.hint}; ${ways}`,
  });
}

function fromEnvironment(variable: string): Secret | undefined {
  const value = process.env[variable];
  return value === undefined || value === '' ? undefined : new Secret(value, variable);
}

async function asked(message: string): Promise<Secret> {
  const { password } = await import('@inquirer/prompts');
  return new Secret(await password({ message, mask: false }, { output: process.stderr }), message);
}

async function askedTwice(user: string | undefined): Promise<Secret> {
  const { password } = await import('@inquirer/prompts');
  for (;;) {
    const [first, second] = [
      await password({ message: `New password of ${user}`, mask: false }, { output: process.stderr }),
      await password({ message: 'Once more', mask: false }, { output: process.stderr }),
    ];
    if (first === second && first !== '') return new Secret(first, 'new password');
    process.stderr.write('They are not the same.\n');
  }
}

function withPassword(host: Host, password: Secret | undefined): Host {
  return connectedWith(host, password === undefined ? {} : { password });
}

function withBecomePassword(host: Host, becomePassword: Secret | undefined): Host {
  return connectedWith(host, becomePassword === undefined ? {} : { becomePassword });
}

function connectedWith(host: Host, settings: Partial<ConnectionSettings>): Host {
  return { ...host, connection: { ...host.connection, ...settings } };
}
