import { z } from '../../src/index.ts';

/** Interfaces that a tunnel may have on a host at the same time: one, and during a rotation of keys one more. */
export const slots = ['', 'b', 'c', 'd'] as const;

/** Parameters of the role wireguard; all are optional. */
export const params = z.strictObject({
  /** `absent` takes the tunnel away: interfaces, keys and files. */
  state: z.enum(['present', 'absent']).default('present'),
  /** Network of the inventory, with `tunnel: true`, whose addresses the members have. */
  network: z.string().default('vpn'),
  /** The first interface; those that a rotation of keys adds have a letter behind it. At most 14 characters (netdevice(7)). */
  interface: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,13}$/, { error: 'an interface name such as "wg0", of at most 14 characters' })
    .default('wg0'),
  /** UDP port that hosts with an endpoint listen on; rotations of keys use the three after it as well. */
  port: z
    .int()
    .min(1)
    .max(65535 - slots.length + 1)
    .default(51820),
  /** Keep `port` also where nobody dials this host. Default: those that are dialled listen on it, the others on any. */
  listen: z.boolean().default(false),
  /** Where the others dial this host, when that is no address of the inventory: a name (DDNS), or the address of a router. */
  endpoint: z
    .string()
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9.:])?$/, { error: 'a name or an address, without a port' })
    .optional(),
  /** `hub`: everybody talks through the gateways. `mesh`: hosts on a common network also talk directly. */
  topology: z.enum(['hub', 'mesh']).default('hub'),
  /** Members that the others dial. Default: those with an address on a public network. */
  gateways: z.array(z.string()).optional(),
  /** Prefixes behind this host, beyond its own addresses: its site. */
  sites: z.array(z.string()).default([]),
  /** Bytes; 1420 leaves room for the outer header over IPv6 on Ethernet, 1280 is what IPv6 demands (RFC 8200). */
  mtu: z.int().min(1280).max(9000).default(1420),
  /** Seconds between words that keep the way through a NAT open; 0 is never. Only hosts without an endpoint send them. */
  keepalive: z.int().min(0).max(65535).default(25),
  /** Name servers that the configurations of devices name. Default: the resolvers of the role dns, where there are any on the tunnel. */
  dns: z.array(z.string()).default([]),
});

export type Params = z.output<typeof params>;

/** All interfaces that the tunnel may use on a host, the first one first: `wg0`, `wg0b`, … */
export function interfacesOf({ interface: name }: Pick<Params, 'interface'>): readonly string[] {
  return slots.map((letter) => `${name}${letter}`);
}

/** The UDP port of one of these interfaces. */
export function portOf(params: Pick<Params, 'interface' | 'port'>, interfaceName: string): number {
  return params.port + Math.max(0, interfacesOf(params).indexOf(interfaceName));
}

/** The seconds in `30d`, `12h`, `90m` or `45s`; undefined for anything else. */
export function secondsOf(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit ?? ''];
  return seconds === undefined ? undefined : Number(count) * seconds;
}
