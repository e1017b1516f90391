import type { Duplex } from 'node:stream';
import { LabError } from '../shared/errors.ts';
import { reveal, type Secret } from '../shared/secret.ts';
import type { Connection } from './contract.ts';
import { SshConnection } from './ssh-connection.ts';

/** passwd(1) is given this long between two questions. */
const patienceMilliseconds = 30_000;

/** What a host says to whoever logs in with a password that has to be changed first: it runs passwd(1), and nothing else. */
export function saysExpired(output: string): boolean {
  return /password has expired|password change required|required to change your password/i.test(output);
}

/**
 * Gives an account whose password has expired a new one, in the only way that sshd leaves: on a terminal, in a login that ends with it.
 *
 * @throws LabError AUTH_FAILED with what passwd(1) said when it does not take the new password
 */
export async function changeExpiredPassword(connection: Connection, current: Secret, next: Secret): Promise<void> {
  if (!(connection instanceof SshConnection)) throw new TypeError('only a login over ssh2 has a terminal');
  const terminal = await connection.terminal();
  const said = await answerPasswd(terminal, reveal(current), reveal(next));
  if (/updated successfully|tokens updated/i.test(said)) return;
  throw new LabError('AUTH_FAILED', `${connection.host} did not take the new password`, {
    host: connection.host,
    expected: 'a password that its rules allow',
    found: lastWords(said, [reveal(current), reveal(next)]),
    hint: 'try another, or log in once with ssh and change it there',
  });
}

/** Answers what passwd asks, until it ends; gives all that it said. */
function answerPasswd(terminal: Duplex, current: string, next: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    let unanswered = '';
    let asked = 0;
    let timer: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(timer);
      terminal.destroy();
      resolve(said);
    };
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(finish, patienceMilliseconds);
    };
    wait();
    terminal.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      unanswered += chunk.toString();
      const question = /(current|old|new|retype|again)[^\n]*:\s*$/i.exec(unanswered)?.[1]?.toLowerCase();
      if (question === undefined) return;
      unanswered = '';
      // It asks anew for a password that it does not take: nothing would change that.
      if (++asked > 3) return finish();
      terminal.write(`${question === 'current' || question === 'old' ? current : next}\n`);
      wait();
    });
    terminal.on('close', finish);
  });
}

function lastWords(said: string, secrets: readonly string[]): string {
  const lines = secrets
    .reduce((text, secret) => text.replaceAll(secret, '…'), said)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.at(-2) ?? lines.at(-1) ?? 'nothing';
}
