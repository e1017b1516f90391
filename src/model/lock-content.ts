import type { Document } from 'yaml';
import { LabError } from '../shared/errors.ts';
import type { EndpointAddress, HostKey } from '../transport/contract.ts';
import { parseEndpoint } from '../transport/endpoint.ts';
import { formatAddress, parseAddress } from './ip-address.ts';

/** What is known of one host. */
export interface LockEntry {
  readonly ssh: readonly HostKey[];
  /** WireGuard interface → public key. */
  readonly wireguard: ReadonlyMap<string, string>;
  /** Peer → which interfaces carry the link to it, in the words of the role wireguard. */
  readonly links: ReadonlyMap<string, string>;
  /** Hosts whose way to the internet leads through this one, as it last said. */
  readonly carries: readonly string[];
  /** Whether it answered as a resolver of the role dns. */
  readonly answers?: true | undefined;
  /** Where it answered last. */
  readonly endpoint?: EndpointAddress | undefined;
  /** Network → the addresses that were assigned. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
}

/** What is known of one device. */
export interface DeviceEntry {
  /** Name of a key pair → its public key. */
  readonly wireguard: ReadonlyMap<string, string>;
  /** Network → the addresses that were assigned. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
}

export interface LockContent {
  readonly hosts: ReadonlyMap<string, LockEntry>;
  readonly devices: ReadonlyMap<string, DeviceEntry>;
}

interface DraftEntry {
  readonly ssh: HostKey[];
  readonly wireguard: Map<string, string>;
  readonly links: Map<string, string>;
  readonly carries: string[];
  answers?: true;
  endpoint?: EndpointAddress;
  readonly addresses: Map<string, readonly string[]>;
}

interface DraftDevice {
  readonly wireguard: Map<string, string>;
  readonly addresses: Map<string, readonly string[]>;
}

const keyLine = /^([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})$/;
const wireguardKey = /^[A-Za-z0-9+/]{43}=$/;
/** Words of letters, digits and base64, with commas between groups: nothing that YAML would read as something else. */
const linkText = /^[A-Za-z][\w-]*(?:,? [\w+/=-]+)*$/;
/** One that YAML needs no quotes for. */
const plainEndpoint = /^[A-Za-z0-9][A-Za-z0-9._@:%[\]-]*$/;
/** A name that YAML needs no quotes for. Words that it could read as something else than text are left to it. */
const plainName = /^(?!(?:null|true|false)$)[A-Za-z][A-Za-z0-9_-]*$/i;

/**
 * How `parseCanonical` reads one part of an entry: what stands beside its name, or the lines below it. False for what is not
 * in the form that `LockFile.save` writes.
 */
type PartReader = { readonly beside: (text: string) => boolean } | { readonly below: (line: string) => boolean };
type EntryReader = Readonly<Record<string, PartReader>>;

function hostReader(entry: DraftEntry): EntryReader {
  return {
    ssh: {
      below: (line) => {
        const [, type, base64] = keyLine.exec(/^- (.+)$/.exec(line)?.[1] ?? '') ?? [];
        return type !== undefined && base64 !== undefined && entry.ssh.push({ type, base64 }) > 0;
      },
    },
    wireguard: publicKeys(entry),
    links: { below: (line) => addNamed(line, entry.links, (text) => (linkText.test(text) ? text : undefined)) },
    carries: {
      beside: (text) => {
        const names = /^\[ (.+) \]$/.exec(text)?.[1]?.split(', ') ?? [];
        return names.length > 0 && names.every((name) => plainName.test(name)) && entry.carries.push(...names) > 0;
      },
    },
    answers: {
      beside: (text) => {
        if (text === 'true') entry.answers = true;
        return text === 'true';
      },
    },
    endpoint: {
      beside: (text) => {
        const endpoint = endpointOf(text, plainEndpoint);
        if (endpoint !== undefined) entry.endpoint = endpoint;
        return endpoint !== undefined;
      },
    },
    addresses: { below: (line) => addNamed(line, entry.addresses, plainAddresses) },
  };
}

function deviceReader(entry: DraftDevice): EntryReader {
  return {
    wireguard: publicKeys(entry),
    addresses: { below: (line) => addNamed(line, entry.addresses, plainAddresses) },
  };
}

function publicKeys({ wireguard }: DraftDevice): PartReader {
  return { below: (line) => addNamed(line, wireguard, (key) => (wireguardKey.test(key) ? key : undefined)) };
}

/** `name: value`, once for each name. */
function addNamed<Value>(line: string, into: Map<string, Value>, read: (text: string) => Value | undefined): boolean {
  const [, name = '', text = ''] = /^([^:]+): (.+)$/.exec(line) ?? [];
  const value = plainName.test(name) && !into.has(name) ? read(text) : undefined;
  if (value !== undefined) into.set(name, value);
  return value !== undefined;
}

/** `[ 10.80.0.12, fd80::12 ]` */
function plainAddresses(text: string): readonly string[] | undefined {
  const list = /^\[ ([0-9a-f.:, ]+) \]$/.exec(text)?.[1]?.split(', ');
  return list?.every((address) => canonicalAddress(address) === address) ? list : undefined;
}

/**
 * Reads a file as `LockFile.save` writes it, without loading a YAML parser: every run reads this file, and its start-up
 * time is felt. Undefined for anything that a person changed beyond that form, which `parseLock` then reads.
 */
export function parseCanonical(text: string): LockContent | undefined {
  const hosts = new Map<string, DraftEntry>();
  const devices = new Map<string, DraftDevice>();
  let stage: 'start' | 'version' | 'hosts' | 'no hosts' | 'devices' = 'start';
  let entry: EntryReader | undefined;
  let part: PartReader | undefined;
  /** Parts of this entry so far: one given twice is an error, which the YAML parser tells. */
  let parts = new Set<string>();

  const open = (name: string): boolean => {
    if (!plainName.test(name)) return false;
    if (stage === 'hosts' && !hosts.has(name)) {
      const host: DraftEntry = { ssh: [], wireguard: new Map(), links: new Map(), carries: [], addresses: new Map() };
      hosts.set(name, host);
      entry = hostReader(host);
    } else if (stage === 'devices' && !devices.has(name)) {
      const device: DraftDevice = { wireguard: new Map(), addresses: new Map() };
      devices.set(name, device);
      entry = deviceReader(device);
    } else return false;
    part = undefined;
    parts = new Set();
    return true;
  };
  const begin = (line: string): boolean => {
    const [, name = '', beside] = /^([a-zA-Z]+):(?: (.+))?$/.exec(line) ?? [];
    if (entry === undefined || parts.has(name) || !Object.hasOwn(entry, name)) return false;
    parts.add(name);
    part = entry[name];
    if (part === undefined) return false;
    return 'beside' in part ? beside !== undefined && part.beside(beside) : beside === undefined;
  };

  for (const line of text.split('\n')) {
    if (line === '' || /^\s*#/.test(line)) continue;
    const [, indent = '', rest = ''] = /^( *)(.*)$/.exec(line) ?? [];
    if (stage === 'start' && line === 'version: 1') stage = 'version';
    else if (stage === 'version' && line === 'hosts:') stage = 'hosts';
    else if (stage === 'version' && line === 'hosts: {}') stage = 'no hosts';
    else if ((stage === 'hosts' || stage === 'no hosts') && line === 'devices:') {
      stage = 'devices';
      entry = undefined;
    } else if (indent.length === 2 && rest.endsWith(':') && open(rest.slice(0, -1))) continue;
    else if (indent.length === 4 && begin(rest)) continue;
    else if (indent.length === 6 && part !== undefined && 'below' in part && part.below(rest)) continue;
    else return undefined;
  }
  return { hosts, devices };
}

/** @throws LabError LOCK_FILE with the line that is malformed */
export function parseLock(document: Document.Parsed, file: string): LockContent {
  const [error] = document.errors;
  if (error !== undefined) {
    const at = { file, line: error.linePos?.[0].line, column: error.linePos?.[0].col };
    throw malformed(`this is no YAML: ${error.message.split('\n')[0] ?? ''}`, at.file, at.line);
  }
  const value = document.toJS({ maxAliasCount: 0 }) as unknown;
  if (value === null || value === undefined) return { hosts: new Map(), devices: new Map() };
  if (!isRecord(value) || value.version !== 1) throw malformed('this is no lock file of version 1', file);
  const hosts = new Map<string, LockEntry>();
  for (const [host, entry] of Object.entries(recordAt(value.hosts, 'hosts', file))) {
    const {
      ssh = [],
      wireguard,
      links,
      carries,
      answers,
      endpoint,
      addresses,
    } = recordAt(entry, `hosts.${host}`, file);
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
    const last = endpointOf(endpoint, /./);
    if (endpoint !== undefined && endpoint !== null && last === undefined)
      throw malformed(`"${host}" has an endpoint that is none`, file, undefined, 'user@address:port');
    hosts.set(host, {
      ssh: keys,
      wireguard: publicKeysAt(wireguard, `hosts.${host}.wireguard`, file),
      links: linksAt(links, `hosts.${host}.links`, file),
      carries: namesAt(carries, `hosts.${host}.carries`, file),
      ...(answers === true && { answers }),
      ...(last && { endpoint: last }),
      addresses: addressesAt(addresses, `hosts.${host}.addresses`, file),
    });
  }
  const devices = Object.entries(recordAt(value.devices, 'devices', file)).map(([device, entry]) => {
    const { wireguard, addresses } = recordAt(entry, `devices.${device}`, file);
    const keys = publicKeysAt(wireguard, `devices.${device}.wireguard`, file);
    return [
      device,
      { wireguard: keys, addresses: addressesAt(addresses, `devices.${device}.addresses`, file) },
    ] as const;
  });
  return { hosts, devices: new Map(devices) };
}

function publicKeysAt(value: unknown, where: string, file: string): Map<string, string> {
  const keys = Object.entries(recordAt(value, where, file));
  for (const [, key] of keys)
    if (!wireguardKey.test(String(key)))
      throw malformed(`"${where}" has a WireGuard key that is none`, file, undefined, '44 characters of base64');
  return new Map(keys.map(([name, key]) => [name, String(key)]));
}

function linksAt(value: unknown, where: string, file: string): Map<string, string> {
  const links = Object.entries(recordAt(value, where, file));
  for (const [peer, text] of links)
    if (!linkText.test(String(text)))
      throw malformed(
        `"${where}.${peer}" is no link`,
        file,
        undefined,
        'interfaces, a fingerprint, a state and a public key',
      );
  return new Map(links.map(([peer, text]) => [peer, String(text)]));
}

function namesAt(value: unknown, where: string, file: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw malformed(`"${where}" is no list of hosts`, file, undefined, '[ nas, node ]');
}

function addressesAt(value: unknown, where: string, file: string): Map<string, readonly string[]> {
  const networks = Object.entries(recordAt(value, where, file)).map(([network, list]): [string, string[]] => {
    const addresses = Array.isArray(list) ? list.map(canonicalAddress) : [undefined];
    if (!addresses.every((address) => address !== undefined))
      throw malformed(`"${where}.${network}" has an address that is none`, file, undefined, 'a list of IP addresses');
    return [network, addresses];
  });
  return new Map(networks);
}

function canonicalAddress(value: unknown): string | undefined {
  const address = typeof value === 'string' ? parseAddress(value) : undefined;
  return address && formatAddress(address);
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
