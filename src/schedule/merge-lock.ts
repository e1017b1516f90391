import { type Document, isMap, parseDocument } from 'yaml';

/**
 * The lock file that a job gets when its repository is copied once more: that of the repository, in which the pinned keys
 * are, with what the job has learned of the hosts since. Public keys and links of WireGuard are the hosts' own to tell, and the
 * job asks them regularly; where a host answered last depends on who asked. Devices and assigned addresses are those of the
 * repository: keys of devices are made beside it.
 *
 * @param there the job's own lock file; null when there is none
 */
export function mergeLock(repository: string, there: string | null): string {
  const document = parseDocument(repository, { logLevel: 'error' });
  if (document.errors.length > 0) return repository;
  for (const host of keysAt(document, ['hosts'])) document.deleteIn(['hosts', host, 'endpoint']);
  const known = parseDocument(there ?? '', { logLevel: 'error' });
  if (there !== null && known.errors.length === 0) {
    // A host that the repository does not know any more stays forgotten.
    for (const host of keysAt(known, ['hosts']).filter((name) => document.hasIn(['hosts', name]))) {
      // Both as they are there: a key or a link that was retired does not come back.
      if (known.hasIn(['hosts', host, 'wireguard']))
        for (const part of ['wireguard', 'links']) {
          document.deleteIn(['hosts', host, part]);
          keep(document, known, ['hosts', host, part]);
        }
      keep(document, known, ['hosts', host, 'endpoint']);
    }
  }
  const text = String(document.toString({ lineWidth: 0 }));
  return there !== null && sameContent(text, there) ? there : text;
}

function keysAt(document: Document, path: readonly string[]): string[] {
  const map = document.getIn(path);
  return isMap(map) ? map.items.map(({ key }) => String((key as { value?: unknown }).value ?? key)) : [];
}

function keep(document: Document, known: Document, path: readonly string[]): void {
  const value = known.getIn(path);
  if (value !== undefined) document.setIn(path, value);
}

function sameContent(a: string, b: string): boolean {
  const content = (text: string) => JSON.stringify(sorted(parseDocument(text).toJS()));
  return content(a) === content(b);
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
