import { expect, it } from 'vitest';
import { lookForCaddy } from '../../../src/adopt/caddy/look.ts';

it('says when what caddy answers is no JSON, without what stands in it', async () => {
  const run = async () => ({ exitCode: 0, stdout: 'json {"apps": hunter2\n', stderr: '' });
  const looked = lookForCaddy({ run } as never, 'vps');
  await expect(looked).rejects.toMatchObject({ code: 'READ_FAILED', details: { host: 'vps' } });
  await expect(looked).rejects.not.toMatchObject({ details: { found: expect.stringContaining('hunter2') } });
});
