import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fingerprint, hostKeyOf, lookupName, parseKnownHosts, sameKey } from '../../../src/transport/known-hosts.ts';
import fc from '../../support/fast-check.ts';

// `ssh-keygen -lf` gives this key's fingerprint as below.
const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZaBhbFiyUdV5pw2xEnF0T7bZtT7JuR0bYzPwZmqCFH';
const key = { type: 'ssh-ed25519', base64: line.split(' ')[1] ?? '' };
const matches = (hosts: string, name: string) => parseKnownHosts(`${hosts} ${line}`, 'f')[0]?.matches(name);

describe('patterns', () => {
  test.each([
    ['nas', 'nas', true],
    ['nas', 'nas2', false],
    ['NAS', 'nas', true],
    ['nas,10.0.0.2', '10.0.0.2', true],
    ['*.home', 'nas.home', true],
    ['*.home', 'nas.homes', false],
    ['10.0.0.?', '10.0.0.2', true],
    ['10.0.0.?', '10.0.0.22', false],
    ['10.0.0.2', '10a0b0c2', false],
    ['*.home,!vps.home', 'nas.home', true],
    ['*.home,!vps.home', 'vps.home', false],
    ['!vps.home', 'nas.home', false],
    ['[nas]:2222', '[nas]:2222', true],
    ['[nas]:2222', 'nas', false],
    ['[*]:2222', '[nas]:2222', true],
    ['nas', '[nas]:2222', false],
    ['fe80::1%eth0', 'fe80::1%eth0', true],
  ])('%s, looked up as %s: %s', (hosts, name, expected) => {
    expect(matches(hosts, name)).toBe(expected);
  });
});

test('a hashed entry is the HMAC of the name and of no other', () => {
  fc.assert(
    fc.property(fc.domain(), fc.uint8Array({ minLength: 20, maxLength: 20 }), (name, salt) => {
      const hash = createHmac('sha1', salt).update(name).digest('base64');
      const hosts = `|1|${Buffer.from(salt).toString('base64')}|${hash}`;
      expect(matches(hosts, name)).toBe(true);
      expect(matches(hosts, `x${name}`)).toBe(false);
    }),
  );
});

test('markers are told apart, and each entry knows its line', () => {
  const entries = parseKnownHosts(
    `# comment\n\n@revoked * ${line}\n@cert-authority *.home ${line} note\nnas ${line}\n`,
    'f',
  );
  expect(entries.map(({ marker, at }) => [marker, at.line])).toEqual([
    ['revoked', 3],
    ['cert-authority', 4],
    [undefined, 5],
  ]);
});

test('what is no entry is passed over', () => {
  expect(parseKnownHosts('nas\nnas ssh-ed25519\nnas 1024 35 123\n@future nas x AAAA\nnas ssh-rsa b@d\n', 'f')).toEqual(
    // A line of protocol 1 looks like an entry of an unknown type; it equals no key that any host presents.
    [expect.objectContaining({ key: { type: '1024', base64: '35' } })],
  );
});

test('any text at all is parsed without an error, and any name looked up', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (hosts, name) => {
      for (const entry of parseKnownHosts(`${hosts} ${line}\n${hosts}`, 'f')) entry.matches(name);
    }),
  );
});

test('port 22 is not written, any other is', () => {
  expect(lookupName('NAS', 22)).toBe('nas');
  expect(lookupName('fd00::2', 2222)).toBe('[fd00::2]:2222');
});

test('a key is read from its wire form, and fingerprinted as ssh-keygen does', () => {
  expect(hostKeyOf(Buffer.from(key.base64, 'base64'))).toEqual(key);
  expect(fingerprint(key)).toBe('SHA256:mz/j7l4YNuMjVye0d0lHDKu/2WwKOjEXauOSZg9Fh+k');
  expect(sameKey(key, { ...key })).toBe(true);
  expect(sameKey(key, { ...key, type: 'ssh-rsa' })).toBe(false);
});
