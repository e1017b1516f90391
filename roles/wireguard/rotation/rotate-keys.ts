import { type Inventory, LabError, z } from '../../../src/index.ts';
import { defineProcedure, type Procedure, type ProcedureContext } from '../../../src/playbook/procedure.ts';
import { suggestion } from '../../../src/shared/suggest.ts';
import { paramsFor } from '../host-params.ts';
import { membersOf } from '../mesh.ts';
import { type params as roleParams, secondsOf } from '../params.ts';
import { abortSteps, rotationSteps } from './steps.ts';
import { surveyLinks } from './survey.ts';

const duration = z.string().refine((text) => secondsOf(text) !== undefined, {
  error: 'a duration: a number and s, m, h, d or w, such as "30d"',
});

const params = z.strictObject({
  /** A link moves to new keys when that of one of its ends is older. */
  maxAge: duration.default('30d'),
  /** Hosts whose keys count as known to others: all their links move, and the old keys are destroyed without waiting. */
  compromised: z.array(z.string()).default([]),
  /** How long old keys still take what is on its way. At least 180 s, after which WireGuard itself ends a session. */
  drain: duration.default('3m'),
  /** Take back what an interrupted rotation began. */
  abort: z.boolean().default(false),
  /** Only finish what an interrupted rotation began. */
  onlyBegun: z.boolean().default(false),
  /** Parameters of the role wireguard that the play with it gives. */
  wireguard: z.record(z.string(), z.unknown()).default({}),
});

export type RotationParams = z.output<typeof params>;

/** What a playbook says of the rotation; the command line wins. */
export interface RotateKeysInput {
  readonly name?: string;
  readonly inventory: Inventory;
  readonly maxAge?: string;
  readonly drain?: string;
  /** The same as the play gives the role wireguard; what the inventory says needs no mention. */
  readonly wireguard?: z.input<typeof roleParams>;
}

/**
 * A rotation of WireGuard keys without loss: each link that is due gets a second interface with new keys at both ends, which
 * is tried before anything moves; then the routes move, host by host, behind the guard; the old keys are destroyed when nothing
 * uses them any more. A host that does not answer keeps its links as they are.
 *
 * @example
 * export default rotateKeys({ inventory, maxAge: '30d' });
 */
export function rotateKeys({ name = 'rotate-keys', inventory, ...given }: RotateKeysInput): Procedure<typeof params> {
  const members = () => membersOf(inventory, paramsFor([...inventory.hosts.values()][0], given.wireguard));
  return defineProcedure({
    name,
    inventory,
    params,
    given,
    hosts: () => members().map(({ host }) => host),
    // Every link that moves has one of them at an end, or between its ends.
    exclusive: {
      name: 'rotation',
      hosts: () =>
        members()
          .filter(({ gateway }) => gateway)
          .map(({ host }) => host),
    },
    prepare: prepareRotation,
    at: undefined,
  });
}

async function prepareRotation(context: ProcedureContext<RotationParams>) {
  const { params, inventory } = context;
  for (const host of params.compromised)
    if (!inventory.hosts.has(host))
      throw new LabError('HOST_PATTERN', `no host is called "${host}"`, {
        expected: `one of ${[...inventory.hosts.keys()].join(', ')}`,
        found: host,
        hint: inventory.devices.has(host)
          ? `a device gets new keys by: lab device rotate ${host}`
          : suggestion(host, [...inventory.hosts.keys()]),
      });
  const survey = await surveyLinks(context);
  return params.abort ? abortSteps(context, survey) : rotationSteps(context, survey);
}
