import { describe, expect, test } from 'vitest';
import { KnownAfterApply } from '../../src/remote/facts/contract.ts';
import { line } from '../../src/resources/line.ts';
import { changesInOrder, changesOf, type FakeHost, planningFacts } from '../support/fake-facts.ts';
import fc from '../support/fast-check.ts';

const path = '/etc/app.conf';
type Props = Omit<Parameters<typeof line>[0], 'path'>;

/** The content after the change; `null` when nothing changes. */
async function edited(props: Props, content: string | Uint8Array): Promise<string | null> {
  const [change] = await changesOf(line({ path, ...props }), { files: { [path]: { content } } });
  const step = change?.apply[0];
  return step?.do === 'write' ? Buffer.from(step.content as Uint8Array).toString('latin1') : null;
}

describe('present', () => {
  const cases: [string, Props, string, string | null][] = [
    ['there already', { line: 'b' }, 'a\nb\nc\n', null],
    ['there already, with CRLF', { line: 'b' }, 'a\r\nb\r\n', null],
    ['there already, as last line without newline', { line: 'b' }, 'a\nb', null],
    ['a part of a line is not the line', { line: 'b' }, 'abc\n', 'abc\nb\n'],
    ['appended', { line: 'b' }, 'a\n', 'a\nb\n'],
    ['appended to an empty file', { line: 'b' }, '', 'b\n'],
    ['appended after a last line without newline', { line: 'b' }, 'a', 'a\nb\n'],
    ['appended with the CRLF of the file', { line: 'b' }, 'a\r\n', 'a\r\nb\r\n'],
    ['appended with CRLF after a last line without one', { line: 'c' }, 'a\r\nb', 'a\r\nb\r\nc\r\n'],
    ['replaces the last match', { line: 'P 2', match: /^P / }, 'P 0\nx\nP 1\ny\n', 'P 0\nx\nP 2\ny\n'],
    ['replaces a last line without newline', { line: 'P 2', match: /^P / }, 'x\nP 1', 'x\nP 2'],
    ['keeps CRLF of the replaced line', { line: 'P 2', match: /^P \d$/ }, 'P 1\r\nx\n', 'P 2\r\nx\n'],
    ['unique removes other matches', { line: 'P 2', match: /^P /, unique: true }, 'P 0\nx\nP 1\n', 'x\nP 2\n'],
    ['unique, in sync', { line: 'P 2', match: /^P /, unique: true }, 'x\nP 2\n', null],
    ['no match but the exact line', { line: 'new', match: /^old$/ }, 'new\n', null],
    ['a line that match does not recognise replaces once', { line: 'new', match: /^old$/ }, 'old\nold\n', 'old\nnew\n'],
    ['and is then in sync', { line: 'new', match: /^old$/ }, 'old\nnew\n', null],
    ['unless it shall be the only one', { line: 'new', match: /^old$/, unique: true }, 'old\nnew\nold\n', 'new\n'],
    ['no match, no line', { line: 'new', match: /^old$/ }, 'x\n', 'x\nnew\n'],
    ['after the last match', { line: 'n', after: /^s/ }, 's1\ns2\nt\n', 's1\ns2\nn\nt\n'],
    ['after a last line without newline', { line: 'n', after: /^s/ }, 's', 's\nn\n'],
    ['after something that is missing: at the end', { line: 'n', after: /^z/ }, 'a\n', 'a\nn\n'],
    ['before the last match', { line: 'n', before: /^s/ }, 's1\ns2\nt\n', 's1\nn\ns2\nt\n'],
    ['at the start', { line: 'n', before: 'start' }, 'a\n', 'n\na\n'],
    ['a RegExp with g and y is not stateful', { line: 'P 2', match: /P 1/g }, 'P 1\nP 1\n', 'P 1\nP 2\n'],
    ['text that a shell or a RegExp would read', { line: `$& "$(id)" 'x' \\1` }, '', `$& "$(id)" 'x' \\1\n`],
    ['blank lines at the end stay', { line: 'b' }, 'a\n\n\n', 'a\n\n\nb\n'],
    ['a lone CR is no line end', { line: 'b' }, 'a\rb\n', 'a\rb\nb\n'],
  ];
  test.each(cases)('%s', async (_, props, before, after) => {
    expect(await edited(props, before)).toBe(after);
  });
});

