import { type Change, defineResource, type Facts, KnownAfterApply, Secret, type Step, z } from '../../src/index.ts';
import { nothingFound, readFound } from './found/found.ts';
import { handBack, keptKey, keptPresharedKey, networkdFiles } from './found/take-over.ts';
import { interfacesOf } from './params.ts';
import { configFile, hostScript, keyFile, peersIn, presharedKeyFile, publicKeyFile, routesIn } from './render.ts';

const names = z.array(z.string());
const script = (...words: string[]): Step => ({ do: 'run', argv: [hostScript, ...words], timeoutSeconds: 120 });
const risk = 'connectivity' as const;

/** Complete or not at all: the public key comes last, and says that the private one is there. */
const makeKey = `set -eu
umask 077
[ -s "$1" ] || { wg genkey >"$1.new" && mv "$1.new" "$1"; }
wg pubkey <"$1" >"$2.new" && chmod 644 "$2.new" && mv "$2.new" "$2"`;

/** Overwritten before it is unlinked, where the file system writes in place. */
const destroy = `for file; do
  [ ! -e "$file" ] || shred -u -- "$file" 2>/dev/null || rm -f -- "$file"
done`;

/**
 * Key pairs that the host makes itself, one for each interface. Those of `retired` interfaces are destroyed, which nothing can
 * undo.
 */
export const tunnelKeys = defineResource({
  type: 'wireguard-keys',
  props: z.strictObject({
    tunnel: z.string(),
    interfaces: names,
    retired: names.default([]),
    /** Preshared keys of the retired interfaces are destroyed as well. */
    withPreshared: z.boolean().default(false),
  }),
  id: ({ tunnel }) => tunnel,
  async read(host, { tunnel, interfaces, retired, withPreshared }) {
    const [found, ...missing] = await Promise.all([
      interfaces.length === 0 ? nothingFound : readFound(host, interfacesOf({ interface: tunnel })),
      ...interfaces.map((name) => host.file(publicKeyFile(name))),
    ]);
    const left = await Promise.all(
      retired.flatMap((name) => [keyFile(name), publicKeyFile(name)]).map((path) => host.file(path)),
    );
    return {
      found,
      missing: interfaces.filter((_, index) => missing[index]?.kind === 'absent'),
      left: [
        ...left.filter(({ kind }) => kind !== 'absent').map(({ path }) => path),
        ...(withPreshared ? (await runningState(host, retired)).presharedKeys : []),
      ],
    };
  },
  diff({ interfaces }, { found, missing, left }): readonly Change[] {
    return [
      ...interfaces.flatMap((name) => keptKey(name, found, !missing.includes(name))),
      ...missing
        .filter((name) => !found.interfaces.has(name))
        .map((name): Change => {
          const files = [keyFile(name), publicKeyFile(name)];
          return {
            attribute: `key of ${name}`,
            before: null,
            after: 'made on the host',
            apply: [{ do: 'run', argv: ['sh', '-c', makeKey, 'lab-wireguard-key', ...files] }],
            revert: [{ do: 'run', argv: ['rm', '-f', ...files] }],
          };
        }),
      ...(left.length === 0
        ? []
        : [
            {
              attribute: 'retired keys',
              before: left.join(' '),
              after: null,
              apply: [{ do: 'run' as const, argv: ['sh', '-c', destroy, 'lab-wireguard-destroy', ...left] }],
              revert: [],
            },
          ]),
    ];
  },
});

const wantedInterface = z.strictObject({
  name: z.string(),
  config: z.string(),
  /** Preshared keys of this interface: whose, and those that are to be written. */
  presharedKeys: z.array(
    z.strictObject({
      peer: z.string(),
      peerKey: z.string().nullable(),
      fingerprint: z.string(),
      secret: z.instanceof(Secret).optional(),
    }),
  ),
});

/**
 * The interfaces of a tunnel on a host. Those in `all` that are not wanted are taken down. What changes is brought in without
 * a new start, so that no packet is lost.
 */
