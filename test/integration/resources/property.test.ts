import { afterAll, beforeAll, expect, test } from 'vitest';
import { absent } from '../../../src/resources/absent.ts';
import type { Resource } from '../../../src/resources/contract.ts';
import { directory } from '../../../src/resources/directory.ts';
import { file } from '../../../src/resources/file.ts';
import { line } from '../../../src/resources/line.ts';
import { symlink } from '../../../src/resources/symlink.ts';
import fc from '../../support/fast-check.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { revertLastRun } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';

/** What is at a path, as an independent reader tells it: kind, mode, and content or target as base64. */
type State =
  | { kind: 'file'; mode: string; text: string }
  | { kind: 'directory'; mode: string }
  | { kind: 'link'; text: string }
  | null;

let host: StartedHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.remove());

const names = ['a b', "it's", '$(x)', '-f', 'ü\nb', '%s*'];
const text = fc.string({
  unit: fc.constantFrom('a', '\n', '\r\n', "'", '"', '$(id)', '\\', 'ü', '\0', '%'),
  maxLength: 12,
});
const mode = fc.constantFrom('0644', '0600', '0755', '2750', '4711');
const target = fc.constantFrom('a', '-n', "/no/it's", 'ü b');
const fileState = fc.record({ kind: fc.constant('file' as const), mode, text });
const state: fc.Arbitrary<State> = fc.oneof(
  fc.constant(null),
  fileState,
  fc.record({ kind: fc.constant('directory' as const), mode }),
  fc.record({ kind: fc.constant('link' as const), text: target }),
);
const pair = fc.oneof(
  fc.record({ before: state, after: state, line: fc.constant(null) }),
  fc.record({ before: fileState, after: fc.constant(null), line: fc.constantFrom('x', 'ü', "it's $(id)") }),
);
type Pair = { before: State; after: State; line: string | null };

/** A path whose kind changes is refused, which the case tables hold; here such a path begins absent. */
const begin = ({ before, after, line }: Pair): State => {
  if (line !== null)
    return before?.kind === 'file' && !before.text.includes('\0') ? before : { kind: 'file', mode: '0644', text: '' };
  return before === null || after === null || before.kind === after.kind ? before : null;
};

function declare(path: string, { after, line: text }: Pair): Resource {
  if (text !== null) return line({ path, line: text });
  if (after === null) return absent({ path, recursive: true });
  if (after.kind === 'file') return file({ path, content: after.text, mode: after.mode });
  return after.kind === 'directory' ? directory({ path, mode: after.mode }) : symlink({ path, target: after.text });
}

const word = (value: string) => `'${value.split("'").join(`'"'"'`)}'`;
const pathOf = (index: number) => `/srv/random/${names[index]}`;

async function make(index: number, wanted: State): Promise<string> {
  const path = word(pathOf(index));
  if (wanted === null) return '';
  if (wanted.kind === 'directory') return `mkdir ${path}; chmod ${wanted.mode} ${path}`;
  if (wanted.kind === 'link') return `ln -s -- ${word(wanted.text)} ${path}`;
  const content = Buffer.from(wanted.text).toString('base64');
  return `echo ${content} | base64 -d >${path}; chmod ${wanted.mode} ${path}`;
}

async function readAll(): Promise<State[]> {
  const script = names.map((_, index) => {
    const path = word(pathOf(index));
    return `if [ -L ${path} ]; then echo link "$(readlink -n ${path} | base64 -w 0)"; elif [ -d ${path} ]; then echo directory "$(stat -c %04a ${path})"; elif [ -e ${path} ]; then echo file "$(stat -c %04a ${path})" "$(base64 -w 0 ${path})"; else echo nothing; fi`;
  });
  const decode = (part = '') => Buffer.from(part, 'base64').toString();
  return (await host.sh(script.join('\n')))
    .trimEnd()
    .split('\n')
    .map((told): State => {
      const [kind, first = '', second] = told.split(' ');
      if (kind === 'file') return { kind, mode: first, text: decode(second) };
      if (kind === 'directory') return { kind, mode: first };
      return kind === 'link' ? { kind, text: decode(first) } : null;
    });
}

test('random sets converge in one run, are what was declared, and go back to what was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(pair, { minLength: names.length, maxLength: names.length }), async (pairs) => {
      const before = pairs.map(begin);
      const made = await Promise.all(before.map((wanted, index) => make(index, wanted)));
      await host.sh(`rm -rf /srv/random; mkdir /srv/random; cd /srv/random; ${made.filter(Boolean).join('; ')}`);
      expect(await readAll()).toEqual(before);
      const declared = () => pairs.map((one, index) => declare(pathOf(index), one));

      const check = await runOn(host, declared, { mode: 'check' });
      const first = await runOn(host, declared);
      expect(first.finished.failure).toBeUndefined();
      expect(first.planned).toEqual(check.planned);
      expect(first.changed).toEqual(
        check.planned.filter(({ outcome }) => outcome === 'change').map(({ resource }) => resource),
      );
      const after = await readAll();
      for (const [index, one] of pairs.entries()) {
        const found = after[index];
        if (one.line === null) expect(found).toEqual(one.after);
        else expect(found?.kind === 'file' && found.text.split(/\r?\n/)).toContain(one.line);
      }
      expect((await runOn(host, declared)).finished).toMatchObject({ status: 'ok', roundTrips: 1 });
      if (first.changed.length > 0) await revertLastRun(host);
      expect(await readAll()).toEqual(before);
    }),
    { numRuns: 12, endOnFailure: true },
  );
}, 180_000);
