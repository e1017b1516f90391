import { KnownAfterApply } from '../../remote/facts/contract.ts';
import type { FactLoader } from '../../remote/facts/loader.ts';
import { triggerFile } from '../../remote/trigger-file.ts';
import type { Change, TriggerAction } from '../../resources/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Declared } from './declare.ts';
import { PlanningFacts } from './planning-facts.ts';

/** What is to be done about one resource. */
export interface Planned extends Declared {
  readonly outcome: 'in-sync' | 'change' | 'known-after-apply' | 'impossible';
  readonly changes: readonly Change[];
  /** Triggers to write down before the changes: what waits for this resource. */
  readonly triggers: readonly string[];
  /** Triggers that these changes satisfy. */
  readonly satisfies: readonly string[];
  readonly reason?: string | undefined;
  readonly error?: LabError | undefined;
}

/** Errors that end the whole plan, not one resource of it. */
const fatal = new Set(['CONNECTION_LOST', 'BECOME_REFUSED', 'STEP_TIMEOUT', 'UNREACHABLE', 'REMOTE_PROGRAM']);

/**
 * Plans one host: all reads start together and cost one round trip, then the resources are gone through in order, each
 * seeing what the changes before it will bring.
 *
 * @param done keys of resources that this run has changed already
 */
export async function planHost(
  declared: readonly Declared[],
  loader: FactLoader,
  done: ReadonlySet<string> = new Set(),
): Promise<readonly Planned[]> {
  const reads = declared.map(({ resource }) => resource.resourceType.read(loader, resource.props));
  const [state] = await Promise.all([loader.state(), ...reads.map((read) => read.catch(() => {}))]);
  const facts = new PlanningFacts(loader);
  const planned = new Map<string, Planned>();
  for (const one of declared) {
    const plan = await planResource(one, facts, planned, state.pending, done);
    planned.set(one.key, plan);
    for (const change of plan.changes) for (const prediction of change.predicts ?? []) facts.predict(prediction);
    if (plan.outcome === 'known-after-apply') facts.predict({ fact: 'unsettled', by: one.title });
  }
  return [...planned.values()].map((plan) => ({ ...plan, triggers: triggersSetOffBy(plan, planned) }));
}

async function planResource(
  one: Declared,
  facts: PlanningFacts,
  before: ReadonlyMap<string, Planned>,
  pending: ReadonlyMap<string, string>,
  done: ReadonlySet<string>,
): Promise<Planned> {
  const { resource } = one;
  const base = { ...one, changes: [], triggers: [], satisfies: [] };
  try {
    const current = await resource.resourceType.read(facts, resource.props);
    const own = resource.resourceType.diff(resource.props, current);
    const changes: Change[] = own.filter((change) => !(change.always && done.has(one.key)));
    const satisfies: string[] = [];
    for (const { action, watched } of triggersOf(one)) {
      const key = `${action} ${one.key}`;
      const cause = watched.map((name) => before.get(name)).find((plan) => plan?.outcome === 'change');
      const unknown = watched.map((name) => before.get(name)).find((plan) => plan?.outcome === 'known-after-apply');
      if (unknown !== undefined && cause === undefined) throw new KnownAfterApply(`depends on ${unknown.title}`);
      if (cause === undefined && !pending.has(triggerFile(key))) continue;
      const earlier = watched.find((name) => done.has(name));
      const text =
        cause?.title ?? before.get(earlier ?? '')?.title ?? earlier ?? 'an earlier run that did not get to it';
      const triggered = resource.resourceType.triggered?.(action, resource.props, current, own) ?? [];
      changes.push(...triggered.map((change) => ({ ...change, trigger: text })));
      satisfies.push(key);
    }
    return { ...base, outcome: changes.length > 0 ? 'change' : 'in-sync', changes, satisfies };
  } catch (thrown) {
    if (thrown instanceof KnownAfterApply) return { ...base, outcome: 'known-after-apply', reason: thrown.message };
    if (!(thrown instanceof LabError) || fatal.has(thrown.code)) throw thrown;
    const error = thrown.with({ at: resource.at });
    return { ...base, outcome: 'impossible', reason: error.message, error };
  }
}

function triggersOf({ resource: { options } }: Declared): { action: TriggerAction; watched: string[] }[] {
  const keys = (list: typeof options.restartOn) => (list ?? []).map((watched) => `${watched.type}:${watched.id}`);
  const all: { action: TriggerAction; watched: string[] }[] = [
    { action: 'restart', watched: keys(options.restartOn) },
    { action: 'reload', watched: keys(options.reloadOn) },
    { action: 'run', watched: keys(options.runOn) },
  ];
  return all.filter(({ watched }) => watched.length > 0);
}

/** What has to be written down before this resource changes, `restart unit:nginx.service`; nothing when nobody acts on it. */
function triggersSetOffBy(plan: Planned, all: ReadonlyMap<string, Planned>): string[] {
  if (plan.outcome !== 'change') return [];
  return [...all.values()]
    .filter(({ outcome }) => outcome === 'change' || outcome === 'known-after-apply')
    .flatMap((watcher) =>
      triggersOf(watcher).map(({ action, watched }) => ({ key: `${action} ${watcher.key}`, watched })),
    )
    .filter(({ watched }) => watched.includes(plan.key))
    .map(({ key }) => key);
}
