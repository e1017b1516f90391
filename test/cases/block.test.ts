import { describe, expect, test } from 'vitest';
import { block } from '../../src/resources/block.ts';
import { Secret } from '../../src/shared/secret.ts';
import { changesInOrder, changesOf, planningFacts } from '../support/fake-facts.ts';
import fc from '../support/fast-check.ts';

const path = '/etc/hosts';
type Props = Omit<Parameters<typeof block>[0], 'path' | 'name'>;
const begin = '# BEGIN lab: x';
const end = '# END lab: x';

/** The content after the change; `null` when nothing changes. */
async function edited(props: Props, content: string): Promise<string | null> {
  const [change] = await changesOf(block({ path, name: 'x', ...props }), { files: { [path]: content } });
  const step = change?.apply[0];
  return step?.do === 'write' ? Buffer.from(step.content as Uint8Array).toString() : null;
}

describe('edits', () => {
  const cases: [string, Props, string, string | null][] = [
    ['in sync', { content: 'a\nb\n' }, `1\n${begin}\na\nb\n${end}\n2\n`, null],
    ['in sync in a CRLF file', { content: 'a' }, `1\r\n${begin}\r\na\r\n${end}\r\n`, null],
    ['declared with CRLF, file with LF', { content: 'a\r\nb\r\n' }, `${begin}\na\nb\n${end}\n`, null],
    ['new at the end', { content: 'a' }, '1\n', `1\n${begin}\na\n${end}\n`],
    ['new after a last line without newline', { content: 'a' }, '1', `1\n${begin}\na\n${end}\n`],
    ['new in an empty file', { content: 'a' }, '', `${begin}\na\n${end}\n`],
    ['new at the start', { content: 'a', position: 'start' }, '1\n', `${begin}\na\n${end}\n1\n`],
    ['new after a line', { content: 'a', position: { after: /^1/ } }, '1\n2\n', `1\n${begin}\na\n${end}\n2\n`],
    ['new before a line', { content: 'a', position: { before: /^2/ } }, '1\n2\n', `1\n${begin}\na\n${end}\n2\n`],
    ['new in a CRLF file', { content: 'a\nb' }, '1\r\n', `1\r\n${begin}\r\na\r\nb\r\n${end}\r\n`],
    ['replaced where it is', { content: 'b', position: 'end' }, `${begin}\na\n${end}\n1\n`, `${begin}\nb\n${end}\n1\n`],
    ['replaced at the end without newline', { content: 'b' }, `${begin}\na\n${end}`, `${begin}\nb\n${end}`],
    ['emptied', { content: '' }, `${begin}\na\n${end}\n`, `${begin}\n${end}\n`],
    ['blank lines inside stay', { content: '\na\n\n' }, '', `${begin}\n\na\n\n${end}\n`],
    ['absent already', { state: 'absent' }, '1\n', null],
    ['to be absent', { state: 'absent' }, `1\n${begin}\na\n${end}\n2\n`, '1\n2\n'],
    [
      'the block of another name stays',
      { content: 'a' },
      '# BEGIN lab: y\n# END lab: y\n',
      `# BEGIN lab: y\n# END lab: y\n${begin}\na\n${end}\n`,
    ],
    [
      'other comments',
      { content: 'a', comment: '<!--', commentEnd: '-->' },
      '',
      '<!-- BEGIN lab: x -->\na\n<!-- END lab: x -->\n',
    ],
  ];
  test.each(cases)('%s', async (_, props, before, after) => {
    expect(await edited(props, before)).toBe(after);
  });
});

describe('damaged markers are refused', () => {
  test.each([
    ['begin without end', `1\n${begin}\na\n`],
    ['end without begin', `a\n${end}\n`],
    ['end before begin', `${end}\n${begin}\n`],
    ['two begins', `${begin}\n${begin}\n${end}\n`],
    ['two blocks', `${begin}\n${end}\n${begin}\n${end}\n`],
  ])('%s', async (_, content) => {
    for (const props of [{ content: 'a' }, { state: 'absent' as const }]) {
      await expect(edited(props, content)).rejects.toMatchObject({
        code: 'PLAN_IMPOSSIBLE',
        message: expect.stringMatching(/damaged/),
      });
    }
  });
});

test.each([
  ['its own marker as content', { content: `a\n${end}\n` }],
  ['its own marker in a secret', { content: new Secret(begin) }],
  ['no content', {}],
])('refused: %s', (_, props) => {
  expect(() => block({ path, name: 'x', ...props } as never)).toThrow(
    expect.objectContaining({ code: 'RESOURCE_PROPS' }),
  );
});

test.each(['', ' x', 'x\ny'])('%j is no name', (name) => {
  expect(() => block({ path, name, content: 'a' })).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});

test('a secret block hides the whole file', async () => {
  const [change] = await changesOf(block({ path, name: 'x', content: new Secret('canary') }), {
    files: { [path]: 'old-canary\n' },
  });
  expect(JSON.stringify({ ...change, predicts: null })).not.toContain('canary');
});

test('two blocks and their removal compose', async () => {
  const facts = planningFacts({ files: { [path]: '1\n' } });
  const one = block({ path, name: 'x', content: 'a' });
  const two = block({ path, name: 'ünï $(id)', content: 'b' });
  await changesInOrder([one, two, block({ path, name: 'x', state: 'absent' })], facts);
  expect(Buffer.from((await facts.content(path)) ?? []).toString()).toBe(
    '1\n# BEGIN lab: ünï $(id)\nb\n# END lab: ünï $(id)\n',
  );
});

test('property: added and removed again, the file is as before but for a newline at its end', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', '#', '\n', '\r\n', 'ü'), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      text,
      text,
      fc.constantFrom('start' as const, 'end' as const),
      async (before, content, position) => {
        const facts = planningFacts({ files: { [path]: before } });
        const declared = block({ path, name: 'x', content, position });
        const [, second] = await changesInOrder(
          [declared, declared, block({ path, name: 'x', state: 'absent' })],
          facts,
        );
        expect(second).toEqual([]);
        const after = Buffer.from((await facts.content(path)) ?? []).toString();
        expect([before, `${before}\n`, `${before}\r\n`]).toContain(after);
      },
    ),
  );
});
