import { expect, test } from 'vitest';
import { formatAddress, formatEndpoint, parseEndpoint, parseJumpHost } from '../../../src/transport/endpoint.ts';

test.each([
  ['bastion', 'bastion', undefined, undefined],
  ['ops@bastion', 'bastion', 'ops', undefined],
  ['ops@bastion:2222', 'bastion', 'ops', 2222],
  ['ssh://ops@bastion:2222', 'bastion', 'ops', 2222],
  ['a@b@bastion', 'bastion', 'a@b', undefined],
  ['10.0.0.1:22', '10.0.0.1', undefined, 22],
  ['[fd00::1]:2222', 'fd00::1', undefined, 2222],
  ['ops@[fe80::1%eth0]', 'fe80::1%eth0', 'ops', undefined],
  ['fd00::1', 'fd00::1', undefined, undefined],
  ['fe80::1%eth0', 'fe80::1%eth0', undefined, undefined],
])('the jump host %s', (text, host, user, port) => {
  expect(parseJumpHost(text)).toEqual({ host, user, port });
});

test.each([
  '',
  ' ',
  '-oProxyCommand=reboot',
  'x@-oProxyCommand=reboot',
  'a b',
  'bastion:0',
  'bastion:99999',
  '[fd00::1',
])('no jump host: %j', (text) => {
  expect(parseJumpHost(text)).toBeUndefined();
});

test('an IPv6 address gets brackets before its port', () => {
  expect(formatAddress({ address: '10.0.0.2', port: 22 })).toBe('10.0.0.2:22');
  expect(formatAddress({ address: 'fe80::1%eth0', port: 22 })).toBe('[fe80::1%eth0]:22');
});

test.each([
  'root@10.77.1.10:22',
  '10.77.1.10:2222',
  'root@[fd00::2]:22',
  '[fe80::1%eth0]:22',
  'ada@home.arpa@nas.example:22',
])('the endpoint %s is read as it is written', (text) => {
  const endpoint = parseEndpoint(text);
  expect(endpoint && formatEndpoint(endpoint)).toBe(text);
});

test.each(['', 'nas', 'root@nas', 'fd00::2:22', 'root@nas:0', 'root@:22', '-x:22'])('no endpoint: %j', (text) => {
  expect(parseEndpoint(text)).toBeUndefined();
});
