import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Document } from 'yaml';
import { LabError } from '../shared/errors.ts';
import type { EndpointAddress, HostKey, HostKeyPolicy } from '../transport/contract.ts';
import { formatEndpoint, parseEndpoint } from '../transport/endpoint.ts';
import { type DeviceEntry, type LockContent, type LockEntry, parseCanonical, parseLock } from './lock-content.ts';

export { lockFilePath } from './project-root.ts';

const header = ` Public keys that lab has seen, pinned so that a different one is noticed, and where hosts answered last.
 No secrets: commit this file.`;

type Edit = (document: Document) => void;

/** A part in a tunnel: public keys by interface, and links by peer. */
export interface TunnelMemory {
  readonly keys: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
}

/**
 * `inventory/lab.lock.yml`: the SSH host keys and WireGuard public keys that were seen, where hosts answered last, and the
 * addresses that were assigned. Meant to be committed. A person may edit it; comments stay. Changes are kept in memory until
 * `save`.
 *
 * @example
 * const lock = await LockFile.read(lockFilePath(inventory.source.file));
 * lock.pin('nas', key);
 * await lock.save();
 */
export class LockFile {
  readonly file: string;
  #content: LockContent;
  #edits: Edit[] = [];
  #saving: Promise<void> = Promise.resolve();

  private constructor(file: string, content: LockContent) {
    this.file = file;
    this.#content = content;
  }

  /**
   * A file that does not exist is an empty one.
   *
   * @throws LabError LOCK_FILE when it is malformed or cannot be read
   */
  static async read(file: string): Promise<LockFile> {
    const text = await readText(file);
    const content =
      parseCanonical(text) ?? parseLock((await import('yaml')).parseDocument(text, { logLevel: 'error' }), file);
    return new LockFile(file, content);
  }

  /** Everybody that something is known of. */
  get hosts(): readonly string[] {
    return [...this.#content.hosts.keys()];
  }

  /** Host keys pinned for a host of the inventory; empty when it was never seen. */
  pinned(host: string): readonly HostKey[] {
    return this.#content.hosts.get(host)?.ssh ?? [];
  }

  /** Pins a key beside those of other types; one of the same type is replaced. */
  pin(host: string, key: HostKey): void {
    if (this.pinned(host).some((other) => other.type === key.type && other.base64 === key.base64)) return;
    const keys = [...this.pinned(host).filter((other) => other.type !== key.type), key];
    this.#set(host, { ...this.#entry(host), ssh: keys.sort((a, b) => compare(a.type, b.type)) });
    this.#edits.push((document) => {
      const lines = keys.map(({ type, base64 }) => `${type} ${base64}`);
      put(document, ['hosts', host, 'ssh'], document.createNode(lines));
    });
  }

  /** Forgets the host keys of a host that was installed anew. */
  unpin(host: string): void {
    if (this.pinned(host).length === 0) return;
    this.#set(host, { ...this.#entry(host), ssh: [] });
    this.#edits.push((document) => removeEmptied(document, ['hosts', host], 'ssh'));
  }

  /** What was last seen of a host's or device's part in a tunnel. */
  wireguard(kind: 'host' | 'device', name: string): TunnelMemory {
    const entry = kind === 'host' ? this.#content.hosts.get(name) : undefined;
    const keys = this.#content[`${kind}s`].get(name)?.wireguard ?? new Map();
    return { keys, links: entry?.links ?? new Map() };
  }

  /** Replaces all that is known of it; without keys it is forgotten. */
  setWireguard(kind: 'host' | 'device', name: string, { keys, links }: TunnelMemory): void {
    const before = this.wireguard(kind, name);
    if (isDeepStrictEqual(before.keys, keys) && isDeepStrictEqual(before.links, links)) return;
    if (kind === 'host') this.#set(name, { ...this.#entry(name), wireguard: keys, links });
    else this.#setDevice(name, { ...this.#device(name), wireguard: keys });
    this.#edits.push((document) => {
      for (const [part, map] of [['wireguard', keys] as const, ...(kind === 'host' ? [['links', links] as const] : [])])
        if (map.size > 0) put(document, [`${kind}s`, name, part], document.createNode(Object.fromEntries(map)));
        else removeEmptied(document, [`${kind}s`, name], part);
    });
  }

  /** Hosts whose way to the internet leads through this one; empty when it never said so. */
  carries(host: string): readonly string[] {
    return this.#content.hosts.get(host)?.carries ?? [];
  }

  setCarries(host: string, carries: readonly string[]): void {
    if (isDeepStrictEqual(this.carries(host), carries)) return;
    this.#set(host, { ...this.#entry(host), carries });
    this.#edits.push((document) => {
      if (carries.length === 0) removeEmptied(document, ['hosts', host], 'carries');
      else put(document, ['hosts', host, 'carries'], document.createNode(carries, { flow: true }));
    });
  }

  /** Whether the host answered as a resolver when it was last read. */
  answers(host: string): boolean {
    return this.#content.hosts.get(host)?.answers === true;
  }

  setAnswers(host: string): void {
    if (this.answers(host)) return;
    this.#set(host, { ...this.#entry(host), answers: true });
    this.#edits.push((document) => put(document, ['hosts', host, 'answers'], true));
  }

  /** Where the host answered last over SSH. */
  endpoint(host: string): EndpointAddress | undefined {
    return this.#content.hosts.get(host)?.endpoint;
  }

  setEndpoint(host: string, endpoint: EndpointAddress): void {
    const before = this.endpoint(host);
    const text = formatEndpoint(endpoint);
    // What could not be read again is worth less than a lock file that can.
    if (parseEndpoint(text) === undefined || (before !== undefined && formatEndpoint(before) === text)) return;
    this.#set(host, { ...this.#entry(host), endpoint });
    this.#edits.push((document) => put(document, ['hosts', host, 'endpoint'], text));
  }

  /** The addresses on a network that were assigned to a host or device; empty when none were. */
  assigned(kind: 'host' | 'device', name: string, network: string): readonly string[] {
    return this.#content[`${kind}s`].get(name)?.addresses.get(network) ?? [];
  }

  setAssigned(kind: 'host' | 'device', name: string, network: string, addresses: readonly string[]): void {
    if (this.assigned(kind, name, network).join() === addresses.join()) return;
    const more = {
      addresses: new Map([...(this.#content[`${kind}s`].get(name)?.addresses ?? []), [network, addresses]]),
    };
    if (kind === 'host') this.#set(name, { ...this.#entry(name), ...more });
    else this.#setDevice(name, { ...this.#device(name), ...more });
    this.#edits.push((document) =>
      put(document, [`${kind}s`, name, 'addresses', network], document.createNode(addresses, { flow: true })),
    );
  }

  get changed(): boolean {
    return this.#edits.length > 0;
  }

  /**
   * Writes what changed, atomically. The file is read again first, so that what another process pinned meanwhile stays.
   * Without a change nothing is written.
   */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => undefined).then(() => this.#write());
    return this.#saving;
  }

  async #write(): Promise<void> {
    const edits = this.#edits;
    if (edits.length === 0) return;
    const { parseDocument } = await import('yaml');
    const text = await readText(this.file);
    const document = parseDocument(text, { logLevel: 'error' });
    parseLock(document, this.file);
    if (document.contents === null) {
      document.set('version', 1);
      document.set('hosts', document.createNode({}));
      document.commentBefore ??= header;
    }
    for (const edit of edits) edit(document);
    // Without the last device its part goes too: the form that every run can read without a YAML parser has no empty one.
    if ((document.get('devices') as { items?: unknown[] } | undefined)?.items?.length === 0) document.delete('devices');
    sortMap(document, ['hosts']);
    sortMap(document, ['devices']);
    await writeAtomically(this.file, document.toString({ lineWidth: 0 }));
    this.#edits = this.#edits.filter((edit) => !edits.includes(edit));
  }

  #entry(host: string): LockEntry {
    const nothing = { ssh: [], wireguard: new Map(), links: new Map(), carries: [], addresses: new Map() };
    return this.#content.hosts.get(host) ?? nothing;
  }

  #set(host: string, entry: LockEntry): void {
    this.#content = { ...this.#content, hosts: new Map([...this.#content.hosts, [host, entry]]) };
  }

  #device(name: string): DeviceEntry {
    return this.#content.devices.get(name) ?? { wireguard: new Map(), addresses: new Map() };
  }

  #setDevice(name: string, entry: DeviceEntry): void {
    this.#content = { ...this.#content, devices: new Map([...this.#content.devices, [name, entry]]) };
  }
}

