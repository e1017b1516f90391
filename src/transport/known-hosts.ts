import { createHash, createHmac } from 'node:crypto';
import type { SourceLocation } from '../shared/errors.ts';
import type { HostKey } from './contract.ts';

/** One line of a `known_hosts` file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHostsEntry {
  readonly marker: 'revoked' | 'cert-authority' | undefined;
  readonly key: HostKey;
  readonly at: SourceLocation;
  /** `name` as `lookupName` makes it. */
  matches(name: string): boolean;
}

/** Every entry that can be read; lines that are no entries are passed over, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownHostsEntry[] {
  return text.split('\n').flatMap((line, index) => parseLine(line.trim(), { file, line: index + 1 }) ?? []);
}

function parseLine(line: string, at: SourceLocation): KnownHostsEntry | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const words = line.split(/\s+/);
  const marker = words[0]?.startsWith('@') ? words.shift()?.slice(1) : undefined;
  const [hosts, type, base64] = words;
  if (hosts === undefined || type === undefined || base64 === undefined || !/^[A-Za-z0-9+/=]+$/.test(base64)) return;
  if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return undefined;
  return { marker, key: { type, base64 }, at, matches: hosts.startsWith('|') ? hashed(hosts) : patterns(hosts) };
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt. */
function hashed(hosts: string): (name: string) => boolean {
  const [, version, salt, hash] = hosts.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return () => false;
  return (name) => createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

function patterns(hosts: string): (name: string) => boolean {
  const list = hosts.split(',').map((pattern) => ({
    negated: pattern.startsWith('!'),
    test: glob(pattern.replace(/^!/, '').toLowerCase()),
  }));
  return (name) =>
    list.some(({ negated, test }) => !negated && test(name)) &&
    !list.some(({ negated, test }) => negated && test(name));
}

function glob(pattern: string): (name: string) => boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`);
  return (name) => expression.test(name);
}

/** The name under which a host is looked up: `nas`, or `[nas]:2222` beside port 22. */
export function lookupName(address: string, port: number): string {
  const name = address.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** A key as it came over the wire: its first field is its type (RFC 4253, 6.6). */
export function hostKeyOf(blob: Buffer): HostKey {
  const length = blob.readUInt32BE(0);
  return { type: blob.toString('latin1', 4, 4 + length), base64: blob.toString('base64') };
}

/** `SHA256:…` as `ssh-keygen -l` shows it. */
export function fingerprint(key: HostKey): string {
  const digest = createHash('sha256').update(Buffer.from(key.base64, 'base64')).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

export function sameKey(a: HostKey, b: HostKey): boolean {
  return a.type === b.type && a.base64.replace(/=+$/, '') === b.base64.replace(/=+$/, '');
}
