import { expect, it } from 'vitest';
import { ExportStore, ExportView, noMemory } from '../../../src/runner/exports.ts';
import { Slots } from '../../../src/runner/slots.ts';

it('gives what the lock file knows until the host itself has told', () => {
  const store = new ExportStore({ ...noMemory, recall: () => ({ key: 'old' }) });
  store.expect(['a', 'b']);
  const view = new ExportView(store, 'a');
  expect(view.of('b', 'wireguard')).toEqual({ exports: { key: 'old' }, reached: true, awaited: false });
  expect(view.isOpen()).toBe(true);
  store.publish('b', 'wireguard', { key: 'new' });
  expect([view.isOpen(), view.isOutdated()]).toEqual([false, true]);
  view.clear();
  expect(view.of('b', 'wireguard').exports).toEqual({ key: 'new' });
  expect(view.isOutdated()).toBe(false);
});

it('waits for a host that may still tell, and no longer when it has ended', async () => {
  const store = new ExportStore(noMemory);
  store.expect(['a', 'b']);
  const view = new ExportView(store, 'a');
  expect(view.of('b', 'wireguard')).toEqual({ exports: undefined, reached: true, awaited: true });
  let ended = false;
  const waiting = store.until(() => !view.isOpen()).then(() => (ended = true));
  await Promise.resolve();
  expect(ended).toBe(false);
  store.finish('b');
  await waiting;
  // What was declared while it was awaited is declared anew without it.
  expect([view.isOutdated(), view.of('b', 'wireguard').awaited]).toEqual([true, false]);
});

it('has been read of others only when this run has read all of them', () => {
  const store = new ExportStore({ ...noMemory, recall: () => ({ key: 'old' }) });
  store.expect(['a', 'b']);
  const view = new ExportView(store, 'a');
  view.of('b', 'wireguard');
  view.of('not in the run', 'wireguard');
  expect(view.areRead()).toBe(false);
  store.markRead('b');
  expect(view.areRead()).toBe(true);
  expect(view.of('not in the run', 'wireguard')).toMatchObject({ exports: { key: 'old' }, reached: false });
});

it('knows of the host itself that it has nothing to tell once it was read', () => {
  const store = new ExportStore(noMemory);
  store.expect(['a']);
  const view = new ExportView(store, 'a');
  expect(view.of('a', 'wireguard').awaited).toBe(true);
  store.markRead('a');
  expect(view.of('a', 'wireguard').awaited).toBe(false);
});

it('forgets what is remembered of a host that has nothing to tell yet, and waits for it', () => {
  const store = new ExportStore({ ...noMemory, recall: () => ({ key: 'of an installation before' }) });
  store.expect(['a', 'b']);
  const view = new ExportView(store, 'a');
  store.publish('b', 'wireguard', null);
  expect(view.of('b', 'wireguard')).toEqual({ exports: undefined, reached: true, awaited: true });
  expect(view.isOpen()).toBe(true);
  store.publish('b', 'wireguard', { key: 'new' });
  expect(view.isOpen()).toBe(false);
});

it('waits on while those who wait may still go on and tell more', async () => {
  const store = new ExportStore(noMemory);
  store.expect(['a', 'b', 'c']);
  const told: string[] = [];
  // Everybody tells of the second role when it knows the first of all others; c never tells of the second.
  const host = async (own: string) => {
    const view = new ExportView(store, own);
    const others = ['a', 'b', 'c'].filter((name) => name !== own);
    const awaited = (role: string) => others.filter((name) => view.of(name, role).awaited);
    await Promise.resolve();
    store.publish(own, 'keys', { of: own });
    for (;;) {
      view.clear();
      const first = awaited('keys');
      const second = first.length > 0 ? first : awaited('names');
      if (own !== 'c' && first.length === 0) store.publish(own, 'names', { of: own });
      if (second.length > 0) told.push(`${own} waits for ${second}`);
      await store.rest(own, view);
      if (!view.isOutdated()) break;
    }
    told.push(`${own} ends with ${others.filter((name) => store.of(name, 'names') !== undefined)}`);
    store.finish(own);
  };
  await Promise.all(['a', 'b', 'c'].map(host));
  expect(told.filter((line) => line.includes('ends')).sort()).toEqual([
    'a ends with b',
    'b ends with a',
    'c ends with a,b',
  ]);
});

it('lets all hosts of a run have the same of what they agree on', () => {
  const store = new ExportStore(noMemory);
  const [one, two] = ['a', 'b'].map((host) => new ExportView(store, host));
  expect(one?.agreed('key', () => ({ made: 'by a' }))).toBe(two?.agreed('key', () => ({ made: 'by b' })));
});

it('gives the place of a task that waits to another, so that two that wait for each other both get on', async () => {
  const slots = new Slots(1);
  const store = new ExportStore(noMemory);
  store.expect(['a', 'b']);
  const order: string[] = [];
  const task = (own: string, other: string) => async () => {
    store.publish(own, 'role', { of: own });
    await slots.pause(() => store.until(() => store.hasTold(other, 'role')));
    order.push(own);
  };
  await Promise.all([slots.run(task('a', 'b')), slots.run(task('b', 'a'))]);
  expect(order.sort()).toEqual(['a', 'b']);
});
