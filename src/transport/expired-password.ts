import type { Duplex } from 'node:stream';
import { LabError } from '../shared/errors.ts';
import { reveal, type Secret } from '../shared/secret.ts';
import type { Connection } from './contract.ts';
import { SshConnection } from './ssh-connection.ts';

/** The host is given this long between two questions, and this long to say that it does not like the answers. */
const patienceMilliseconds = 30_000;
const settleMilliseconds = 2000;

/** What a host says to whoever logs in with a password that has to be changed first: it changes that, and does nothing else. */
export function saysExpired(output: string): boolean {
  return /password has expired|password change required|required to change your password/i.test(output);
}

/**
 * Gives an account whose password has expired a new one, in the only way that sshd leaves: on a terminal, in a login that ends with it.
 *
 * @throws LabError AUTH_FAILED with what it said when it does not take the new password
 */
export async function changeExpiredPassword(connection: Connection, current: Secret, next: Secret): Promise<void> {
  if (!(connection instanceof SshConnection)) throw new TypeError('only a login over ssh2 has a terminal');
  const terminal = await connection.terminal();
  const { said, taken } = await answer(terminal, reveal(current), reveal(next));
  if (taken) return;
  throw new LabError('AUTH_FAILED', `${connection.host} did not take the new password`, {
    host: connection.host,
    expected: 'a password that its rules allow',
    found: lastWords(said, [reveal(current), reveal(next)]),
    hint: 'try another, or log in once with ssh and change it there',
  });
}

interface Dialogue {
  readonly said: string;
  /** It asked for the present password and twice for the new one, and then for nothing more. */
  readonly taken: boolean;
}

/** Answers what the host asks. What follows is a shell, or the end of the session, and sshd decides which. */
function answer(terminal: Duplex, current: string, next: string): Promise<Dialogue> {
  return new Promise((resolve) => {
    let said = '';
    let unanswered = '';
    let confirmed = false;
    let timer: NodeJS.Timeout | undefined;
    const finish = (taken: boolean) => {
      clearTimeout(timer);
      terminal.destroy();
      resolve({ said, taken });
    };
    const waitFor = (milliseconds: number, taken: boolean) => {
      clearTimeout(timer);
      timer = setTimeout(() => finish(taken), milliseconds);
    };
    waitFor(patienceMilliseconds, false);
    terminal.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      unanswered += chunk.toString();
      const question = /(current|old|new|retype|again)[^\n]*:\s*$/i.exec(unanswered)?.[1]?.toLowerCase();
      if (question === undefined) {
        if (confirmed && unanswered.trim() !== '') waitFor(settleMilliseconds, true);
        return;
      }
      // It asks anew for a password that it does not take: nothing would change that.
      if (confirmed) return finish(false);
      unanswered = '';
      confirmed = question === 'retype' || question === 'again';
      terminal.write(`${question === 'current' || question === 'old' ? current : next}\n`);
      waitFor(patienceMilliseconds, false);
    });
    terminal.on('close', () => finish(confirmed));
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
