import type { Document } from 'yaml';
import { LabError } from '../shared/errors.ts';
import type { EndpointAddress, HostKey } from '../transport/contract.ts';
import { parseEndpoint } from '../transport/endpoint.ts';

/** What is known of one host. */
export interface LockEntry {
  readonly ssh: readonly HostKey[];
  readonly wireguard: ReadonlyMap<string, string>;
  /** Where it answered last. */
  readonly endpoint?: EndpointAddress | undefined;
}

/** Host → what is known of it. */
export type LockContent = ReadonlyMap<string, LockEntry>;

interface DraftEntry {
  readonly ssh: HostKey[];
  readonly wireguard: Map<string, string>;
  endpoint?: EndpointAddress;
}

const keyLine = /^([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})$/;
const wireguardKey = /^[A-Za-z0-9+/]{43}=$/;
/** One that YAML needs no quotes for. */
const plainEndpoint = /^[A-Za-z0-9][A-Za-z0-9._@:%[\]-]*$/;

/**
 * Reads a file as `LockFile.save` writes it, without loading a YAML parser: every run reads this file, and its start-up
 * time is felt. Undefined for anything that a person changed beyond that form, which `parseLock` then reads.
 */
export function parseCanonical(text: string): LockContent | undefined {
  const content = new Map<string, DraftEntry>();
  let entry: DraftEntry | undefined;
  let part: string | undefined;
  /** Parts of this host so far: one given twice is an error, which the YAML parser tells. */
  let parts = new Set<string>();
  let stage: 'start' | 'version' | 'hosts' = 'start';
  for (const line of text.split('\n')) {
    if (line === '' || /^\s*#/.test(line)) continue;
    if (stage === 'start' && line === 'version: 1') stage = 'version';
    else if (stage === 'version' && line === 'hosts:') stage = 'hosts';
    else if (stage !== 'hosts') return undefined;
    else {
      const host = /^ {2}([A-Za-z][A-Za-z0-9_-]*):$/.exec(line)?.[1];
      const section = /^ {4}(ssh|wireguard):$/.exec(line)?.[1];
      const key = keyLine.exec(/^ {6}- (.+)$/.exec(line)?.[1] ?? '');
      const endpoint = endpointOf(/^ {4}endpoint: (.+)$/.exec(line)?.[1], plainEndpoint);
      const [, name, value] = /^ {6}([A-Za-z][A-Za-z0-9_-]*): (\S+)$/.exec(line) ?? [];
      // Words that YAML could read as something else than text are left to it.
      if (host !== undefined && !content.has(host) && !/^(null|true|false)$/i.test(host)) {
        entry = { ssh: [], wireguard: new Map() };
        content.set(host, entry);
        part = undefined;
        parts = new Set();
      } else if (endpoint !== undefined && entry !== undefined && !parts.has('endpoint')) {
        entry.endpoint = endpoint;
        part = 'endpoint';
        parts.add(part);
      } else if (section !== undefined && entry !== undefined && !parts.has(section)) {
        part = section;
        parts.add(part);
      } else if (key !== null && entry !== undefined && part === 'ssh')
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
  const content = new Map<string, LockEntry>();
  for (const [host, entry] of Object.entries(recordAt(value.hosts, 'hosts', file))) {
    const { ssh = [], wireguard = {}, endpoint } = recordAt(entry, `hosts.${host}`, file);
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
    const last = endpointOf(endpoint, /./);
    if (endpoint !== undefined && endpoint !== null && last === undefined)
      throw malformed(`"${host}" has an endpoint that is none`, file, undefined, 'user@address:port');
    content.set(host, { ssh: keys, wireguard: new Map(publicKeys), ...(last && { endpoint: last }) });
  }
  return content;
}

function endpointOf(value: unknown, form: RegExp): EndpointAddress | undefined {
  return typeof value === 'string' && form.test(value) ? parseEndpoint(value) : undefined;
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
