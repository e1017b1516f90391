import { isDeepStrictEqual } from 'node:util';
import { isPlainObject } from '../../model/layers.ts';
import { locateInTypeScript } from '../../model/locate-in-typescript.ts';
import type { Host, Provenance } from '../../model/types.ts';
import type { Exports, Play, Playbook, RoleContext, RoleUse } from '../../playbook/contract.ts';
import { refusingExit } from '../../playbook/refuse-exit.ts';
import { KnownAfterApply, type SystemFact } from '../../remote/facts/contract.ts';
import { awaitedExports } from '../../resources/awaited-exports.ts';
import type { Resource, ResourceTree } from '../../resources/contract.ts';
import { LabError, type SourceLocation } from '../../shared/errors.ts';
import { isEngineFile } from '../../shared/own-package.ts';
import { problemsOf } from '../../shared/schema-problems.ts';
import { reveal, Secret } from '../../shared/secret.ts';
import { suggestion } from '../../shared/suggest.ts';
import { ExportStore, ExportView, noMemory } from '../exports.ts';
import { declareAgain, watchedBy } from './declared-again.ts';
import { otherDeclaration, refusePathConflicts } from './path-conflicts.ts';

/** A resource with where in the playbook it stands. */
export interface Declared {
  readonly resource: Resource;
  /** `file:/etc/motd`; unique on a host. */
  readonly key: string;
  readonly title: string;
  readonly role: string | null;
  readonly tags: ReadonlySet<string>;
}

export interface DeclareOptions {
  readonly tags?: readonly string[] | undefined;
  readonly skipTags?: readonly string[] | undefined;
  /** A role, or the name or key of a resource. */
  readonly startAt?: string | undefined;
}

/**
 * Everything that a playbook declares for one host, in order, each resource once.
 *
 * @param system gives the facts a role asks for; it may throw to say that they are not known yet
 * @throws LabError ROLE_PARAMS, RESOURCE_PROPS, RESOURCE_CONFLICT
 */
export async function declareHost(
  playbook: Playbook,
  host: Host,
  plays: readonly Play[],
  system: () => Promise<SystemFact>,
  options: DeclareOptions = {},
  exports: ExportView = new ExportView(new ExportStore(noMemory), host.name),
): Promise<readonly Declared[]> {
  const declared = new Map<string, Declared>();
  const asked = new WeakSet<object>();
  const context = {
    host,
    inventory: playbook.inventory,
    system: () => system().catch((thrown) => Promise.reject(remember(asked, thrown))),
    agreed: <Value>(name: string, make: () => Value) => exports.agreed(name, make),
  };
  for (const play of plays) {
    for (const use of play.roles) {
      const params = paramsOf(use, host);
      const withExports = exportsFor(use.role.name, exports);
      const tree = await inUserCode(() => use.role.resources({ ...context, params, withExports }), asked);
      add(declared, placed(tree, use.at ?? play.at), use.role.name, [use.role.name, ...play.tags]);
    }
    const { resources } = play;
    if (resources === undefined) continue;
    add(
      declared,
      await inUserCode(() => resources({ ...context, params: {}, withExports: exportsFor('', exports) }), asked),
      null,
      play.tags,
    );
  }
  const all = [...declared.values()];
  refusePathConflicts(all);
  return select(all, options);
}

function exportsFor(role: string, store: ExportView): RoleContext<unknown>['withExports'] {
  return (hosts, make, enough) => {
    const seen = new Map(hosts.map((host) => [host, store.of(host, role, enough)]));
    const awaited = hosts.filter((host) => seen.get(host)?.awaited);
    if (awaited.length > 0) return awaitedExports({ role, hosts: awaited });
    const known = [...seen].flatMap(([host, { exports }]): [string, Exports][] => (exports ? [[host, exports]] : []));
    return make(new Map(known), new Set(hosts.filter((host) => seen.get(host)?.reached)));
  };
}

/** Calls a function of the user's; what it throws is told with its own file and line, except what `system` threw to us. */
async function inUserCode<Value>(call: () => Value | Promise<Value>, asked: WeakSet<object>): Promise<Value> {
  try {
    return await refusingExit(call);
  } catch (thrown) {
    if (thrown instanceof KnownAfterApply || (thrown instanceof Error && asked.has(thrown))) throw thrown;
    const { asUserCodeError } = await import('../../playbook/module-error.ts');
    throw asUserCodeError(thrown) ?? thrown;
  }
}

function remember(asked: WeakSet<object>, thrown: unknown): unknown {
  if (thrown instanceof Error) asked.add(thrown);
  return thrown;
}

