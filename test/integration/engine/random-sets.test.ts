import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Resource } from '../../../src/resources/contract.ts';
import { directory } from '../../../src/resources/directory.ts';
import { file } from '../../../src/resources/file.ts';
import { symlink } from '../../../src/resources/symlink.ts';
import { user } from '../../../src/resources/user.ts';
import fc from '../../support/fast-check.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

/** What a random resource declares, in words that an independent reader can check. */
interface Wanted {
  readonly declare: (folder: string) => Resource;
  /** Lines that `describe` prints for it. */
  readonly expected: (folder: string) => string;
}

const text = fc.string({ unit: 'grapheme', maxLength: 300 }).map((value) => value.replaceAll('\0', ''));
const hostile = fc.constantFrom(
  "'",
  '"',
  '$(touch /srv/bad)',
  '`id`',
  '\n',
  '\\',
  '-rf',
  '*',
  ' ',
  'ü',
  '%s',
  '\t',
  '#',
);
/** One component of a path: anything but a slash and NUL, and not too long. */
const name = fc
  .tuple(fc.array(hostile, { maxLength: 4 }), fc.stringMatching(/^[a-z0-9]{1,8}$/))
  .map(([parts, plain]) => `${parts.join('')}${plain}`.replaceAll('/', '_'));
const mode = fc.constantFrom('0644', '0600', '0755', '0440', '2750', '1777');

const wantedFile = fc.record({ name, content: text, mode }).map(
  ({ name, content, mode }): Wanted => ({
    declare: (folder) => file({ path: `${folder}/f-${name}`, content, mode }),
    expected: (folder) => `f-${name}|regular|${mode}|${Buffer.from(content).toString('base64')}|${folder}`,
  }),
);
const wantedDirectory = fc.record({ name, mode }).map(
  ({ name, mode }): Wanted => ({
    declare: (folder) => directory({ path: `${folder}/d-${name}`, mode }),
    expected: (folder) => `d-${name}|directory|${mode}||${folder}`,
  }),
);
const wantedLink = fc.record({ name, target: name }).map(
  ({ name, target }): Wanted => ({
    declare: (folder) => symlink({ path: `${folder}/l-${name}`, target }),
    expected: (folder) => `l-${name}|symbolic|0777|${Buffer.from(target).toString('base64')}|${folder}`,
  }),
);

let host: StartedHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.remove());

/** Reads a folder with tools that the product does not use for it. */
async function describeFolder(folder: string): Promise<string[]> {
  const script = `
cd "$1" || exit 1
for entry in * .[!.]*; do
  [ -e "$entry" ] || [ -L "$entry" ] || continue
  if [ -L "./$entry" ]; then kind=symbolic; body=$(readlink -n -- "./$entry" | base64 -w0)
  elif [ -d "./$entry" ]; then kind=directory; body=
  else kind=regular; body=$(base64 -w0 <"./$entry"); fi
  printf '%s|%s|%04d|%s|%s\\0' "$entry" "$kind" "$(find "./$entry" -maxdepth 0 -printf '%m')" "$body" "$1"
done`;
  const { stdout } = await host.exec(['sh', '-c', script, 'sh', folder]);
  return stdout
    .split('\0')
    .filter((line) => line !== '')
    .sort();
}

it('converges in one run for any set of resources, and an independent reader agrees', async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.oneof(wantedFile, wantedDirectory, wantedLink), {
        minLength: 1,
        maxLength: 12,
        selector: (wanted) => wanted.expected('').split('|')[0],
      }),
      fc.boolean(),
      async (wanted, withUser) => {
        const folder = `/srv/round ${++round}`;
        const login = `user${round}`;
        const resources = () => [
          directory({ path: folder }),
          ...wanted.map((one) => one.declare(folder)),
          withUser && user({ name: login, shell: '/bin/sh' }),
          withUser && file({ path: `/srv/of-${login}`, content: login, owner: login, group: login }),
        ];
        const check = await runOn(host, resources, { mode: 'check' });
        const first = await runOn(host, resources);
        expect(first.finished.failure).toBeUndefined();
        expect(first.finished.counts.differences).toBe(0);
        expect(first.changed.toSorted()).toEqual(
          check.planned
            .filter(({ outcome }) => outcome === 'change')
            .map(({ resource }) => resource)
            .toSorted(),
        );
        expect(await describeFolder(folder)).toEqual(wanted.map((one) => one.expected(folder)).sort());
        if (withUser) expect(await host.sh(`stat -c %U:%G /srv/of-${login}`)).toBe(`${login}:${login}\n`);

        const second = await runOn(host, resources);
        expect(second.finished).toMatchObject({ status: 'ok', roundTrips: 1, counts: { changed: 0 } });
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
  expect((await host.exec(['ls', '/srv/bad'])).exitCode).not.toBe(0);
}, 180_000);
