import { expect, test } from 'vitest';
import { KnownAfterApply } from '../../src/remote/facts/contract.ts';
import { gitCheckout } from '../../src/resources/git-checkout.ts';
import { scriptArgv } from '../../src/resources/shared/script.ts';
import { changesOf } from '../support/fake-facts.ts';

const path = '/srv/app';
const repository = 'https://git.example.org/app.git';
const [one, two] = ['1'.repeat(40), '2'.repeat(40)];
const declared = gitCheckout({ path, repository, revision: 'main' });
const present = { [path]: { kind: 'directory' } } as const;

function host(answer: string, files: Parameters<typeof changesOf>[1] = { files: present }) {
  return { ...files, runs: { [scriptArgv('git-read', [path, repository, 'main', '']).join(' ')]: answer } };
}

test('the commit of the branch is checked out: nothing', async () => {
  expect(await changesOf(declared, host(`head=${one}\norigin=${repository}\nwanted=${one}\n`))).toEqual([]);
});

test('a branch that moved on: exactly the commit of the plan, and back to the branch of before', async () => {
  const [change] = await changesOf(declared, host(`head=${one}\nbranch=old\norigin=x\nwanted=${two}\n`));
  expect(change).toMatchObject({ before: one, after: `${two} (main)` });
  expect(change?.apply.map((step) => step.do === 'run' && step.argv.slice(4))).toEqual([
    [path, repository, 'main', two, '', 'no'],
  ]);
  expect(change?.revert.map((step) => step.do === 'run' && step.argv.slice(4))).toEqual([[path, 'x', 'old']]);
});

test('absent: made for its user, removed again', async () => {
  const app = gitCheckout({ path, repository, revision: 'main', user: 'app' });
  const [change] = await changesOf(app, host(`wanted=${two}\n`, {}));
  expect(change).toMatchObject({
    before: null,
    apply: [{ argv: ['install', '-d', '-m', '0755', '-o', 'app', path] }, { user: 'app' }],
    revert: [{ do: 'remove', path, recursive: true }],
  });
});

test.each([
  ['no such branch', 'wanted=\n', /no branch or tag "main"/],
  ['the repository does not answer', 'failure=fatal: unable to access\n', /could be read/],
  ['no git', 'missing=git\n', /git is not installed/],
  ['local changes', `head=${one}\norigin=${repository}\ndirty=yes\nwanted=${two}\n`, /local changes/],
])('impossible: %s', async (_, answer, message) => {
  await expect(changesOf(declared, host(answer))).rejects.toThrow(message);
});

test('forced over local changes, which a rollback brings back', async () => {
  const forced = gitCheckout({ path, repository, revision: 'main', force: true });
  const [change] = await changesOf(forced, host(`head=${one}\norigin=${repository}\ndirty=yes\nwanted=${one}\n`));
  expect(change?.revert).toEqual([
    { do: 'remove', path, recursive: true },
    { do: 'restore', path },
  ]);
});

test.each([
  ['a password in the address', { repository: 'https://me:pw@example.org/x.git', revision: 'main' }],
  ['an option as repository', { repository: '--upload-pack=x', revision: 'main' }],
  ['an option as revision', { repository, revision: '-x' }],
])('refused: %s', (_, props) => {
  expect(() => gitCheckout({ path, ...props })).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});

test('where nothing is known yet it waits', async () => {
  await expect(changesOf(declared, { ...host('wanted=\n', {}), unsettledBy: 'package git' })).rejects.toThrow(
    KnownAfterApply,
  );
});