/**
 * The parameters of a role on a host: inventory (all, groups, host), then the play, then the schema's defaults.
 *
 * @param source of the inventory, for the place of what does not fit
 * @throws LabError ROLE_PARAMS
 */
export function paramsOf(use: RoleUse, host: Host, source?: SourceLocation): unknown {
  const given = mergeParams(host.params.get(use.role.name) ?? {}, use.params);
  const parsed = use.role.params.safeParse(given);
  if (parsed.success) return parsed.data;
  const errors = problemsOf(parsed.error, given).map((problem) => {
    const origin = host.provenance.get([use.role.name, ...problem.path].join('.'));
    return new LabError('ROLE_PARAMS', `role ${use.role.name}: ${problem.message}`, {
      ...problem.details,
      host: host.name,
      at: origin === undefined ? use.at : (origin.at ?? locateInTypeScript(source, origin.path ?? [])),
      ...hintFor(use, problem, origin),
    });
  });
  const [first, ...others] = errors;
  throw first?.with({ others }) ?? new LabError('ROLE_PARAMS', `role ${use.role.name}: parameters do not fit`);
}

function hintFor(
  { role }: RoleUse,
  { path, details }: ReturnType<typeof problemsOf>[number],
  origin: Provenance | undefined,
): { readonly hint?: string } {
  if (details.hint !== undefined) return {};
  const isUnknown = details.expected === undefined && path.length === 1;
  const meant = isUnknown
    ? suggestion(String(path.at(-1)), Object.keys((role.params as { shape?: object }).shape ?? {}))
    : '';
  const from =
    origin === undefined
      ? ''
      : `the value comes from the params of ${origin.level === 'all' ? 'all hosts' : `the ${origin.level} ${origin.name}`}`;
  const hint = [meant, from].filter((part) => part !== '').join('; ');
  return hint === '' ? {} : { hint };
}

function mergeParams(below: unknown, above: unknown): unknown {
  if (!isPlainObject(below) || !isPlainObject(above)) return above === undefined ? below : above;
  const keys = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries([...keys].map((key) => [key, mergeParams(below[key], above[key])]));
}

/** What a role of this package declares stands where the playbook names the role: a line of ours says nothing to anybody. */
function placed(tree: ResourceTree, at: SourceLocation | undefined): ResourceTree {
  if (!tree) return tree;
  if (Array.isArray(tree)) return tree.map((branch) => placed(branch as ResourceTree, at));
  const resource = tree as Resource;
  return resource.at !== undefined && isEngineFile(resource.at.file) ? { ...resource, at } : resource;
}

function add(into: Map<string, Declared>, tree: ResourceTree, role: string | null, tags: readonly string[]): void {
  if (!tree) return;
  if (Array.isArray(tree)) {
    for (const branch of tree) add(into, branch as ResourceTree, role, tags);
    return;
  }
  const resource = tree as Resource;
  const key = `${resource.type}:${resource.id}`;
  const known = into.get(key);
  if (known !== undefined && !sameProps(known.resource.props, resource.props)) {
    throw new LabError('RESOURCE_CONFLICT', `${key} is declared twice, differently`, {
      at: resource.at,
      found: otherDeclaration(known),
      hint: 'declare it in one place, or give both the same values',
    });
  }
  for (const watched of watchedBy(resource)) {
    if (!into.has(watched)) {
      throw new LabError('RESOURCE_CONFLICT', `${key} watches ${watched}, which is not declared before it`, {
        at: resource.at,
        hint: 'put the watched resource earlier in the list',
      });
    }
  }
  const title = resource.options.name ?? `${resource.type} ${resource.id}`;
  const declared = { resource, key, title, role, tags: new Set([...tags, ...(resource.options.tags ?? [])]) };
  if (known === undefined) into.set(key, declared);
  else declareAgain(into, known, declared);
}

/** A secret keeps its value out of sight of every comparison but this. */
function sameProps(a: unknown, b: unknown): boolean {
  const values = (of: unknown) => secretsIn(of).map(reveal);
  return isDeepStrictEqual(a, b) && isDeepStrictEqual(values(a), values(b));
}

function select(all: readonly Declared[], { tags, skipTags, startAt }: DeclareOptions): readonly Declared[] {
  const from = startAt === undefined ? 0 : all.findIndex((one) => [one.key, one.title, one.role].includes(startAt));
  return all
    .slice(from < 0 ? all.length : from)
    .filter((one) => tags === undefined || tags.length === 0 || tags.some((tag) => one.tags.has(tag)))
    .filter((one) => !skipTags?.some((tag) => one.tags.has(tag)));
}

/** Every secret inside a value, however deep. */
export function secretsIn(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [];
  return [...(value instanceof Map ? value.values() : Object.values(value))].flatMap(secretsIn);
}
