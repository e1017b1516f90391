import { describe, expect, test } from 'vitest';
import { sysctl } from '../../src/resources/sysctl.ts';
import { changesOf, type FakeHost } from '../support/fake-facts.ts';

type Props = Parameters<typeof sysctl>[0];
const key = 'net.ipv4.ip_forward';
const path = `/etc/sysctl.d/60-lab-${key}.conf`;
const text = (value: string) => `# Managed by lab.\n${key} = ${value}\n`;

describe('value and drop-in', () => {
  const cases: [string, Props, FakeHost, string[]][] = [
    ['both as declared', { key, value: 1 }, { sysctls: { [key]: '1' }, files: { [path]: text('1') } }, []],
    ['true is 1', { key, value: true }, { sysctls: { [key]: '1' }, files: { [path]: text('1') } }, []],
    ['value differs', { key, value: 1 }, { sysctls: { [key]: '0' }, files: { [path]: text('1') } }, ['value']],
    ['lost at the next boot', { key, value: 1 }, { sysctls: { [key]: '1' } }, ['drop-in content']],
    ['both differ', { key, value: 1 }, { sysctls: { [key]: '0' } }, ['value', 'drop-in content']],
    ['only at the next boot', { key, value: 1, now: false }, { sysctls: { [key]: '0' } }, ['drop-in content']],
    ['unknown, only written down', { key, value: 1, ignoreUnknown: true }, {}, ['drop-in content']],
    [
      'mode of the drop-in',
      { key, value: 1 },
      { sysctls: { [key]: '1' }, files: { [path]: { content: text('1'), mode: '0600' } } },
      ['drop-in mode'],
    ],
    ['absent', { key, state: 'absent' }, { sysctls: { [key]: '1' }, files: { [path]: text('1') } }, ['state']],
    ['absent already', { key, state: 'absent' }, { sysctls: { [key]: '1' } }, []],
  ];
  test.each(cases)('%s', async (_, props, host, attributes) => {
    expect((await changesOf(sysctl(props), host)).map(({ attribute }) => attribute)).toEqual(attributes);
  });
});

test('several numbers are compared as the kernel prints them', async () => {
  const name = 'net.ipv4.tcp_rmem';
  const props = { key: name, value: '4096 \t 131072  6291456' };
  const [change] = await changesOf(sysctl(props), { sysctls: { [name]: '4096 131072 6291456' } });
  expect(change?.attribute).toBe('drop-in content');
});

test('the inverse sets the value of before, as data', async () => {
  const [change] = await changesOf(sysctl({ key, value: '$(id)' }), { sysctls: { [key]: '0' } });
  expect(change?.apply).toMatchObject([
    { argv: ['sh', '-c', expect.any(String), 'lab', '/proc/sys/net/ipv4/ip_forward', '$(id)'] },
  ]);
  expect(change?.revert).toMatchObject([
    { argv: ['sh', '-c', expect.any(String), 'lab', '/proc/sys/net/ipv4/ip_forward', '0'] },
  ]);
});

test('an interface with a dot', async () => {
  const name = 'net.ipv4.conf.eth0/1.forwarding';
  const changes = await changesOf(sysctl({ key: name, value: 1 }), { sysctls: { [name]: '0' } });
  expect(changes[0]?.apply).toMatchObject([
    { argv: expect.arrayContaining(['/proc/sys/net/ipv4/conf/eth0.1/forwarding']) },
  ]);
  expect(changes[1]?.apply.at(-1)).toMatchObject({ path: '/etc/sysctl.d/60-lab-net.ipv4.conf.eth0.1.forwarding.conf' });
});

test('a parameter that the kernel does not have is an error', async () => {
  await expect(changesOf(sysctl({ key: 'net.nope', value: 1 }), {})).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
});

test.each([
  { key: '../../etc/passwd', value: 1 },
  { key: 'net..x', value: 1 },
  { key, value: 'a\nb = c' },
  { key },
  { key, value: 1, state: 'absent' as const },
])('%o is refused', (props) => {
  expect(() => sysctl(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});
