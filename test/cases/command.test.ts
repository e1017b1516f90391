import { describe, expect, test } from 'vitest';
import { KnownAfterApply, type RunFact } from '../../src/remote/facts/contract.ts';
import { command } from '../../src/resources/command.ts';
import { Secret } from '../../src/shared/secret.ts';
import { changesInOrder, changesOf, type FakeHost, planningFacts, triggeredBy } from '../support/fake-facts.ts';

type Props = Omit<Parameters<typeof command>[0], 'argv'>;
const argv = ['make', 'it so', '$(id)'];
const exits = (exitCode: number): RunFact => ({ exitCode, stdout: '' });

describe('when it runs', () => {
  const cases: [string, Props, FakeHost, boolean][] = [
    ['always', {}, {}, true],
    ['unless succeeds', { unless: ['look'] }, { runs: { look: exits(0) } }, false],
    ['unless fails', { unless: ['look'] }, { runs: { look: exits(1) } }, true],
    ['unless is no program', { unless: ['look'] }, { runs: { look: exits(127) } }, true],
    ['creates exists', { creates: '/srv/x' }, { files: { '/srv/x': '' } }, false],
    ['creates is a dangling link', { creates: '/srv/x' }, { files: { '/srv/x': { kind: 'symlink' } } }, false],
    ['creates is missing', { creates: '/srv/x' }, {}, true],
    ['removes is missing', { removes: '/srv/x' }, {}, false],
    ['removes exists', { removes: '/srv/x' }, { files: { '/srv/x': '' } }, true],
    [
      'one guard of two is enough',
      { unless: ['look'], creates: '/srv/x' },
      { runs: { look: exits(1) }, files: { '/srv/x': '' } },
      false,
    ],
    ['only when triggered', { onlyWhenTriggered: true }, {}, false],
  ];
  test.each(cases)('%s', async (_, props, host, runs) => {
    expect(await changesOf(command({ argv, ...props }), host)).toHaveLength(runs ? 1 : 0);
  });
});

test('a command without a guard says that it applies every time; one with a guard does not', async () => {
  expect((await changesOf(command({ argv })))[0]?.always).toBe(true);
  expect((await changesOf(command({ argv, creates: '/srv/x' })))[0]?.always).toBeUndefined();
});

test('words are data, the secret goes through stdin, and the plan shows neither shell nor secret', async () => {
  const [change] = await changesOf(
    command({ argv, stdin: new Secret('canary'), env: { A: "'" }, runAs: 'root', cwd: '/srv' }),
  );
  expect(change?.apply).toMatchObject([
    { do: 'run', argv, env: { A: "'" }, user: 'root', cwd: '/srv', timeoutSeconds: 600 },
  ]);
  expect(change?.after).toBe(`make 'it so' '$(id)'`);
  expect(JSON.stringify(change)).not.toContain('canary');
});

test('it is undone by the command that was declared for it, or not at all', async () => {
  expect((await changesOf(command({ argv })))[0]?.revert).toEqual([]);
  expect((await changesOf(command({ argv, revert: ['undo'] })))[0]?.revert).toMatchObject([{ argv: ['undo'] }]);
});

test('triggered it runs once, also when it runs anyway', async () => {
  expect(await triggeredBy('run', command({ argv, onlyWhenTriggered: true }))).toHaveLength(1);
  expect(await triggeredBy('run', command({ argv, creates: '/srv/x' }), { files: { '/srv/x': '' } })).toHaveLength(1);
  expect(await triggeredBy('run', command({ argv }))).toEqual([]);
});

test('what it may bring is known after it', async () => {
  const facts = planningFacts();
  await changesInOrder([command({ argv })], facts);
  await expect(changesOf(command({ argv, creates: '/srv/x' }), facts)).rejects.toThrow(KnownAfterApply);
});

test('a guard that hangs is an error', async () => {
  const changes = changesOf(command({ argv, unless: ['look'] }), { runs: { look: exits(124) } });
  await expect(changes).rejects.toMatchObject({ code: 'READ_FAILED' });
});

test('two uses of one command need an id', () => {
  expect(command({ argv: ['a', 'b c'] }).id).toBe(`a 'b c'`);
  expect(command({ argv: ['a'], id: 'first' }).id).toBe('first');
});
