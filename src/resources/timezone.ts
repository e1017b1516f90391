import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { type CurrentFile, diffManagedFile, type ManagedFile, readManagedFile } from './shared/managed-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';

const localtime = '/etc/localtime';

interface Current {
  readonly link: FileFact;
  readonly zone: FileFact;
  /** Debian's `/etc/timezone`, kept where it exists. */
  readonly named: CurrentFile;
}

/**
 * The host's time zone: the link `/etc/localtime` and, where it exists, `/etc/timezone`. Daemons that run already see it
 * after a restart.
 *
 * @throws LabError RESOURCE_PROPS for a name that is no time zone
 * @example
 * timezone({ name: 'Europe/Berlin' });
 */
export const timezone = defineResource({
  type: 'timezone',
  props: z.strictObject({
    /** Name in the IANA time zone database. */
    name: z
      .string()
      .refine(isTimeZone, { error: 'a name of the time zone database, such as "Europe/Berlin" or "UTC"' }),
  }),
  id: () => 'system',
  paths: () => claimOwnPath({ path: localtime }),
  async read(host, { name }): Promise<Current> {
    const [link, zone, named] = await Promise.all([
      host.file(localtime),
      host.file(pathOf(name), { packagesMayCreate: true }),
      readManagedFile(host, namedFile(name)),
    ]);
    return { link, zone, named };
  },
  diff({ name }, { link, zone, named }): readonly Change[] {
    if (zone.kind === 'absent') {
      throw new LabError('PLAN_IMPOSSIBLE', `the host does not know the time zone ${name}`, {
        expected: pathOf(name),
        found: 'nothing',
        hint: `declare packages({ names: ['tzdata'] }) before it`,
      });
    }
    const changes = named.fact.kind === 'file' ? diffManagedFile(namedFile(name), named) : [];
    return zoneOf(link) === name ? changes : [linkChange(name, link), ...changes];
  },
});

function linkChange(name: string, link: FileFact): Change {
  const path = localtime;
  const target = pathOf(name);
  return {
    attribute: 'zone',
    before: zoneOf(link) ?? (link.kind === 'absent' ? null : link.kind),
    after: name,
    apply: [{ do: 'symlink', path, target }],
    revert: [{ do: 'restore', path }],
    predicts: [
      { fact: 'file', value: { ...link, kind: 'symlink', mode: '0777', sha256: null, target }, content: null },
    ],
  };
}

function pathOf(name: string): string {
  return `/usr/share/zoneinfo/${name}`;
}

/** Links are relative on some distributions. */
function zoneOf({ target }: FileFact): string | null {
  return /(?:^|\/)usr\/share\/zoneinfo\/(.+)$/.exec(target ?? '')?.[1] ?? null;
}

function namedFile(name: string): ManagedFile {
  return { path: '/etc/timezone', content: `${name}\n`, mode: '0644', owner: 'root', group: 'root' };
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
