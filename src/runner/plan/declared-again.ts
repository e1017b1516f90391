import type { Resource } from '../../resources/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Declared } from './declare.ts';
import { otherDeclaration } from './path-conflicts.ts';

/**
 * A resource that is declared once more with the same properties: it acts on what both declarations watch. It moves to where the
 * second one stands when that watches what came in between.
 *
 * @param into what was declared before, in order; `known` of it is replaced
 * @throws LabError RESOURCE_CONFLICT when something in between watches it, so that it can stand in neither place
 */
export function declareAgain(into: Map<string, Declared>, known: Declared, again: Declared): void {
  const keys = [...into.keys()];
  const place = keys.indexOf(known.key);
  const moves = watchedBy(again.resource).some((watched) => keys.indexOf(watched) > place);
  if (moves) {
    const between = [...into.values()].slice(place + 1).find(({ resource }) => watchedBy(resource).includes(known.key));
    if (between !== undefined) throw inBetween(between, known, again);
    into.delete(known.key);
  }
  into.set(known.key, {
    ...known,
    resource: withTriggersOf(known.resource, again.resource),
    tags: new Set([...known.tags, ...again.tags]),
  });
}

function withTriggersOf(first: Resource, second: Resource): Resource {
  const both = (option: 'restartOn' | 'reloadOn' | 'runOn') => [
    ...(first.options[option] ?? []),
    ...(second.options[option] ?? []),
  ];
  const triggers = { restartOn: both('restartOn'), reloadOn: both('reloadOn'), runOn: both('runOn') };
  return { ...first, options: { ...second.options, ...first.options, ...triggers } };
}

function inBetween(between: Declared, known: Declared, again: Declared): LabError {
  return new LabError('RESOURCE_CONFLICT', `${known.key} would have to come both before and after ${between.key}`, {
    at: again.resource.at,
    expected: `what it watches here to be declared before ${between.key}, which watches it`,
    found: otherDeclaration(known),
    hint: 'declare it once, after all that it watches',
  });
}

/** Keys of the resources whose changes trigger this one. */
export function watchedBy(resource: Resource): readonly string[] {
  const { restartOn = [], reloadOn = [], runOn = [] } = resource.options;
  return [...restartOn, ...reloadOn, ...runOn].map((watched) => `${watched.type}:${watched.id}`);
}
