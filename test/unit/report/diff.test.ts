import { describe, expect, it } from 'vitest';
import { countLines, unifiedDiff } from '../../../src/report/diff.ts';

describe('unifiedDiff', () => {
  it('has three lines of context and no file headers', () => {
    const before = 'a\nb\nc\nd\ne\nf\ng\nh\ni\n';
    expect(unifiedDiff(before, before.replace('e', 'E'))).toBe('@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h');
  });

  it('is empty for equal contents', () => {
    expect(unifiedDiff('a\n', 'a\n')).toBe('');
    expect(unifiedDiff(Buffer.from('a\n'), 'a\n')).toBe('');
    expect(unifiedDiff(Buffer.from([0, 1]), Buffer.from([0, 1]))).toBe('');
  });

  it('says when a newline at the end comes or goes', () => {
    expect(unifiedDiff('a', 'a\n')).toBe('@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a');
    expect(unifiedDiff('a\n', 'a')).toContain('+a\n\\ No newline at end of file');
  });

  it('makes carriage returns at the end of a line visible', () => {
    expect(unifiedDiff('a\r\nb\r\n', 'a\nb\r\n')).toBe('@@ -1,2 +1,2 @@\n-a␍\n+a\n b␍');
  });

  it('treats an absent file as empty', () => {
    expect(unifiedDiff(null, 'a\n')).toBe('@@ -0,0 +1,1 @@\n+a');
    expect(unifiedDiff('a\n', null)).toBe('@@ -1,1 +0,0 @@\n-a');
  });

  it('names sizes instead of showing bytes', () => {
    expect(unifiedDiff(Buffer.alloc(1234), Buffer.alloc(2345))).toBe('binary, 1234 → 2345 bytes');
    expect(unifiedDiff('text', Buffer.from([0xff, 0xfe]))).toBe('binary, 4 → 2 bytes');
    expect(unifiedDiff(null, Buffer.from([0]))).toBe('binary, 0 → 1 bytes');
  });

  it('gives up within a second on contents that have nothing in common', () => {
    const lines = (word: string) => Array.from({ length: 30_000 }, (_, index) => `${word}${index * 7919}\n`).join('');
    const begun = performance.now();
    expect(unifiedDiff(lines('x'), lines('y'))).toBe('too different to compare, 30000 → 30000 lines');
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it('counts lines', () => {
    expect(countLines(unifiedDiff('a\nb\n', 'b\nc\nd\n'))).toEqual({ added: 2, removed: 1 });
    expect(countLines('binary, 1 → 2 bytes')).toBeUndefined();
  });
});