/**
 * Host keys by the lock file. An unknown key is shown to `confirm`; one that is accepted is pinned and saved at once, so
 * that a run that breaks off does not ask again.
 */
export function hostKeyPolicy(
  lock: LockFile,
  confirm: (host: string, key: HostKey, fingerprint: string) => Promise<boolean>,
): HostKeyPolicy {
  return {
    pinned: (host) => lock.pinned(host),
    async firstContact(host, key, fingerprint) {
      if (!(await confirm(host, key, fingerprint))) return false;
      lock.pin(host, key);
      await lock.save();
      return true;
    },
  };
}

/** Sets a value also where a person emptied a map on the way to it: `addresses:` with nothing below. */
function put(document: Document, path: readonly string[], value: unknown): void {
  for (const [index] of path.entries()) {
    const above = path.slice(0, index);
    if (index > 0 && document.hasIn(above) && document.getIn(above) === null) document.deleteIn(above);
  }
  document.setIn(path, value);
}

function removeEmptied(document: Document, path: readonly string[], part: string): void {
  if (!document.hasIn(path)) return;
  document.deleteIn([...path, part]);
  const entry = document.getIn(path) as { items?: unknown[] } | undefined;
  if (entry?.items?.length === 0) document.deleteIn(path);
}

function sortMap(document: Document, path: readonly string[]): void {
  const map = document.getIn(path) as { items?: { key: unknown }[]; flow?: boolean } | undefined;
  if (map?.items === undefined) return;
  // A new file begins with `hosts: {}`, which keeps its braces only while it is empty.
  map.flow = map.items.length === 0;
  const name = ({ key }: { key: unknown }): string => String((key as { value?: unknown }).value ?? key);
  map.items.sort((a, b) => compare(name(a), name(b)));
}

/** By code unit: the same order on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new LabError('LOCK_FILE', `the lock file cannot be read: ${(cause as Error).message}`, {
      at: { file },
      cause,
    });
  }
}

/** Readers see the old content or the new one, also after a crash. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const folder = await open(dirname(file), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new LabError('LOCK_FILE', `the lock file cannot be written: ${(cause as Error).message}`, {
      at: { file },
      cause,
    });
  }
}
