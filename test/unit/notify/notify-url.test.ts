import { describe, expect, it } from 'vitest';
import type { Notification } from '../../../src/notify/notification.ts';
import { notifyUrl } from '../../../src/notify/notify-url.ts';
import type { DriftReport } from '../../../src/report/drift-report.ts';
import { LabError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { notifiedServer } from '../../support/notified-server.ts';

function notification(more: Partial<Notification> = {}, status: DriftReport['status'] = 'drifted'): Notification {
  return {
    title: 'site.ts: 1 resource drifted on 1 host',
    text: 'nas\n  ~ file:/etc/motd',
    ...more,
    report: { status } as DriftReport,
  };
}

describe('notifyUrl', () => {
  it('posts text with the headers that ntfy reads', async () => {
    await using server = await notifiedServer();
    await notifyUrl(server.url, { token: new Secret('tk_abc') }).send(notification());
    expect(server.deliveries).toMatchObject([
      {
        method: 'POST',
        path: '/topic',
        body: 'nas\n  ~ file:/etc/motd',
        headers: {
          title: 'site.ts: 1 resource drifted on 1 host',
          priority: 'default',
          tags: 'warning',
          authorization: 'Bearer tk_abc',
          'content-type': 'text/plain; charset=utf-8',
        },
      },
    ]);
  });

  it.each([
    ['as-declared', 'low'],
    ['failed', 'high'],
    ['unreachable', 'high'],
    ['error', 'high'],
  ] as const)('is as urgent as it is: %s is %s, and sends no token without one', async (status, priority) => {
    await using server = await notifiedServer();
    await notifyUrl(server.url).send(notification({}, status));
    expect(server.deliveries[0]?.headers.priority).toBe(priority);
    expect(server.deliveries[0]?.headers).not.toHaveProperty('authorization');
  });

  it('sends a title that is no ASCII, or would be another header, as RFC 2047 has it', async () => {
    await using server = await notifiedServer();
    const title = 'küche.ts\r\nPriority: max';
    await notifyUrl(server.url).send(notification({ title }));
    const { headers } = server.deliveries[0] ?? {};
    expect(headers?.priority).toBe('default');
    const encoded = /^=\?UTF-8\?B\?(.*)\?=$/.exec(String(headers?.title))?.[1] ?? '';
    expect(Buffer.from(encoded, 'base64').toString()).toBe(title);
  });

  it('shortens what ntfy would not take as a message, at whole lines', async () => {
    await using server = await notifiedServer();
    await notifyUrl(server.url).send(
      notification({ text: Array.from({ length: 500 }, () => 'zwölf Zeichen').join('\n') }),
    );
    const body = server.deliveries[0]?.body ?? '';
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4096);
    const lines = body.split('\n');
    expect(new Set(lines.slice(0, -1))).toEqual(new Set(['zwölf Zeichen']));
    expect(lines.at(-1)).toBe(`… ${500 - (lines.length - 1)} more lines`);
  });

  it.each([[503], [429]])('tries once more after %s', async (status) => {
    await using server = await notifiedServer(status);
    await notifyUrl(server.url).send(notification());
    expect(server.deliveries).toHaveLength(2);
  });

  it('gives up after the second attempt, and says what came back, not where exactly it was sent', async () => {
    await using server = await notifiedServer(500, 502);
    const error = await notifyUrl(server.url).send(notification()).catch(String);
    expect(error).toMatch(/^Error: http:\/\/127\.0\.0\.1:\d+ answers 502 Bad Gateway$/);
    expect(server.deliveries).toHaveLength(2);
  });

  it.each([[403], [404], [301]])('does not try %s again, nor follow it', async (status) => {
    await using server = await notifiedServer(status);
    await expect(notifyUrl(server.url).send(notification())).rejects.toThrow(`answers ${status}`);
    expect(server.deliveries).toHaveLength(1);
  });

  it('waits for an answer only so long', async () => {
    await using server = await notifiedServer('silence', 'silence');
    const sent = notifyUrl(server.url, { deadlineSeconds: 0.3 }).send(notification());
    await expect(sent).rejects.toThrow('did not answer within 0.3 s');
    expect(server.deliveries).toHaveLength(2);
  });

  it('says that nobody listens', async () => {
    const server = await notifiedServer();
    await server[Symbol.asyncDispose]();
    await expect(notifyUrl(server.url).send(notification())).rejects.toThrow('cannot be reached: ECONNREFUSED');
  });

  it.each(['ntfy.sh/topic', 'ftp://nas/x', '', 'https://me:hunter2@nas/x'])(
    'refuses %j without showing it',
    (address) => {
      try {
        notifyUrl(address);
        expect.unreachable();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(LabError);
        expect((thrown as LabError).code).toBe('USAGE');
        expect(JSON.stringify([(thrown as LabError).message, (thrown as LabError).details])).not.toMatch(
          /hunter2|topic|nas/,
        );
      }
    },
  );
});
