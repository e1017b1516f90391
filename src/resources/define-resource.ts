import type { z } from 'zod';
import type { Facts } from '../remote/facts/contract.ts';
import { callSite } from '../shared/call-site.ts';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import { problemsOf } from '../shared/schema-problems.ts';
import type { Change, PathClaim, Resource, ResourceOptions, ResourceType, TriggerAction } from './contract.ts';

export interface ResourceDefinition<Schema extends z.core.$ZodType, Current> {
  readonly type: string;
  readonly props: Schema;
  /** Completes checked props with what only the place of the declaration tells, e.g. a path relative to its file. */
  locate?(props: z.output<Schema>, at: SourceLocation | undefined): z.output<Schema>;
  id(props: z.output<Schema>): string;
  paths?(props: z.output<Schema>): readonly PathClaim[];
  read(host: Facts, props: z.output<Schema>): Promise<Current>;
  diff(props: z.output<Schema>, current: Current): readonly Change[];
  triggered?(
    action: TriggerAction,
    props: z.output<Schema>,
    current: Current,
    changes: readonly Change[],
  ): readonly Change[];
}

export type ResourceFactory<Schema extends z.core.$ZodType> = ((
  props: z.input<Schema>,
  options?: ResourceOptions,
) => Resource<z.output<Schema>>) & { readonly resourceType: ResourceType<z.output<Schema>, unknown> };

/**
 * Makes a resource type and returns the function that declares resources of it.
 *
 * @throws LabError RESOURCE_PROPS from the returned function, with the file and line of the call, when props do not fit
 * @example
 * const motd = defineResource({
 *   type: 'motd',
 *   props: z.object({ text: z.string() }),
 *   id: () => '/etc/motd',
 *   read: (host) => host.content('/etc/motd'),
 *   diff: ({ text }, current) => current !== null && Buffer.from(current).toString() === text ? [] : [{
 *     attribute: 'content', before: null, after: text,
 *     apply: [{ do: 'write', path: '/etc/motd', content: text, mode: '0644', owner: 'root', group: 'root' }],
 *     revert: [{ do: 'restore', path: '/etc/motd' }],
 *   }],
 * });
 * motd({ text: 'hello\n' });
 */
export function defineResource<Schema extends z.core.$ZodType, Current>(
  definition: ResourceDefinition<Schema, Current>,
): ResourceFactory<Schema> {
  const resourceType = definition as unknown as ResourceType<z.output<Schema>, unknown>;
  const declare = (input: z.input<Schema>, options: ResourceOptions = {}): Resource<z.output<Schema>> => {
    const at = callSite(declare);
    const parsed = resourceType.props.safeParse(input);
    if (!parsed.success) {
      const [first, ...others] = problemsOf(parsed.error, input).map(
        (problem) =>
          new LabError('RESOURCE_PROPS', `${definition.type}: ${problem.message}`, { at, ...problem.details }),
      );
      throw first?.with({ others }) ?? new LabError('RESOURCE_PROPS', `${definition.type}: props do not fit`, { at });
    }
    const props = definition.locate?.(parsed.data, at) ?? parsed.data;
    return { kind: 'resource', resourceType, type: definition.type, id: definition.id(props), props, options, at };
  };
  return Object.assign(declare, { resourceType });
}
