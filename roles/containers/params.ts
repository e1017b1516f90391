import { z } from '../../src/index.ts';

/** What a container may be that `lab verify containers` would tell of. */
export const riskKinds = [
  'privileged',
  'host-network',
  'host-pid',
  'host-ipc',
  'host-users',
  'engine-socket',
  'host-files',
  'capabilities',
  'unconfined',
  'devices',
] as const;

/** Parameters of the role containers; all are optional. */
export const params = z.strictObject({
  /** Processes in containers gain no rights by set-user-ID programs (`no-new-privileges`). */
  noNewPrivileges: z.boolean().default(true),
  /** Containers go on while the daemon is restarted. A swarm does not take it. */
  liveRestore: z.boolean().default(true),
  /** Containers on the default bridge reach each other without a network of their own (`icc`). */
  interContainer: z.boolean().default(false),
  /** Bounds of the log of a container, where it is a file of the engine's. */
  log: z
    .strictObject({
      /** Of one file. */
      maxSize: z
        .string()
        .regex(/^[1-9]\d*[kmg]$/, { error: 'a size such as "10m"' })
        .default('10m'),
      /** How many are kept. */
      maxFiles: z.int().min(1).max(100).default(3),
    })
    .prefault({}),
  /**
   * `default`: root in a container is nobody on the host. The engine then keeps images and containers elsewhere: those that are
   * there are not seen until it is taken back. `leave` changes nothing.
   */
  usernsRemap: z.enum(['leave', 'default']).default('leave'),
  /** Container → what it may be, knowingly: `{ watchtower: ['engine-socket'] }`. */
  accepted: z.record(z.string(), z.array(z.enum(riskKinds))).default({}),
});

export type Params = z.output<typeof params>;
