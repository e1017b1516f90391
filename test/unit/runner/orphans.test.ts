import { expect, test } from 'vitest';
import { packagesIn, revertStep, sparing } from '../../../src/resources/packages/manager.ts';
import { orphansOf, stillDeclared } from '../../../src/runner/journal/owned.ts';

const owned = (...keys: string[]) => keys.map((key) => ({ role: 'base', key }));

test('what is not declared any more is orphaned, whatever its type', () => {
  const listed = owned('file:/etc/motd', 'package:curl', 'unit:web.service');
  expect(orphansOf(listed, owned('unit:web.service'))).toEqual(owned('file:/etc/motd', 'package:curl'));
});

test.each([
  ['one more', ['package:curl,htop,sudo'], []],
  ['in two parts', ['package:curl', 'package:htop,sudo'], []],
  ['one fewer', ['package:sudo'], ['package:curl,sudo']],
  ['a name that begins like it', ['package:curl,sudo-ldap'], ['package:curl,sudo']],
  ['none', ['file:curl,sudo'], ['package:curl,sudo']],
])('a list of packages is orphaned when one of them is declared nowhere: %s', (_, declared, orphans) => {
  expect(orphansOf(owned('package:curl,sudo'), owned(...declared))).toEqual(owned(...orphans));
});

test('of a list that goes, what is still declared is spared, and by its own undoing alone', () => {
  expect(stillDeclared(owned('package:curl,sudo'), owned('package:htop,sudo'))).toEqual(['sudo']);
  expect(sparing(revertStep('apt', 300), ['sudo'])).toMatchObject({
    argv: ['sh', '-s', '--', 'revert', '300', 'sudo'],
  });
  const other = { do: 'run', argv: ['rm', '-f', '/srv/x'] } as const;
  expect(sparing(other, ['sudo'])).toEqual(other);
  expect(packagesIn('file:/srv/package:x')).toEqual([]);
});
