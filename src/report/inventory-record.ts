import { showPorts } from '../model/port-range.ts';
import type { Host, Inventory, Provenance } from '../model/types.ts';
import type { SourceLocation } from '../shared/errors.ts';

type Where = (provenance: Provenance) => SourceLocation | undefined;

/** One resolved value of a host and where it was declared. */
export interface ResolvedValue {
  /** `base.timezone` */
  readonly name: string;
  readonly value: unknown;
  /** Absent for a default. */
  readonly from: {
    readonly level: Provenance['level'];
    readonly name: string;
    readonly at: SourceLocation | null;
  } | null;
}

/** Every leaf of the parameters, in the order of roles. */
export function paramsOf(host: Host, where: Where): ResolvedValue[] {
  return [...host.provenance].map(([name, provenance]) => ({
    name,
    value: valueAt(Object.fromEntries(host.params), keysOf(provenance)),
    from: origin(provenance, where),
  }));
}

export function connectionOf(host: Host, where: Where): ResolvedValue[] {
  return Object.entries(host.connection)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const provenance = host.connectionProvenance?.get(name);
      return { name, value, from: provenance === undefined ? null : origin(provenance, where) };
    });
}

function origin(provenance: Provenance, where: Where): NonNullable<ResolvedValue['from']> {
  return { level: provenance.level, name: provenance.name, at: where(provenance) ?? null };
}

/** The keys below `params`, which is the first part of a path for `all` and the third for a group or host. */
function keysOf({ level, path = [] }: Provenance): readonly (string | number)[] {
  return path.slice(level === 'all' ? 1 : 3);
}

function valueAt(value: unknown, keys: readonly (string | number)[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined)?.[key], value);
}

/** As in `lab inventory --host H --output json`; secrets show themselves redacted. */
export function hostRecord(host: Host, where: Where): Record<string, unknown> {
  return {
    name: host.name,
    groups: host.groups,
    addresses: Object.fromEntries(host.addresses),
    assigned: host.assigned ?? [],
    connection: connectionOf(host, where),
    params: paramsOf(host, where),
  };
}

/** As in `lab inventory --output json`. */
export function inventoryRecord(inventory: Inventory): Record<string, unknown> {
  return {
    version: 1,
    file: inventory.source?.file ?? null,
    hosts: [...inventory.hosts.values()].map(({ name, groups, connection, addresses, assigned = [], params }) => ({
      name,
      groups,
      connection,
      addresses: Object.fromEntries(addresses),
      assigned,
      params: Object.fromEntries(params),
    })),
    groups: [...inventory.groups.values()],
    devices: [...inventory.devices.values()].map(({ name, owner = null, addresses, assigned = [] }) => ({
      name,
      owner,
      addresses: Object.fromEntries(addresses),
      assigned,
    })),
    networks: [...inventory.networks.values()],
    services: [...inventory.services.values()].map(({ http, ...service }) => ({
      ...service,
      replicas: service.replicas ?? [],
      http:
        http === undefined
          ? null
          : {
              ...http,
              // A hash is as good as a password that is weak.
              users: [...http.users.keys()],
              headers: Object.fromEntries(http.headers),
            },
    })),
    flows: inventory.flows.map((flow) => ({
      ...flow,
      protocol: flow.protocol ?? null,
      ports: flow.ports.map((ports) => (ports.first === ports.last ? ports.first : showPorts(ports))),
    })),
  };
}
