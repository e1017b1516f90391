import type { Document } from 'yaml';
import { LabError } from '../shared/errors.ts';
import type { HostKey } from '../transport/contract.ts';

/** Host → what is pinned for it. */
export type LockContent = ReadonlyMap<
  string,
  { readonly ssh: readonly HostKey[]; readonly wireguard: ReadonlyMap<string, string> }
>;

const keyLine = /^([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})$/;
const wireguardKey = /^[A-Za-z0-9+/]{43}=$/;

/**
 * Reads a file as `LockFile.save` writes it, without loading a YAML parser: every run reads this file, and its start-up
 * time is felt. Undefined for anything that a person changed beyond that form, which `parseLock` then reads.
 */
export function parseCanonical(text: string): LockContent | undefined {
  const content = new Map<string, { ssh: HostKey[]; wireguard: Map<string, string> }>();
  let entry: { ssh: HostKey[]; wireguard: Map<string, string> } | undefined;
  let part: 'ssh' | 'wireguard' | undefined;
  let stage: 'start' | 'version' | 'hosts' = 'start';
  for (const line of text.split('\n')) {
    if (line === '' || /^\s*#/.test(line)) continue;
    if (stage === 'start' && line === 'version: 1') stage = 'version';
    else if (stage === 'version' && line === 'hosts:') stage = 'hosts';
    else if (stage !== 'hosts') return undefined;
    else {
      const host = /^ {2}([A-Za-z][A-Za-z0-9_-]*):$/.exec(line)?.[1];
      const section = /^ {4}(ssh|wireguard):$/.exec(line)?.[1] as typeof part;
      const key = keyLine.exec(/^ {6}- (.+)$/.exec(line)?.[1] ?? '');
      const [, name, value] = /^ {6}([A-Za-z][A-Za-z0-9_-]*): (\S+)$/.exec(line) ?? [];
      // Words that YAML could read as something else than text are left to it.
      if (host !== undefined && !content.has(host) && !/^(null|true|false)$/i.test(host)) {
        entry = { ssh: [], wireguard: new Map() };
        content.set(host, entry);
        part = undefined;
      } else if (section !== undefined && entry !== undefined && part !== section) part = section;
      else if (key !== null && entry !== undefined && part === 'ssh')
        entry.ssh.push({ type: key[1] ?? '', base64: key[2] ?? '' });
      else if (name !== undefined && entry !== undefined && part === 'wireguard' && wireguardKey.test(value ?? ''))
        entry.wireguard.set(name, value ?? '');
      else return undefined;
    }
  }
  return content;
}

/** @throws LabError LOCK_FILE with the line that is malformed */
export function parseLock(document: Document.Parsed, file: string): LockContent {
  const [error] = document.errors;
  if (error !== undefined) {
    const at = { file, line: error.linePos?.[0].line, column: error.linePos?.[0].col };
    throw malformed(`this is no YAML: ${error.message.split('\n')[0] ?? ''}`, at.file, at.line);
  }
  const value = document.toJS({ maxAliasCount: 0 }) as unknown;
  if (value === null || value === undefined) return new Map();
  if (!isRecord(value) || value.version !== 1) throw malformed('this is no lock file of version 1', file);
  const content = new Map<string, { ssh: HostKey[]; wireguard: Map<string, string> }>();
  for (const [host, entry] of Object.entries(recordAt(value.hosts, 'hosts', file))) {
    const { ssh = [], wireguard = {} } = recordAt(entry, `hosts.${host}`, file);
    if (!Array.isArray(ssh)) throw malformed(`the host keys of "${host}" are no list`, file);
    const keys = ssh.map((line: unknown): HostKey => {
      const match = keyLine.exec(String(line));
      if (match === null)
        throw malformed(
          `"${host}" has a host key that is none`,
          file,
          undefined,
          'a type and base64, as in known_hosts',
        );
      return { type: match[1] ?? '', base64: match[2] ?? '' };
    });
    const publicKeys = Object.entries(recordAt(wireguard, `hosts.${host}.wireguard`, file)).map(
      ([name, key]): [string, string] => {
        if (!wireguardKey.test(String(key)))
          throw malformed(`"${host}" has a WireGuard key that is none`, file, undefined, '44 characters of base64');
        return [name, String(key)];
      },
    );
    content.set(host, { ssh: keys, wireguard: new Map(publicKeys) });
  }
  return content;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function recordAt(value: unknown, where: string, file: string): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (!isRecord(value)) throw malformed(`"${where}" has no entries`, file);
  return value;
}

function malformed(message: string, file: string, line?: number, expected?: string): LabError {
  const hint = 'after a merge conflict keep the keys of both sides; or take the file from version control';
  return new LabError('LOCK_FILE', message, { at: { file, line }, expected, hint });
}
