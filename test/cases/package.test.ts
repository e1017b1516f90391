import { describe, expect, test } from 'vitest';
import { KnownAfterApply, type PackageFact } from '../../src/remote/facts/contract.ts';
import type { Step } from '../../src/resources/contract.ts';
import { file } from '../../src/resources/file.ts';
import { packages } from '../../src/resources/package.ts';
import { unit } from '../../src/resources/unit.ts';
import { LabError } from '../../src/shared/errors.ts';
import { changesInOrder, changesOf, planningFacts } from '../support/fake-facts.ts';

type Props = Parameters<typeof packages>[0];

/** The words after `sh -s --`, or null when nothing changes. */
async function words(props: Props, installed: Record<string, Partial<PackageFact>>, runs: Record<string, string> = {}) {
  const [change] = await changesOf(packages(props), { packages: installed, runs });
  const step = change?.apply[0] as Extract<Step, { do: 'run' }> | undefined;
  return step === undefined ? null : step.argv.slice(3).join(' ');
}

const policy = (name: string, version: string) =>
  `${name}:\n  Installed: 1.0-1\n  Candidate: ${version}\n  Version table:\n     ${version} 500\n`;

describe('what apt is asked', () => {
  const cases: [string, Props, Record<string, Partial<PackageFact>>, string | null, Record<string, string>?][] = [
    ['installed', { name: 'curl' }, { curl: {} }, null],
    ['held and installed is as declared', { name: 'curl' }, { curl: { held: true } }, null],
    ['missing', { name: 'curl' }, {}, 'install 300 24 - curl'],
    ['only the missing ones, in one call', { names: ['vim', 'curl', 'git'] }, { git: {} }, 'install 300 24 - curl vim'],
    ['named twice', { names: ['vim', 'vim'] }, {}, 'install 300 24 - vim'],
    ['half-configured counts as missing', { name: 'vim' }, { vim: { broken: true } }, 'install 300 24 - vim'],
    ['another version', { name: 'vim', version: '2:9-1' }, { vim: {} }, 'install 300 24 - vim=2:9-1'],
    ['the version', { name: 'vim', version: '1.0-1' }, { vim: {} }, null],
    [
      'held, allowed',
      { name: 'vim', version: '2', allowHeld: true },
      { vim: { held: true } },
      'install 300 24 held vim=2',
    ],
    ['alone', { name: 'vim', recommends: false }, {}, 'install 300 24 bare vim'],
    ['deadlines', { name: 'vim', lockTimeoutSeconds: 5, indexMaxAgeHours: 1 }, {}, 'install 5 1 - vim'],
    [
      'latest, newer known',
      { name: 'vim', state: 'latest' },
      { vim: {} },
      'install 300 24 - vim=1.1-1',
      { 'apt-cache policy vim': policy('vim', '1.1-1') },
    ],
    [
      'latest, is newest',
      { name: 'vim', state: 'latest' },
      { vim: {} },
      null,
      { 'apt-cache policy vim': policy('vim', '1.0-1') },
    ],
    [
      'latest, in no repository',
      { name: 'vim', state: 'latest' },
      { vim: {} },
      null,
      { 'apt-cache policy vim': 'vim:\n  Candidate: (none)\n' },
    ],
    ['latest, missing', { name: 'vim', state: 'latest' }, {}, 'install 300 24 - vim'],
    ['absent already', { name: 'vim', state: 'absent' }, {}, null],
    ['absent', { names: ['vim', 'git'], state: 'absent' }, { vim: {} }, 'remove 300 - vim'],
  ];
  test.each(cases)('%s', async (_, props, installed, expected, runs) => {
    expect(await words(props, installed, runs)).toBe(expected);
  });
});

test('a held package that would have to change is an error that says what to do', async () => {
  const change = changesOf(packages({ name: 'vim', version: '2' }), { packages: { vim: { held: true } } });
  await expect(change).rejects.toThrow(LabError);
  await expect(change).rejects.toMatchObject({
    code: 'PLAN_IMPOSSIBLE',
    details: { hint: expect.stringContaining('apt-mark unhold vim') },
  });
});

test('a host without a package manager is an error', async () => {
  const change = changesOf(packages({ name: 'vim' }), { system: { packageManager: 'none' } });
  await expect(change).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
});

test.each(['apk', 'dnf', 'pacman'] as const)('%s runs its own script', async (packageManager) => {
  const [change] = await changesOf(packages({ name: 'vim' }), { system: { packageManager } });
  const step = change?.apply[0];
  expect(step?.do === 'run' && typeof step.stdin === 'string' ? step.stdin : '').toContain(`${packageManager} `);
});

test('what comes with an installation is known after it', async () => {
  const facts = planningFacts();
  await changesInOrder([packages({ name: 'nginx' })], facts);
  await expect(changesOf(unit({ name: 'nginx', state: 'running' }), facts)).rejects.toThrow(KnownAfterApply);
  await expect(changesOf(file({ path: '/etc/nginx/x.conf', content: '' }), facts)).rejects.toThrow(KnownAfterApply);
  expect(await changesOf(packages({ name: 'nginx' }), facts)).toEqual([]);
});

const refused: [string, Props][] = [
  ['a name that is an option', { name: '-oDir=/tmp' }],
  ['a name with a version inside', { name: 'vim=1' }],
  ['neither name nor names', {}],
  ['both', { name: 'a', names: ['b'] }],
  ['a version of several', { names: ['vim', 'git'], version: '1' }],
  ['a version with a blank', { name: 'vim', version: '1 git' }],
];
test.each(refused)('%s is refused', (_, props) => {
  expect(() => packages(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});