describe('absent', () => {
  const cases: [string, Props, string, string | null][] = [
    ['absent already', { line: 'b', state: 'absent' }, 'a\n', null],
    ['every equal line', { line: 'b', state: 'absent' }, 'b\na\nb\n', 'a\n'],
    ['every match', { match: /^#/, state: 'absent' }, '#1\r\na\r\n#2\r\n', 'a\r\n'],
    ['the last line, without newline', { line: 'b', state: 'absent' }, 'a\nb', 'a\n'],
    ['the only line', { line: 'b', state: 'absent' }, 'b\n', ''],
  ];
  test.each(cases)('%s', async (_, props, before, after) => {
    expect(await edited(props, before)).toBe(after);
  });

  test('a file that is not there is fine', async () => {
    expect(await changesOf(line({ path, line: 'b', state: 'absent' }))).toEqual([]);
  });
});

test('bytes that are not UTF-8 stay, and the line is written as UTF-8', async () => {
  const latin = Buffer.from([0x66, 0xfc, 0x72, 0x0a]); // "für" in Latin-1
  expect(await edited({ line: 'ü' }, latin)).toBe(`f\xfcr\n${Buffer.from('ü\n').toString('latin1')}`);
});

test('mode and owner stay as they are', async () => {
  const fact = { content: 'a\n', mode: '0640', owner: 'UNKNOWN', uid: 77, group: 'adm' };
  const [change] = await changesOf(line({ path, line: 'b' }), { files: { [path]: fact } });
  expect(change).toMatchObject({
    before: 'a\n',
    after: 'a\nb\n',
    apply: [{ do: 'write', mode: '0640', owner: '77', group: 'adm' }],
    revert: [{ do: 'restore', path }],
  });
});

test('several lines of one file compose', async () => {
  const lines = [
    line({ path, line: 'a', create: true }),
    line({ path, line: 'b' }),
    line({ path, match: /a/, line: 'A' }),
  ];
  const facts = planningFacts();
  await changesInOrder(lines, facts);
  expect(Buffer.from((await facts.content(path)) ?? []).toString()).toBe('A\nb\n');
});

describe('what cannot be', () => {
  const cases: [string, FakeHost, RegExp][] = [
    ['no file and not to be created', {}, /does not exist/],
    ['a link', { files: { [path]: { kind: 'symlink', target: '/run/x' } } }, /symbolic link to \/run\/x/],
    ['a directory', { files: { [path]: { kind: 'directory' } } }, /is a directory/],
    ['no text', { files: { [path]: { content: 'a\0b' } } }, /NUL/],
  ];
  test.each(cases)('%s', async (_, host, message) => {
    await expect(changesOf(line({ path, line: 'x' }), host)).rejects.toThrow(message);
  });

  test('a file that a package will bring is known after apply', async () => {
    await expect(changesOf(line({ path, line: 'x', create: true }), { unsettledBy: 'package x' })).rejects.toThrow(
      KnownAfterApply,
    );
  });

  test.each([
    ['a line end in the line', { path, line: 'a\nb' }],
    ['neither line nor match', { path }],
    ['present with match alone', { path, match: /a/ }],
    ['after and before', { path, line: 'a', after: /a/, before: /b/ }],
    ['a string as match', { path, line: 'a', match: '^a' }],
    ['unique without match', { path, line: 'a', unique: true }],
  ])('%s', (_, props) => {
    expect(() => line(props as never)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
  });
});

test('property: applied once it is in sync, and other lines stay in order', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '#', ' ', '\n', '\r\n', 'ü', '\t'), maxLength: 30 });
  const word = fc.constantFrom('a', 'ab', '#a', 'ü');
  const pattern = fc.constantFrom(undefined, /^a/, /^#?a/, /b$/);
  await fc.assert(
    fc.asyncProperty(text, word, pattern, fc.boolean(), fc.boolean(), async (before, one, match, absent, unique) => {
      const base = { path, line: one, ...(match && { match }) };
      const declared = line(absent ? { ...base, state: 'absent' } : { ...base, unique: unique && match !== undefined });
      const facts = planningFacts({ files: { [path]: before } });
      const [first, second] = await changesInOrder([declared, declared], facts);
      expect(second).toEqual([]);
      const after = Buffer.from((await facts.content(path)) ?? []).toString();
      const texts = after.split(/\r?\n/);
      if (absent) expect(texts.some((t) => (match ? match.test(t) && t !== '' : t === one))).toBe(false);
      else expect(texts).toContain(one);
      if (first?.length === 0) expect(after).toBe(before);
      const kept = (all: string) => all.split(/\r?\n/).filter((t) => t !== one && t !== '' && !match?.test(t));
      expect(kept(after)).toEqual(kept(before));
    }),
    { numRuns: 500 },
  );
});
