import { z } from '../../src/index.ts';

const interfaceName = z.string().regex(/^[^\s/"*]{1,15}\*?$/, {
  error: 'an interface name such as "eth0", of at most 15 characters; a star at the end stands for the rest',
});
const rate = z.string().regex(/^[1-9]\d{0,6}\/(second|minute|hour|day)$/, { error: 'a rate such as "30/minute"' });

/** Parameters of the role firewall; all are optional. */
export const params = z.strictObject({
  /** `absent` takes the rules away: the host is as open as it was before. */
  state: z.enum(['present', 'absent']).default('present'),
  /** Who holds the rules of this host: a table of nftables of our own, or ufw(8) where it is what the host uses. */
  backend: z.enum(['nftables', 'ufw']).default('nftables'),
  /** What the host sends itself: `open`, or only what a flow from it allows (`declared`). What it forwards needs a flow in any case. */
  egress: z.enum(['open', 'declared']).default('open'),
  /**
   * Where what this host sends to the internet leaves: by its own line, or through the tunnel and under the address of its gateway,
   * so that the host's own never shows. Nothing leaves then while the tunnel is down. Belongs in the inventory, not in a play.
   */
  internet: z.enum(['direct', 'tunnel']).default('direct'),
  /**
   * Network of the inventory → this host's interfaces on it. Packets with a source in that network are then taken from these
   * alone. Without it a source is believed when the way back to it leads out where the packet came in.
   */
  interfaces: z.record(z.string(), z.union([interfaceName, z.array(interfaceName).min(1)])).default({}),
  /** Whether a packet is dropped that comes in where no way leads back to its source (RFC 3704, strict). Not through the tunnel. */
  reversePath: z.boolean().default(true),
  /** Interfaces of containers and virtual machines on this host. What comes from there may go where the host itself may. */
  containers: z.array(interfaceName).default(['docker0', 'br-*', 'podman*', 'cni*', 'virbr*', 'lxdbr*', 'incusbr*']),
  /** Whether a host answers an echo request: to everybody, or to addresses that are not of the internet (`inside`). */
  ping: z.enum(['all', 'inside', 'none']).default('all'),
  /** New SSH connections that one address of the internet may make; null is as many as it likes. */
  sshRate: z
    .strictObject({
      /** So many on average. */
      rate: rate.default('30/minute'),
      /** So many at once, before that counts. */
      burst: z.int().min(1).max(10_000).default(60),
    })
    .nullable()
    .default({ rate: '30/minute', burst: 60 }),
  /** New connections of any kind that one address of the internet may make. */
  connectionRate: z
    .strictObject({
      /** So many on average. */
      rate: rate.default('200/second'),
      /** So many at once, before that counts. */
      burst: z.int().min(1).max(100_000).default(2000),
    })
    .nullable()
    .default({ rate: '200/second', burst: 2000 }),
  /** Writes what is denied to the kernel's log, ten a minute at most. */
  log: z.boolean().default(false),
});

export type Params = z.output<typeof params>;
