import type { Inventory } from '../../src/index.ts';
import type { AddressSet } from './address-set.ts';
import type { Permit, Side } from './permit.ts';
import type { Policy } from './policy.ts';
import { openingsOf } from './reach.ts';

/** Something in a policy that nobody can have meant. */
export interface PolicyProblem {
  readonly kind: 'shadowed' | 'never matches' | 'unreachable';
  /** Of the flow in the inventory; undefined for a service. */
  readonly flow?: number | undefined;
  readonly message: string;
}

/** Flows that others make superfluous, flows that no packet can match, and services that nobody can reach. */
export function problemsOf(policy: Policy, inventory: Inventory): PolicyProblem[] {
  return [
    ...inventory.flows.flatMap((flow, index): PolicyProblem[] => {
      const named = `flow ${index + 1} (${flow.reason})`;
      const mine = policy.permits.filter(({ origin }) => origin.kind === 'flow' && origin.index === index);
      if (mine.length === 0 && [...flow.from, ...flow.to].some(({ kind }) => kind === 'namespace')) return [];
      const never = mine.filter((permit) => isEmpty(permit.from) || isEmpty(permit.to));
      if (never.length === mine.length)
        return [{ kind: 'never matches', flow: index, message: `${named} can never match: ${whyNever(never)}` }];
      const others = policy.permits.filter(({ origin }) => !(origin.kind === 'flow' && origin.index === index));
      const over = mine.map((permit) => others.find((other) => covers(other, permit, policy)));
      const by = over.find((other) => other !== undefined);
      if (by === undefined || over.includes(undefined)) return [];
      return [{ kind: 'shadowed', flow: index, message: `${named} adds nothing: ${nameOf(by)} allows it already` }];
    }),
    ...unreachable(policy, inventory),
  ];
}

function unreachable(policy: Policy, inventory: Inventory): PolicyProblem[] {
  const openings = openingsOf(policy, inventory);
  return [...inventory.services.values()].flatMap((service) => {
    const isOpen = openings.some(
      ({ to, permit }) =>
        to.name === service.host &&
        (permit.protocol === 'any' || permit.protocol === service.protocol) &&
        (permit.ports.length === 0 ||
          permit.ports.some(({ first, last }) => first <= service.port && service.port <= last)),
    );
    if (isOpen) return [];
    const message = `nobody can reach the service ${service.name} (${service.host}:${service.port}/${service.protocol}): no flow leads to it`;
    return [{ kind: 'unreachable' as const, message }];
  });
}

function isEmpty({ who, addresses }: Side): boolean {
  return who === 'addresses' && addresses.isEmpty;
}

function whyNever(permits: readonly Permit[]): string {
  const [permit] = permits;
  if (permit === undefined) return 'it names nobody';
  return `${isEmpty(permit.from) ? permit.from.name : permit.to.name} has no address`;
}

/** Whether everything that one permit allows is allowed by the other. */
function covers(wide: Permit, narrow: Permit, { inside }: Policy): boolean {
  return (
    wide.via === narrow.via &&
    (wide.protocol === 'any' || wide.protocol === narrow.protocol) &&
    (wide.ports.length === 0 ||
      (narrow.ports.length > 0 &&
        narrow.ports.every(({ first, last }) =>
          wide.ports.some((range) => range.first <= first && last <= range.last),
        ))) &&
    sideCovers(wide.from, narrow.from, inside) &&
    sideCovers(wide.to, narrow.to, inside)
  );
}

function sideCovers(wide: Side, narrow: Side, inside: AddressSet): boolean {
  if (wide.who === 'anyone') return true;
  if (narrow.who !== 'addresses') return wide.who === narrow.who;
  return wide.who === 'internet' ? !narrow.addresses.overlaps(inside) : wide.addresses.covers(narrow.addresses);
}

function nameOf({ origin, reason }: Permit): string {
  return origin.kind === 'flow' ? `flow ${origin.index + 1} (${reason})` : reason;
}
