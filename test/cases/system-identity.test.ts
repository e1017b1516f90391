import { describe, expect, test } from 'vitest';
import { cron } from '../../src/resources/cron.ts';
import { hostname } from '../../src/resources/hostname.ts';
import { timezone } from '../../src/resources/timezone.ts';
import { changesOf, type FakeHost } from '../support/fake-facts.ts';

describe('hostname', () => {
  const named = (hosts: string, stored = 'nas\n'): FakeHost => ({
    system: { hostname: 'nas' },
    files: { '/etc/hostname': stored, '/etc/hosts': hosts },
  });
  const hostsAfter = async (hosts: string, name = 'nas') => {
    const changes = await changesOf(hostname({ name }), named(hosts));
    return changes.find(({ attribute }) => attribute === '/etc/hosts')?.after ?? null;
  };

  test.each([
    ['its address line is there', '192.0.2.1 nas.lan nas\n', null],
    ['the line of Debian is renamed', '127.0.0.1 localhost\n127.0.1.1 old\n', '127.0.0.1 localhost\n127.0.1.1\tnas\n'],
    [
      'a new line after localhost',
      '127.0.0.1 localhost\n::1 ip6-localhost',
      '127.0.0.1 localhost\n127.0.1.1\tnas\n::1 ip6-localhost',
    ],
    ['a comment is no entry', '# nas\n', '127.0.1.1\tnas\n# nas\n'],
    ['an empty file', '', '127.0.1.1\tnas\n'],
  ])('hosts: %s', async (_, before, after) => {
    expect(await hostsAfter(before)).toBe(after);
  });

  test('a full name brings its short one', async () => {
    expect(await hostsAfter('', 'nas.lan')).toBe('127.0.1.1\tnas.lan\tnas\n');
  });

  test('in sync', async () => {
    expect(await changesOf(hostname({ name: 'nas' }), named('127.0.1.1 nas\n'))).toEqual([]);
  });

  test('another name: back to the running and to the stored one', async () => {
    const [change] = await changesOf(hostname({ name: 'vps', hosts: false }), named('', 'old\n'));
    expect(change).toMatchObject({ attribute: 'name', before: 'nas (stored: old)', after: 'vps' });
    expect(change?.apply.map((step) => step.do === 'run' && step.argv.slice(3))).toEqual([['lab-hostname', 'vps']]);
    expect(change?.revert).toMatchObject([{ do: 'run' }, { do: 'restore', path: '/etc/hostname' }]);
  });

  test.each(['', '-nas', 'nas-', 'n_s', 'a..b', 'nas.', 'a'.repeat(64), 'nas;reboot'])('%j is no host name', (name) => {
    expect(() => hostname({ name })).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
  });
});

describe('timezone', () => {
  const zone = { '/usr/share/zoneinfo/Europe/Berlin': 'TZif', '/etc/timezone': 'Europe/Berlin\n' };
  const berlin = timezone({ name: 'Europe/Berlin' });
  const link = (target: string) => ({ '/etc/localtime': { kind: 'symlink', target } }) as const;

  test.each(['/usr/share/zoneinfo/Europe/Berlin', '../usr/share/zoneinfo/Europe/Berlin'])(
    'in sync: %s',
    async (target) => {
      expect(await changesOf(berlin, { files: { ...zone, ...link(target) } })).toEqual([]);
    },
  );

  test('another zone, and the name where it is kept', async () => {
    const files = { ...zone, ...link('/usr/share/zoneinfo/Etc/UTC'), '/etc/timezone': 'Etc/UTC\n' };
    expect(await changesOf(berlin, { files })).toMatchObject([
      {
        attribute: 'zone',
        before: 'Etc/UTC',
        after: 'Europe/Berlin',
        revert: [{ do: 'restore', path: '/etc/localtime' }],
      },
      { attribute: 'content', before: 'Etc/UTC\n', after: 'Europe/Berlin\n' },
    ]);
  });

  test('without /etc/timezone none is made', async () => {
    const { '/etc/timezone': _, ...files } = zone;
    expect(await changesOf(berlin, { files })).toMatchObject([{ attribute: 'zone', before: null }]);
  });

  test('a host without time zones', async () => {
    await expect(changesOf(berlin)).rejects.toThrow(/does not know the time zone/);
  });

  test.each(['Europe/Berlyn', '../../etc/shadow', ''])('%j is no time zone', (name) => {
    expect(() => timezone({ name })).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
  });
});

describe('cron', () => {
  const files = { '/etc/cron.d': { kind: 'directory' } } as const;
  const job = { name: 'backup', schedule: '30 3 * * *', command: 'date +%F >>/var/log/x' };

  test('a file that cron reads, percent signs escaped', async () => {
    const [change] = await changesOf(cron({ ...job, env: { MAILTO: '' } }), { files });
    expect(change?.after).toBe(
      '# Written by lab; changes made here are lost.\nMAILTO=""\n30 3 * * * root date +\\%F >>/var/log/x\n',
    );
    expect(change?.apply).toMatchObject([{ do: 'write', path: '/etc/cron.d/backup', mode: '0644' }]);
  });

  test('in sync, and removed', async () => {
    const content = '# Written by lab; changes made here are lost.\n@daily root true\n';
    const host = { files: { '/etc/cron.d/backup': content } };
    expect(await changesOf(cron({ name: 'backup', schedule: '@daily', command: 'true' }), host)).toEqual([]);
    expect(await changesOf(cron({ name: 'backup', state: 'absent' }), host)).toMatchObject([
      { apply: [{ do: 'remove' }] },
    ]);
  });

  test('without cron, or without its user', async () => {
    await expect(changesOf(cron(job))).rejects.toThrow(/no cron/);
    await expect(changesOf(cron({ ...job, user: 'backup' }), { files })).rejects.toThrow(
      /"backup", who does not exist/,
    );
  });

  test.each(['* * * * *', '*/5 0-6,22 1 jan-mar mon', '0 4 * * 7', '@reboot', '1-9/2 * * * Sun'])(
    '%j is a schedule',
    (schedule) => {
      expect(cron({ ...job, schedule }).props.schedule).toBe(schedule);
    },
  );

  test.each([
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    '@never',
    '* * * * * root',
    '5/2 * * * *',
    '* * * * *\n* * * * * root x',
  ])('%j is none', (schedule) => {
    expect(() => cron({ ...job, schedule })).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
  });

  test.each([{ name: 'a.b' }, { command: 'a\nb' }, { user: 'a b' }, { env: { 'A B': 'x' } }])(
    'refused: %j',
    (props) => {
      expect(() => cron({ ...job, ...props })).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
    },
  );
});
