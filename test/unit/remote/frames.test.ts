import { describe, expect, it } from 'vitest';
import { type Data, FrameParser, type Mark } from '../../../src/remote/frames.ts';
import fc from '../../support/fast-check.ts';

const nonce = '0123456789abcdef0123456789abcdef';

/** Bodies near to what the parser looks for: parts of the mark, newlines, the nonce without what belongs to it. */
const body = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom('\n', '\n\n', nonce, `${nonce} `, `\n${nonce}`, `\n${nonce.slice(0, 7)}`, '\n0', ' e 1 0\n')
        .map((text) => Buffer.from(text)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts))
  .filter((bytes) => !bytes.includes(`\n${nonce} `));

const field = fc.stringMatching(/^[a-z0-9.]{1,6}$/);
const part = fc.record({ fields: fc.array(field, { minLength: 1, maxLength: 3 }), body });

function parse(chunks: readonly Buffer[]): { marks: string[][]; bodies: Buffer[] } {
  const marks: string[][] = [];
  const bodies: Buffer[] = [Buffer.alloc(0)];
  const parser = new FrameParser(nonce, (token: Mark | Data) => {
    if (token.kind === 'mark') {
      marks.push([...token.fields]);
      bodies.push(Buffer.alloc(0));
    } else bodies.push(Buffer.concat([bodies.pop() ?? Buffer.alloc(0), token.bytes]));
  });
  for (const chunk of chunks) parser.push(chunk);
  return { marks, bodies };
}

function cut(stream: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let index = 0; at < stream.length; index++) {
    const length = lengths[index % lengths.length] ?? 1;
    chunks.push(stream.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

describe('FrameParser', () => {
  it('gives marks and the bytes between them, however the stream is cut', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), lengths, (parts, cuts) => {
        const stream = Buffer.concat([
          ...parts.flatMap(({ fields, body }) => [Buffer.from(`\n${nonce} ${fields.join(' ')}\n`), body]),
          Buffer.from(`\n${nonce} done\n`),
        ]);
        const { marks, bodies } = parse(cut(stream, cuts));
        expect(marks).toEqual([...parts.map(({ fields }) => fields), ['done']]);
        expect(bodies.map((bytes) => bytes.toString('latin1'))).toEqual([
          '',
          ...parts.map(({ body }) => body.toString('latin1')),
          '',
        ]);
      }),
      { numRuns: 500 },
    );
  });

  it('holds back no byte longer than it may be the beginning of a mark', () => {
    fc.assert(
      fc.property(body, (bytes) => {
        const { bodies } = parse([bytes]);
        const held = bytes.length - (bodies[0]?.length ?? 0);
        expect(held).toBeLessThanOrEqual(nonce.length + 1);
        if (held > 0) expect(`\n${nonce} `.startsWith(bytes.subarray(-held).toString('latin1'))).toBe(true);
      }),
    );
  });

  it('takes the mark of another connection for data', () => {
    const other = `\n${nonce.replace('0', 'f')} e read 0\n`;
    expect(parse([Buffer.from(`\n${nonce} b read\n${other}\n${nonce} e read 1\n`)])).toMatchObject({
      marks: [
        ['b', 'read'],
        ['e', 'read', '1'],
      ],
      bodies: [Buffer.alloc(0), Buffer.from(other), Buffer.alloc(0)],
    });
  });
});
