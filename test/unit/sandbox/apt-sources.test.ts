import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const script = new URL('../../../src/sandbox/image/apt-sources.sh', import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), 'labwright-apt-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

function sourcesFrom(files: Record<string, string>): string[] {
  count += 1;
  const folder = join(root, String(count));
  mkdirSync(join(folder, 'sources.list.d'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return execFileSync('sh', [script, folder], { encoding: 'utf8' }).trimEnd().split('\n');
}

test('one-line entries keep their options; sources, other components and other archives are left out', () => {
  const text = [
    '# deb http://commented.example/debian bookworm main',
    'deb [arch=amd64 signed-by=/usr/share/keyrings/mirror.gpg] http://mirror.example/debian bookworm main contrib',
    '  deb http://mirror.example/debian-security bookworm-security main non-free-firmware',
    'deb-src http://mirror.example/debian bookworm main',
    'deb https://deb.nodesource.com/node_20.x nodistro main',
    'deb http://mirror.example/debian bookworm-backports main',
  ];
  expect(sourcesFrom({ 'sources.list': text.join('\n') })).toEqual([
    'deb [arch=amd64 signed-by=/usr/share/keyrings/mirror.gpg] http://mirror.example/debian bookworm main',
    'deb http://mirror.example/debian-security bookworm-security main',
  ]);
});

test('deb822 stanzas become one line for each URI and suite', () => {
  const text = [
    'Types: deb deb-src',
    'URIs: http://mirror.example/debian',
    'Suites: bookworm',
    ' bookworm-updates',
    'Components: main contrib',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    '',
    '# a comment',
    'Types: deb',
    'Enabled: no',
    'URIs: http://off.example/debian',
    'Suites: bookworm',
    'Components: main',
    '',
    'types: deb',
    'uris: http://security.example/debian-security',
    'suites: bookworm-security',
    'components: main',
    'trusted: yes',
  ];
  const keyring = 'signed-by=/usr/share/keyrings/debian-archive-keyring.gpg';
  expect(sourcesFrom({ 'sources.list.d/debian.sources': text.join('\n') })).toEqual([
    `deb [${keyring}] http://mirror.example/debian bookworm main`,
    `deb [${keyring}] http://mirror.example/debian bookworm-updates main`,
    'deb [trusted=yes] http://security.example/debian-security bookworm-security main',
  ]);
});

test('an inline key is left to the keyring of the image', () => {
  const text = [
    'Types: deb',
    'URIs: http://mirror.example/debian',
    'Suites: bookworm',
    'Components: main',
    'Signed-By:',
    ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
    ' .',
    ' mQINBF',
    ' -----END PGP PUBLIC KEY BLOCK-----',
  ];
  expect(sourcesFrom({ 'sources.list.d/debian.sources': text.join('\n') })).toEqual([
    'deb http://mirror.example/debian bookworm main',
  ]);
});

test('without an archive of our release it says what is missing, and asks no other', () => {
  for (const files of [{}, { 'sources.list': 'deb http://archive.example/ubuntu jammy main' }]) {
    expect(() => sourcesFrom(files)).toThrow(/no mirror of Debian bookworm among apt's sources/);
  }
});
