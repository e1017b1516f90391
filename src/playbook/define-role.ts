import { z } from 'zod';
import { callSite } from '../shared/call-site.ts';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import { problemsOf } from '../shared/schema-problems.ts';
import { suggestion } from '../shared/suggest.ts';
import type { AnySchema, Role, RoleDefinition, RoleUse } from './contract.ts';

const definedRoles = new WeakSet<object>();
export const roleName = /^[a-z][a-z0-9-]*$/;

export type NoParams = z.ZodObject<Record<never, never>>;

/** A role's definition; `params` may be left out by a role that has none. */
export type RoleInput<Name extends string, Schema extends AnySchema> = Omit<RoleDefinition<Name, Schema>, 'params'> & {
  readonly params?: Schema;
};

/**
 * Defines a role: resources that belong together, with parameters that a schema checks. The result is used in a play as it
 * is (`roles: [base]`) or called with parameters (`roles: [base({ timezone: 'UTC' })]`), which win over those of the
 * inventory. A parameter that the schema does not know is refused, unless the schema says otherwise (`z.looseObject`).
 *
 * @throws LabError PLAYBOOK_INVALID when the definition is not one
 * @throws LabError ROLE_PARAMS from the returned function, with the file and line of the call, for a parameter that does
 * not fit
 * @example
 * export default defineRole({
 *   name: 'motd',
 *   params: z.object({ text: z.string().default('Welcome') }),
 *   resources: ({ params }) => [file({ path: '/etc/motd', content: `${params.text}\n` })],
 * });
 */
export function defineRole<const Name extends string, Schema extends AnySchema = NoParams>(
  input: RoleInput<Name, Schema>,
): Role<Name, Schema> {
  checkDefinition(input, callSite(defineRole));
  const params = strictly(input.params ?? z.object({})) as unknown as Schema;
  const definition: RoleDefinition<Name, Schema> = { ...input, params };
  const untyped = definition as unknown as RoleUse['role'];
  const use = (given: Partial<z.input<Schema>> = {}): RoleUse => {
    const at = callSite(use);
    checkGiven(untyped, given, at);
    return { kind: 'role', role: untyped, params: given as RoleUse['params'], at };
  };
  const role = Object.assign(use, { roleName: definition.name, definition });
  definedRoles.add(role);
  return role;
}

/** Whether a value was made by `defineRole` of the running package. */
export function isRole(value: unknown): value is Role {
  return typeof value === 'function' && definedRoles.has(value);
}

function checkDefinition(input: RoleInput<string, AnySchema>, at: SourceLocation | undefined): void {
  const complain = (message: string, expected: string, found: unknown): void => {
    throw new LabError('PLAYBOOK_INVALID', `defineRole: ${message}`, { at, expected, found: describe(found) });
  };
  if (typeof input !== 'object' || input === null) complain('a definition is missing', 'an object', input);
  if (typeof input.name !== 'string' || !roleName.test(input.name)) {
    complain('the name does not fit', 'lower-case letters, digits and "-", beginning with a letter', input.name);
  }
  if (input.params !== undefined && !(input.params instanceof z.ZodType)) {
    complain(
      `role ${input.name}: params is no schema`,
      'z.object({ … }), with z imported from labwright',
      input.params,
    );
  }
  if (typeof input.resources !== 'function') {
    complain(`role ${input.name}: resources is no function`, 'a function that returns resources', input.resources);
  }
  if (input.keeps !== undefined && typeof input.keeps !== 'function') {
    complain(`role ${input.name}: keeps is no function`, 'a function that returns what is kept', input.keeps);
  }
}

/** An object schema refuses keys that it does not know, so that a mistyped parameter is not silently ignored. */
function strictly(schema: AnySchema): AnySchema {
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}

/** Checks each given parameter by itself: the required ones may come from the inventory. */
function checkGiven(
  { name, params }: RoleDefinition<string, z.ZodType>,
  given: unknown,
  at: SourceLocation | undefined,
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new LabError('ROLE_PARAMS', `role ${name}: parameters are an object`, { at, found: describe(given) });
  }
  if (!(params instanceof z.ZodObject)) return;
  const shape = params.shape as Readonly<Record<string, z.ZodType>>;
  const catchall = params.def.catchall as z.ZodType | undefined;
  const errors = Object.entries(given).flatMap(([key, value]) => {
    const schema = Object.hasOwn(shape, key) ? shape[key] : catchall;
    if (schema === undefined || schema instanceof z.ZodNever) {
      return [
        new LabError('ROLE_PARAMS', `role ${name} has no parameter "${key}"`, {
          at,
          found: key,
          hint: suggestion(key, Object.keys(shape)),
        }),
      ];
    }
    // A nested object may be completed by the inventory as well: it is checked once both are merged.
    if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value))) return [];
    const parsed = schema.safeParse(value);
    if (parsed.success) return [];
    return problemsOf(parsed.error, value).map(
      (problem) =>
        new LabError('ROLE_PARAMS', `role ${name}: ${problem.message}`, {
          at,
          ...problem.details,
          path: [key, ...problem.path],
        }),
    );
  });
  const [first, ...others] = errors;
  if (first !== undefined) throw first.with({ others });
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return 'a function';
  return JSON.stringify(value)?.slice(0, 80) ?? String(value);
}
