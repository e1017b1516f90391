import { paramsFor } from '../../../roles/wireguard/host-params.ts';
import type { Params } from '../../../roles/wireguard/params.ts';
import type { Inventory } from '../../model/types.ts';
import { valuesOf } from './config-file.ts';
import type { Member } from './members.ts';

/** Parameters of the role wireguard that reproduce what a host has; undefined where any value does. */
export type WantedParams = {
  readonly [Name in Exclude<keyof Params, 'state' | 'dns' | 'gateways' | 'sites'>]?: Params[Name] | undefined;
} & {
  readonly gateways?: readonly string[] | undefined;
  readonly sites?: readonly string[] | undefined;
};

/** What one host's own files and interface say. */
export function paramsOfMember(member: Member, isGateway: boolean): WantedParams {
  const { running, tunnel, peers } = member;
  const keepalives = peers.filter(({ dialled }) => dialled !== null).map(({ keepalive }) => keepalive);
  const listens = tunnel.sections.some((section) => valuesOf(section, 'ListenPort').length > 0);
  return {
    interface: tunnel.name,
    port: isGateway || listens ? running.port : undefined,
    listen: listens && !isGateway ? true : undefined,
    mtu: running.mtu >= 1280 ? running.mtu : undefined,
    keepalive: isGateway ? undefined : keepalives[0],
  };
}

/**
 * Only what the inventory does not come to by itself: for every host where they all agree, else for those that differ.
 */
export function paramEntries(
  wanted: ReadonlyMap<string, WantedParams>,
  inventory: Inventory,
): { readonly all: WantedParams; readonly hosts: ReadonlyMap<string, WantedParams> } {
  const all: Record<string, unknown> = {};
  const hosts = new Map<string, Record<string, unknown>>();
  const names = new Set([...wanted.values()].flatMap((params) => Object.keys(params))) as Set<keyof WantedParams>;
  for (const name of names) {
    const given = [...wanted].flatMap(([host, params]) =>
      params[name] === undefined ? [] : [[host, params[name]] as const],
    );
    const differing = given.filter(([host, value]) => !same(value, effective(host, name, inventory)));
    if (differing.length === 0) continue;
    const [first] = given;
    const isCommon =
      name !== 'listen' &&
      name !== 'endpoint' &&
      name !== 'sites' &&
      given.every(([, value]) => same(value, first?.[1]));
    if (isCommon && first !== undefined) all[name] = first[1];
    else for (const [host, value] of differing) hosts.set(host, { ...hosts.get(host), [name]: value });
  }
  return { all, hosts };
}

function effective(host: string, name: keyof WantedParams, inventory: Inventory): unknown {
  return paramsFor(inventory.hosts.get(host))[name];
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
