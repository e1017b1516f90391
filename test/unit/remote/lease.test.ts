import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Host } from '../../../src/model/types.ts';
import { Lease } from '../../../src/runner/lease.ts';
import type { Connect } from '../../../src/runner/link.ts';
import { connectLocally, describeShells, temporaryFolder } from './support.ts';

const host = { name: 'vps' } as Host;

describeShells('a name that one controller holds', (shell) => {
  const folder = temporaryFolder();
  let count = 0;
  const freshState = () => join(folder, String(count++));
  const take = (state: string) => Lease.take('rotation', [host], () => connectLocally(shell, state), 300);
  const left = (state: string) => readdirSync(state).filter((name) => name.startsWith('lease'));

  it('goes to one of many at once, and to the next when it is given back', async () => {
    const state = freshState();
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => take(state)));
    const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(held).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({
          code: 'HOST_LOCKED',
          details: { found: expect.stringMatching(/^\S+@\S+, since 2\S+Z$/) },
        });
    await held[0]?.[Symbol.asyncDispose]();
    expect(left(state)).toEqual([]);
    await (await take(state))[Symbol.asyncDispose]();
  }, 30_000);

  it('is free again when its controller is gone, or says nothing for a minute', async () => {
    const state = freshState();
    const cut: (() => void)[] = [];
    const connect: Connect = connectLocally(shell, state, (end) => cut.push(end));
    await Lease.take('rotation', [host], () => connect);
    for (const end of cut) end();
    const second = await take(state);
    const silent = new Date(Date.now() - 90_000);
    for (const name of left(state)) utimesSync(join(state, name), silent, silent);
    await (await take(state))[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  }, 30_000);

  it('is not asked for where nobody answers', async () => {
    const nobody: Connect = () => Promise.reject(new Error('no route'));
    await (await Lease.take('rotation', [host], () => nobody))[Symbol.asyncDispose]();
  });
});
