import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { posixChecksum } from '../../../src/runner/journal/posix-checksum.ts';
import { readOwnFile } from '../../../src/shared/own-package.ts';
import fc from '../../support/fast-check.ts';
import { describeShells } from './support.ts';

const script = `${readOwnFile('remote/stage/journal.sh')}\nfor text; do printf %s "$text" | lab_crc; done`;

describeShells('the checksum of a journal line, on a host without cksum', (shell) => {
  it('is what the controller reckons', () => {
    const text = fc.string({ maxLength: 80, unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => {
        const said = execFileSync(join(shell.bin, 'sh'), ['-c', script, 'sh', ...texts], {
          env: shell.environment,
          encoding: 'utf8',
        });
        expect(said).toBe(texts.map((each) => `${posixChecksum(each)}\n`).join(''));
      }),
      { numRuns: 5 },
    );
  });
});
