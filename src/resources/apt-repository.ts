import { z } from 'zod';
import type { Facts, FileFact, SystemFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { refreshStep } from './packages/manager.ts';
import { type CurrentFile, diffManagedFile, type ManagedFile, readManagedFile } from './shared/managed-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { asDirectory, withFolder } from './systemd/follow-up.ts';

const oneWord = z.string().regex(/^[^\s\0]+$/, { error: 'one word' });
const keyBegin = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

const props = z
  .strictObject({
    /** File name in `/etc/apt/sources.list.d`, without its ending. */
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,100}$/, { error: 'letters, digits, "_" and "-"' }),
    state: z.enum(['present', 'absent']).default('present'),
    uris: z.array(oneWord).min(1).optional(),
    /** Default: the code name of the host's release, such as `bookworm`. A path that ends in "/" goes without components. */
    suites: z.array(oneWord).min(1).optional(),
    /** Default `["main"]`, none for a suite that is a path. */
    components: z.array(oneWord).optional(),
    /** Default: those of the host. */
    architectures: z
      .array(z.string().regex(/^[a-z0-9-]+$/, { error: 'such as "amd64"' }))
      .min(1)
      .optional(),
    /** The key that signs it, as its provider publishes it: text that begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----`. */
    key: z
      .string()
      .refine((text) => text.trimStart().startsWith(keyBegin), {
        error: `an armoured key: text that begins with "${keyBegin}" (a binary one: gpg --enarmor)`,
      })
      .optional(),
    /** Believes it without a signature. Only for a repository on the host itself. Default false. */
    trusted: z.boolean().default(false),
    /** How long to wait for another package manager to end, in seconds. Default 300. */
    lockTimeoutSeconds: z.int().min(0).max(7200).default(300),
  })
  .refine(({ state, uris }) => (state === 'present') === (uris !== undefined), {
    error: 'uris, unless it is to be absent',
  })
  .refine(({ state, key, trusted }) => state === 'absent' || (key !== undefined) !== trusted, {
    error: 'the key that signs it, or trusted: true',
  });

type Props = z.output<typeof props>;

interface Current {
  readonly system: SystemFact;
  readonly source: CurrentFile | FileFact;
  readonly key: CurrentFile | FileFact;
}

/**
 * A repository of Debian packages with its key, which counts for this repository only. Its index is read at once, so that
 * `packages` after it can install from it; a repository that cannot be read or whose signature is wrong is taken back.
 *
 * @example
 * aptRepository({ name: 'caddy', uris: ['https://dl.example.dev/deb'], suites: ['any-version'], key: caddyKey });
 */
export const aptRepository = defineResource({
  type: 'apt-repository',
  props,
  id: ({ name }: Props) => name,
  paths: (props: Props) => [
    ...claimOwnPath({ path: sourcePath(props), state: props.state }),
    // Without a key of its own, one from before goes.
    ...claimOwnPath({ path: keyPath(props), state: props.key === undefined ? 'absent' : 'present' }),
  ],

  async read(host: Facts, props: Props): Promise<Current> {
    const wantsKey = props.key !== undefined;
    const [system, source, key] = await Promise.all([
      host.system(),
      host.file(sourcePath(props)),
      wantsKey ? readManagedFile(host, managedKey(props)) : host.file(keyPath(props)),
    ]);
    if (props.state === 'absent') return { system, source, key };
    // The code name may be part of the content, which is therefore compared after it is known: with the fact that is here.
    return { system, source: await readManagedFile(host, managedSource(props, system.codename), source), key };
  },

  diff(props: Props, { system, source, key }: Current): readonly Change[] {
    if (system.packageManager !== 'apt') {
      throw new LabError('PLAN_IMPOSSIBLE', 'a repository for apt needs a host with apt', {
        expected: 'apt',
        found: system.packageManager,
      });
    }
    const refresh = refreshStep('apt', sourcePath(props), props.lockTimeoutSeconds);
    const keyChanges =
      'fact' in key ? withFolder(diffManagedFile(managedKey(props), withParent(key)), key.parent) : removalOf(key);
    if (!('fact' in source)) return [...removalOf(source), ...relabelled(keyChanges)];
    const sourceChanges = diffManagedFile(managedSource(props, system.codename), source);
    const changes = [...relabelled(keyChanges), ...sourceChanges];
    return changes.map((change, index) => (index === changes.length - 1 ? withStep(change, refresh) : change));
  },
});

function withStep(change: Change, step: Step): Change {
  return { ...change, apply: [...change.apply, step] };
}

function relabelled(changes: readonly Change[]): readonly Change[] {
  return changes.map((change) => ({ ...change, attribute: `key ${change.attribute}` }));
}

function withParent(key: CurrentFile): CurrentFile {
  return { ...key, parent: key.parent === null ? null : asDirectory(key.parent) };
}

function sourcePath({ name }: Props): string {
  return `/etc/apt/sources.list.d/${name}.sources`;
}

/** sources.list(5): keys for one repository belong here, where no other repository is believed by them. */
function keyPath({ name }: Props): string {
  return `/etc/apt/keyrings/${name}.asc`;
}

function managedKey(props: Props): ManagedFile {
  const content = `${(props.key ?? '').trim().replaceAll('\r\n', '\n')}\n`;
  return { path: keyPath(props), content, mode: '0644', owner: 'root', group: 'root' };
}

function managedSource(props: Props, codename: string): ManagedFile {
  const suites = props.suites ?? [codename];
  const isPath = suites.every((suite) => suite.endsWith('/'));
  const components = props.components ?? (isPath ? [] : ['main']);
  const fields: [string, readonly string[]][] = [
    ['Types', ['deb']],
    ['URIs', props.uris ?? []],
    ['Suites', suites],
    ['Components', components],
    ['Architectures', props.architectures ?? []],
    ['Signed-By', props.key === undefined ? [] : [keyPath(props)]],
    ['Trusted', props.trusted ? ['yes'] : []],
  ];
  const lines = fields
    .filter(([, values]) => values.length > 0)
    .map(([field, values]) => `${field}: ${values.join(' ')}\n`);
  return {
    path: sourcePath(props),
    content: `# Managed by lab.\n${lines.join('')}`,
    mode: '0644',
    ...{ owner: 'root', group: 'root' },
  };
}
