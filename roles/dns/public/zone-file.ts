import { type Change, defineResource, type Step, z } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import type { ZoneFile } from './params.ts';
import { linesOf, type RecordSet } from './record-set.ts';

/**
 * A zone as a file (RFC 1035, 5), with the serial left open: it is set on the host, when the content changes. Pure.
 *
 * @example
 * renderZone('example.dev', 300, wanted, { nameservers: ['ns1.example.dev.'], contact: 'hostmaster.example.dev.' })
 */
export function renderZone(
  zone: string,
  ttl: number,
  wanted: readonly RecordSet[],
  { nameservers, contact = `hostmaster.${zone}.` }: Pick<ZoneFile, 'nameservers' | 'contact'>,
): string {
  const lines = [
    '; Managed by lab (role dns): changes are overwritten.',
    `$TTL ${ttl}`,
    `${zone}. 3600 IN SOA ${nameservers[0]} ${contact} @SERIAL@ 3600 600 1209600 300`,
    ...nameservers.map((name) => `${zone}. 3600 IN NS ${name}`),
    ...wanted.flatMap(linesOf).map((line) => line.replace(/^(\S+ \d+) /, '$1 IN ')),
  ];
  return `${lines.join('\n')}\n`;
}

/** The serial of an SOA line that `renderZone` wrote. */
const serialOf = /^(\S+ \d+ IN SOA \S+ \S+) \d+ /m;

/**
 * A whole zone file for a server that somebody else runs. Its serial counts up when the content changes, and when it is put back
 * by a rollback as well: secondary servers follow nothing else.
 */
export const zoneFile = defineResource({
  type: 'dns-zone-file',
  props: z.strictObject({
    zone: z.string(),
    path: z.string(),
    content: z.string(),
    /** Makes the server read it. */
    reload: z.array(z.string()).readonly().nullable(),
  }),
  id: ({ path }) => path,
  paths: ({ path }) => [{ path, wants: 'something' }],
  async read(host, { path }) {
    const content = await host.content(path);
    return content === null ? null : Buffer.from(content).toString();
  },
  diff({ zone, path, content, reload }, before): readonly Change[] {
    const open = before?.replace(serialOf, '$1 @SERIAL@ ') ?? null;
    if (open === content) return [];
    const script = (verb: string, ...words: string[]): Step => ({
      do: 'run',
      argv: ['sh', '-c', readRoleFile('dns/public/zone-file.sh'), 'lab-dns-file', verb, path, ...words],
      ...(verb === 'write' ? { stdin: content } : {}),
      timeoutSeconds: 120,
    });
    const reloaded: Step[] = reload === null ? [] : [{ do: 'run', argv: reload }];
    const apply = [script('write', zone), ...reloaded];
    return [
      {
        attribute: 'content',
        before: open,
        after: content,
        apply,
        revert: [
          script('note'),
          { do: 'restore', path },
          script('after'),
          // A server does not read a file that is not there any more.
          ...(before === null ? [] : reloaded),
        ],
        redo: apply,
      },
    ];
  },
});