export const tunnelInterfaces = defineResource({
  type: 'wireguard-interfaces',
  props: z.strictObject({
    tunnel: z.string(),
    wanted: z.array(wantedInterface),
    all: names,
    /** Removals are for good: no copy of a preshared key is kept, and nothing starts them again. */
    final: z.boolean().default(false),
    /** Leave preshared keys where they are: they are destroyed when nobody has to go back any more. */
    keepPreshared: z.boolean().default(false),
    /** Preshared keys of links whose other end has destroyed its key: no copy of them is kept either. */
    dead: names.default([]),
  }),
  id: ({ tunnel }) => tunnel,
  async read(host, { wanted, all }) {
    const [found, publicKeys, units, running, psks] = await Promise.all([
      readFound(host, all),
      Promise.all(all.map((name) => host.content(publicKeyFile(name)))),
      // Asked in any case, so that it costs no round trip of its own; without systemd there are no units.
      Promise.all(wanted.map(({ name }) => host.unit(`wg-quick@${name}.service`).catch(unlessSystemd(host)))),
      runningState(host, all),
      Promise.all(
        wanted.flatMap(({ name, presharedKeys }) =>
          presharedKeys.map(({ peer }) => host.file(presharedKeyFile(name, peer))),
        ),
      ),
    ]);
    return {
      found,
      publicKeys: new Map(all.map((name, index) => [name, textOf(publicKeys[index])?.trim() ?? null])),
      units: new Map(wanted.map(({ name }, index) => [name, units[index] ?? null])),
      running,
      psks: new Map(psks.map(({ path, sha256 }) => [path, sha256?.slice(0, 16) ?? null])),
    };
  },
  diff({ wanted, all, final, keepPreshared, dead }, current): readonly Change[] {
    const changes: Change[] = [];
    for (const { name, config, presharedKeys } of wanted) {
      const made = current.found.interfaces.get(name);
      const isUp = current.running.interfaces.has(name) || made !== undefined;
      for (const { peer, peerKey, fingerprint, secret } of presharedKeys) {
        const path = presharedKeyFile(name, peer);
        if (current.psks.get(path) === fingerprint) continue;
        if (secret === undefined) {
          if (made !== undefined) changes.push(...keptPresharedKey(name, peer, made, { peerKey, fingerprint }));
          continue;
        }
        changes.push({
          attribute: `preshared key with ${peer}`,
          before: current.psks.get(path) === null ? null : 'another one',
          after: 'made for this link',
          apply: [{ do: 'write', path, content: secret, mode: '0600', owner: 'root', group: 'root' }],
          revert: [{ do: 'restore', path }, ...(isUp ? [script('back', name)] : [])],
        });
      }
      const before = current.found.configs.get(name) ?? null;
      const aside = networkdFiles(name, current.found);
      const newKeys = changes.length > 0 && presharedKeys.some(({ secret }) => secret !== undefined);
      const differs = !samePeers(peersIn(config), current.running.peers.get(name));
      const key = current.publicKeys.get(name) ?? null;
      const keyDiffers = isUp && key !== null && current.running.keys.get(name) !== key;
      if (before !== config) {
        changes.push({
          attribute: `configuration of ${name}`,
          before,
          after: config,
          apply: [
            { do: 'write', path: configFile(name), content: config, mode: '0600', owner: 'root', group: 'root' },
            ...aside.map((path): Step => ({ do: 'remove', path })),
            ...(isUp ? [script('sync', name)] : []),
          ],
          // A peer that is gone for good does not come back by its old configuration.
          revert: final
            ? []
            : [
                ...[configFile(name), ...aside].map((path): Step => ({ do: 'restore', path })),
                ...(made !== undefined ? [handBack(name)] : isUp && before !== null ? [script('back', name)] : []),
              ],
          risk,
        });
      } else if (isUp && (differs || newKeys || keyDiffers))
        changes.push({
          attribute: keyDiffers ? `key of ${name}` : `peers of ${name}`,
          before: keyDiffers || differs ? 'not as in its file' : 'with their old preshared keys',
          after: 'as in its file',
          apply: [script('sync', name)],
          revert: [script('back', name)],
          risk,
        });
      const unit = current.units.get(name);
      if (unit === undefined || unit === null ? !isUp : unit.enablement !== 'enabled')
        changes.push({
          attribute: `${name} at boot`,
          before: 'disabled',
          after: 'enabled',
          apply: [script('enable', name)],
          revert: [script('disable', name)],
          risk,
        });
      // A userspace implementation that ended leaves a unit that counts as active.
      if (!isUp)
        changes.push({
          attribute: name,
          before: 'down',
          after: 'up',
          apply: [...(unit?.active === 'active' ? [script('stop', name)] : []), script('start', name)],
          revert: [script('stop', name)],
          risk,
        });
    }
    const keep = new Set(
      wanted.flatMap(({ name, presharedKeys }) => presharedKeys.map(({ peer }) => presharedKeyFile(name, peer))),
    );
    for (const name of all) {
      if (wanted.some((one) => one.name === name)) continue;
      const before = current.found.configs.get(name) ?? null;
      if (before === null && !current.running.interfaces.has(name)) continue;
      changes.push({
        attribute: name,
        before: 'up',
        after: null,
        apply: [script('stop', name), script('disable', name), { do: 'remove', path: configFile(name) }],
        revert: final
          ? []
          : [{ do: 'restore', path: configFile(name) }, ...(before === null ? [] : [script('revive', name)])],
        risk,
      });
    }
    const surplus = keepPreshared ? [] : current.running.presharedKeys.filter((path) => !keep.has(path));
    const destroyed = surplus.filter((path) => final || dead.includes(path));
    const removed = surplus.filter((path) => !destroyed.includes(path));
    if (surplus.length > 0)
      changes.push({
        attribute: 'preshared keys of no link',
        before: surplus.join(' '),
        after: null,
        apply: [
          ...removed.map((path): Step => ({ do: 'remove', path })),
          ...(destroyed.length === 0
            ? []
            : [{ do: 'run' as const, argv: ['sh', '-c', destroy, 'lab-wireguard-destroy', ...destroyed] }]),
        ],
        revert: removed.map((path): Step => ({ do: 'restore', path })),
      });
    return changes;
  },
});

