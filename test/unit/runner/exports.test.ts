import { expect, it } from 'vitest';
import { ExportStore, ExportView, noMemory } from '../../../src/runner/exports.ts';
import { Slots } from '../../../src/runner/slots.ts';

it('gives what the lock file knows until the host itself has told', () => {
  const store = new ExportStore({ ...noMemory, recall: () => ({ key: 'old' }) });
  store.expect(['a', 'b']);
  const view = new ExportView(store);
  expect(view.of('b', 'wireguard')).toEqual({ key: 'old' });
  expect(view.isOpen()).toBe(true);
  store.publish('b', 'wireguard', { key: 'new' });
  expect([view.isOpen(), view.isOutdated()]).toEqual([false, true]);
  view.clear();
  expect(view.of('b', 'wireguard')).toEqual({ key: 'new' });
  expect(view.isOutdated()).toBe(false);
});

it('waits for a host that may still tell, and no longer when it has ended', async () => {
  const store = new ExportStore(noMemory);
  store.expect(['a', 'b']);
  const view = new ExportView(store);
  expect(view.of('b', 'wireguard')).toBeUndefined();
  let ended = false;
  const waiting = store.until(() => !view.isOpen()).then(() => (ended = true));
  await Promise.resolve();
  expect(ended).toBe(false);
  store.finish('b');
  await waiting;
  expect(view.isOutdated()).toBe(false);
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
