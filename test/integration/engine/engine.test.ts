import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineResource } from '../../../src/resources/define-resource.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

/** The smallest resource that uses the engine's pieces: read, plan, write, restore. */
const text = defineResource({
  type: 'text',
  props: z.strictObject({ path: z.string(), content: z.string(), validate: z.array(z.string()).optional() }),
  id: ({ path }) => path,
  read: async (host, { path }) =>
    (await host.content(path)) && Buffer.from((await host.content(path)) ?? '').toString(),
  diff: ({ path, content, validate }, current) =>
    current === content
      ? []
      : [
          {
            attribute: 'content',
            before: current,
            after: content,
            apply: [{ do: 'write', path, content, mode: '0644', owner: 'root', group: 'root', validate }],
            revert: [{ do: 'restore', path }],
          },
        ],
});

let host: StartedHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.remove());

describe('the engine on a container', () => {
  it('changes what differs, and nothing the second time, with one round trip', async () => {
    const content = `it's $(touch /tmp/bad) "quoted"\n\tünïcode \\ %s\n`;
    const resources = () => [
      text({ path: "/srv/a 'b'\n$(c).txt", content }),
      text({ path: '/srv/empty', content: '' }),
    ];

    const first = await runOn(host, resources);
    expect(first.finished.failure).toBeUndefined();
    expect(first.finished.status).toBe('changed');
    expect((await host.exec(['cat', "/srv/a 'b'\n$(c).txt"])).stdout).toBe(content);
    expect((await host.exec(['ls', '/tmp/bad'])).exitCode).not.toBe(0);

    const second = await runOn(host, resources);
    expect(second.finished).toMatchObject({ status: 'ok', roundTrips: 1, counts: { changed: 0, inSync: 2 } });
  });

  it('takes back what a failed validation would have left', async () => {
    await host.sh('echo before >/srv/kept');
    const outcome = await runOn(host, () =>
      text({ path: '/srv/kept', content: 'after\n', validate: ['sh', '-c', 'cat "$1"; exit 3', 'sh', '%s'] }),
    );
    expect(outcome.result.exitCode).toBe(1);
    expect(outcome.finished.failure).toMatchObject({ code: 'STEP_FAILED', output: expect.stringContaining('after') });
    expect(await host.sh('cat /srv/kept; ls -A /srv')).not.toContain('.lab-');
    expect(await host.sh('cat /srv/kept')).toBe('before\n');
    expect(await host.sh('ls /var/lib/lab/lock 2>&1 || true')).toContain('No such file');
  });
});