/** Which interface carries which link: one file, and the routes in the kernel. */
export const tunnelLinks = defineResource({
  type: 'wireguard-links',
  props: z.strictObject({
    tunnel: z.string(),
    path: z.string(),
    /** Null: no links, no file. */
    content: z.string().nullable(),
    all: names,
    /** What was before needs keys that are destroyed: nothing leads back to it. */
    final: z.boolean().default(false),
  }),
  id: ({ tunnel }) => tunnel,
  paths: ({ path, content }) => [{ path, wants: content === null ? 'nothing' : 'something' }],
  async read(host, { path, all }) {
    const [content, running] = await Promise.all([host.content(path), runningState(host, all)]);
    return { before: textOf(content), running };
  },
  diff({ path, content, all, final }, { before, running }): readonly Change[] {
    if (content === null)
      return before === null
        ? []
        : [
            {
              attribute: 'links',
              before,
              after: null,
              apply: [{ do: 'remove', path }],
              revert: final ? [] : [{ do: 'restore', path }, script('routes', path, ...all)],
              risk,
            },
          ];
    const upNow = (route: string) => running.interfaces.has(route.split(' ')[0] ?? '');
    const wanted = routesIn(content).filter(upNow).sort();
    const routesDiffer = running.interfaces.size > 0 && wanted.join('\n') !== [...running.routes].sort().join('\n');
    if (before === content && !routesDiffer) return [];
    const used = [...new Set(routesIn(before ?? '').map((route) => route.split(' ')[0] ?? ''))];
    return [
      {
        attribute: before === content ? 'routes' : 'links',
        before: before === content ? [...running.routes].sort().join('\n') : before,
        after: before === content ? wanted.join('\n') : content,
        apply: [
          ...(before === content
            ? []
            : [{ do: 'write' as const, path, content, mode: '0644', owner: 'root', group: 'root' }]),
          script('routes', path, ...all),
        ],
        revert: final
          ? []
          : [
              ...(used.length === 0 ? [] : [script('require', ...used)]),
              { do: 'restore', path },
              ...(before === null ? [] : [script('routes', path, ...all)]),
            ],
        risk,
      },
    ];
  },
});

function unlessSystemd(host: Facts) {
  return async (error: unknown): Promise<null> => {
    if (error instanceof KnownAfterApply || (await host.system()).init === 'systemd') throw error;
    return null;
  };
}

interface RunningState {
  readonly interfaces: ReadonlySet<string>;
  /** Interface → the public key that it runs with. */
  readonly keys: ReadonlyMap<string, string>;
  /** Interface → public key → prefixes. */
  readonly peers: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** `INTERFACE PREFIX` of the routes that are ours. */
  readonly routes: readonly string[];
  readonly presharedKeys: readonly string[];
}

async function runningState(host: Facts, all: readonly string[]): Promise<RunningState> {
  const { stdout, exitCode } = await host.run([hostScript, 'state', ...all]);
  const interfaces = new Set<string>();
  const keys = new Map<string, string>();
  const peers = new Map<string, Map<string, string>>();
  const routes: string[] = [];
  const presharedKeys: string[] = [];
  for (const line of exitCode === 0 ? stdout.split('\n') : []) {
    const [word, name = '', ...rest] = line.split(/[ \t]+/);
    if (word === 'interface') {
      interfaces.add(name);
      keys.set(name, rest[0] ?? '');
      peers.set(name, new Map());
    } else if (word === 'peer') peers.get(name)?.set(rest[0] ?? '', rest.slice(1).sort().join(' '));
    else if (word === 'route') routes.push(`${name} ${rest[0]}`);
    else if (word === 'psk') presharedKeys.push(name);
  }
  return { interfaces, keys, peers, routes, presharedKeys };
}

function samePeers(wanted: ReadonlyMap<string, string>, running: ReadonlyMap<string, string> | undefined): boolean {
  if (running === undefined || running.size !== wanted.size) return running === undefined;
  return [...wanted].every(([key, prefixes]) => running.get(key) === prefixes);
}

function textOf(content: Uint8Array | null | undefined): string | null {
  return content === null || content === undefined ? null : Buffer.from(content).toString();
}
