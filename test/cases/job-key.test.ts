import { expect, test } from 'vitest';
import { jobKey, restrictedKey } from '../../src/schedule/job-key.ts';
import { changesOf } from '../support/fake-facts.ts';

const one = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
const third = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
const comment = 'lab-schedule:site@nas';
const line = `restrict,from="192.0.2.1,2001:db8::1" ${one} ${comment}`;

/** The file after the change; null when nothing changes. */
async function written(key: string | null, content: string): Promise<string | null> {
  const own = { owner: 'ada', group: 'ada', uid: 1001, gid: 1001 };
  const changes = await changesOf(jobKey({ user: 'ada', comment, key }), {
    users: { ada: { uid: 1001, gid: 1001 } },
    files: {
      '/home/ada': { kind: 'directory', ...own },
      '/home/ada/.ssh': { kind: 'directory', mode: '0700', ...own },
      '/home/ada/.ssh/authorized_keys': { content, mode: '0600', ...own },
    },
  });
  const step = changes.flatMap(({ apply }) => apply).find((step) => step.do === 'write');
  return step === undefined ? null : String(step.content);
}

const commands = { commands: true, opens: [], via: [] };
const restricted = restrictedKey(`${one} made@there`, ['192.0.2.1', '2001:db8::1'], commands) ?? '';

test.each<[string, string | null, string, string | null]>([
  ['added with least rights', restricted, `${other} ada\n`, `${other} ada\n${line}\n`],
  ['there', restricted, `${other} ada\n${line}\n`, null],
  ['bound to other addresses', restricted, `restrict,from="192.0.2.9" ${one} ${comment}\n`, `${line}\n`],
  ['made anew: the old one goes', restricted, `restrict ${other} ${comment}\n`, `${line}\n`],
  [
    'removed, whichever it was',
    null,
    `# mine\n${line}\n${other} ada\nrestrict ${third} ${comment}\n`,
    `# mine\n${other} ada\n`,
  ],
  ['of another job', null, `${one} lab-schedule:other@nas\n`, null],
])('%s', async (_, key, before, after) => expect(await written(key, before)).toBe(after));

test('what is no public key is not authorised', () => {
  expect(restrictedKey('', ['192.0.2.1'], commands)).toBeUndefined();
  expect(restrictedKey('ssh-keygen: command not found', [], commands)).toBeUndefined();
});

test('a jump host forwards to the hosts behind it alone, and runs nothing', () => {
  const rights = { commands: false, opens: ['10.0.0.5', 'fd00::5'], via: ['192.0.2.7'] };
  expect(restrictedKey(one, ['192.0.2.1'], rights)).toBe(
    `restrict,port-forwarding,permitopen="10.0.0.5:*",permitopen="[fd00::5]:*",command="exit 1",from="192.0.2.1,192.0.2.7" ${one}`,
  );
});
