import { z } from '../../src/index.ts';

/** Parameters of the role wireguard; all are optional. */
export const params = z.strictObject({
  /** Network of the inventory, with `tunnel: true`, whose addresses the members have. */
  network: z.string().default('vpn'),
  /** At most 15 characters (netdevice(7)). */
  interface: z
    .string()
    .regex(/^[a-zA-Z0-9_=+.-]{1,15}$/, { error: 'an interface name such as "wg0", of at most 15 characters' })
    .default('wg0'),
  /** UDP port that hosts with an endpoint listen on. */
  port: z.int().min(1).max(65535).default(51820),
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
});

export type Params = z.output<typeof params>;
