import { z } from 'zod';
import type { FactPrediction, FileFact } from '../remote/facts/contract.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { digestOf } from './shared/content.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { runScript } from './shared/script.ts';
import { insertLines, joinLines, lineEnd, parseLines } from './shared/text-lines.ts';

const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

interface Text {
  readonly fact: FileFact;
  readonly bytes: Uint8Array;
}

interface Current {
  /** Name of the running kernel. */
  readonly running: string;
  /** `null` when there is no `/etc/hostname`. */
  readonly stored: string | null;
  /** `null` when it is no regular file: then it is left alone. */
  readonly hosts: Text | null;
  readonly changedHosts: { readonly bytes: Uint8Array; readonly sha256: string } | null;
}

/**
 * The host's name: of the running kernel, in `/etc/hostname`, and in `/etc/hosts` (`127.0.1.1`), where a missing name makes
 * sudo wait and complain. Both files are written in place, as in a container they are mounts of their own.
 *
 * @throws LabError RESOURCE_PROPS for a name that is no host name
 * @example
 * hostname({ name: 'nas' });
 */
export const hostname = defineResource({
  type: 'hostname',
  props: z.strictObject({
    /** RFC 1123: labels of letters, digits and hyphens, with dots between; at most 64 characters (hostname(7)). */
    name: z
      .string()
      .max(64)
      .regex(new RegExp(`^${label}(\\.${label})*$`), {
        error: 'a host name: letters, digits, hyphens, and dots between',
      }),
    /** Keep a line for the name in `/etc/hosts`. Default true. */
    hosts: z.boolean().default(true),
  }),
  id: () => 'system',
  paths: () => claimOwnPath({ path: '/etc/hostname' }),
  async read(host, props): Promise<Current> {
    const [{ hostname: running }, stored, fact, bytes] = await Promise.all([
      host.system(),
      host.content('/etc/hostname'),
      host.file('/etc/hosts'),
      host.content('/etc/hosts'),
    ]);
    const hosts = fact.kind === 'file' && bytes !== null ? { fact, bytes } : null;
    const changed = hosts === null || !props.hosts ? null : hostsWith(props.name, hosts.bytes);
    return {
      running,
      stored: stored === null ? null : Buffer.from(stored).toString().trim(),
      hosts,
      changedHosts: changed === null ? null : { bytes: changed, sha256: (await digestOf(changed)).sha256 },
    };
  },
  diff({ name }, { running, stored, hosts, changedHosts }): readonly Change[] {
    const changes: Change[] = [];
    if (running !== name || stored !== name) changes.push(nameChange(name, running, stored));
    if (hosts !== null && changedHosts !== null) changes.push(hostsChange(hosts, changedHosts));
    return changes;
  },
});

function nameChange(name: string, running: string, stored: string | null): Change {
  const before = stored ?? running;
  return {
    attribute: 'name',
    before: running === before ? running : `${running} (stored: ${before})`,
    after: name,
    apply: [runScript('hostname', [name])],
    // The running name is one thing, the stored one may be another.
    revert: [runScript('hostname', [running]), { do: 'restore', path: '/etc/hostname' }],
    redo: [runScript('hostname', [name]), { do: 'restore', path: '/etc/hostname' }],
  };
}

function hostsChange({ fact, bytes }: Text, after: { bytes: Uint8Array; sha256: string }): Change {
  const predicted: FactPrediction = {
    fact: 'file',
    value: { ...fact, size: after.bytes.length, sha256: after.sha256 },
    content: after.bytes,
  };
  const [before, now] = [Buffer.from(bytes).toString(), Buffer.from(after.bytes).toString()];
  return {
    attribute: '/etc/hosts',
    before,
    after: now,
    apply: [inPlace(fact.path, now)],
    revert: [{ do: 'restore', path: fact.path }],
    redo: [{ do: 'restore', path: fact.path }],
    predicts: [predicted],
  };
}

function inPlace(path: string, content: string): Step {
  return runScript('write-in-place', [path], { stdin: content });
}

/** `/etc/hosts` with a line for the name; `null` when it has one, or is no text that could be edited. */
function hostsWith(name: string, bytes: Uint8Array): Uint8Array | null {
  const parsed = parseLines(bytes);
  const { lines } = parsed;
  if (parsed.encoding !== 'utf8') return null;
  const words = lines.map(({ text }) => text.replace(/#.*/, '').trim().split(/\s+/));
  if (words.some(([, ...names]) => names.includes(name))) return null;
  const short = name.split('.')[0] ?? name;
  const text = ['127.0.1.1', name, ...(short === name ? [] : [short])].join('\t');
  const own = words.findIndex(([address]) => address === '127.0.1.1');
  if (own !== -1)
    return joinLines({ ...parsed, lines: lines.map((line, at) => (at === own ? { ...line, text } : line)) });
  const local = words.findIndex(([address]) => address === '127.0.0.1');
  return joinLines({ ...parsed, lines: insertLines(lines, local + 1, [text], lineEnd(parsed)) });
}
