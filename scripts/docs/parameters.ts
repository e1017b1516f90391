import { Secret, z } from '../../src/index.ts';

/** One parameter of a role, as a row of its reference. */
export interface Parameter {
  /** `admins[].keys`, `zones.NAME.ttl`; with `type: "cloudflare"` behind it where only that variant has it. */
  readonly path: string;
  /** What it takes: type and constraints, as Markdown. */
  readonly takes: string;
  /** As Markdown; `required` where there is none. */
  readonly byDefault: string;
  /** Keys that lead to it, for its doc comment: names, `[]` for entries of a list, `*` for those of a map. */
  readonly keys: readonly string[];
  /** Value of `type` of the variant that it belongs to. */
  readonly variant: string | undefined;
  /** It only holds others together. */
  readonly group: boolean;
}

interface Node {
  /** A list where it stands for several. */
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly pattern?: string;
  readonly format?: string;
  /** What the errors of the schema's checks say is expected. */
  readonly expected?: readonly string[];
  readonly secret?: true;
}

/** All parameters of a role's schema, in its order, nested ones below the one that they belong to. */
export function parametersOf(schema: z.core.$ZodType): readonly Parameter[] {
  return below(schemaTree(schema), { path: '', keys: [], variant: undefined });
}

function schemaTree(schema: z.core.$ZodType): Node {
  return z.toJSONSchema(schema, {
    io: 'input',
    reused: 'inline',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const expected = expectations(zodSchema);
      if (expected.length > 0) Object.assign(jsonSchema, { expected });
      if (zodSchema._zod.def.type === 'custom' && z.safeParse(zodSchema, new Secret('a')).success)
        Object.assign(jsonSchema, { secret: true });
    },
  }) as Node;
}

/** What a schema's own errors call the value that they want: the words that a user is going to read. */
function expectations({ _zod: { def } }: z.core.$ZodType): string[] {
  return (def.checks ?? []).flatMap(({ _zod: check }) => {
    const message = check.def.error?.({ code: 'custom', input: undefined, path: [] } as never);
    return typeof message === 'string' ? [message] : [];
  });
}

type Place = Pick<Parameter, 'path' | 'keys' | 'variant'>;

function below(node: Node, at: Place): Parameter[] {
  const { properties = {}, required = [], items, additionalProperties } = node;
  const own = Object.entries(properties).flatMap(([name, child]) => {
    if (child.const !== undefined && name === 'type') return [];
    const place = { ...at, path: at.path === '' ? name : `${at.path}.${name}`, keys: [...at.keys, name] };
    return [parameter(child, place, required.includes(name)), ...below(child, place)];
  });
  return [
    ...own,
    ...(items === undefined ? [] : below(items, { ...at, path: `${at.path}[]`, keys: [...at.keys, '[]'] })),
    ...(typeof additionalProperties === 'object'
      ? below(additionalProperties, { ...at, path: `${at.path}.NAME`, keys: [...at.keys, '*'] })
      : []),
    ...variants(node).flatMap((variant) => below(variant, { ...at, variant: variantName(variant) ?? at.variant })),
  ];
}

const variants = ({ anyOf, oneOf }: Node): readonly Node[] => anyOf ?? oneOf ?? [];
const variantName = ({ properties }: Node): string | undefined => properties?.type?.const as string | undefined;

function parameter(node: Node, place: Place, required: boolean): Parameter {
  const group = node.properties !== undefined;
  return { ...place, group, takes: takes(node), byDefault: group ? '' : defaultOf(node, required) };
}

function defaultOf(node: Node, required: boolean): string {
  if (node.default !== undefined) return code(node.default);
  return required ? 'required' : '';
}

function takes(node: Node): string {
  const choices = choicesOf(node);
  return [choices.slice(0, -1).join(', '), ...choices.slice(-1)].filter(Boolean).join(' or ');
}

/** What it may be, one by one. */
function choicesOf(node: Node): readonly string[] {
  if (Array.isArray(node.type)) return node.type.flatMap((type: string) => choicesOf({ ...node, type }));
  if (node.secret) return ["a secret: `secret('…')`"];
  if (node.enum !== undefined) return node.enum.map(code);
  if (node.const !== undefined) return [code(node.const)];
  const several = variants(node);
  if (several.length > 0) return [...new Set(several.flatMap(variantChoices))];
  if (node.expected !== undefined && node.type !== 'object') return [plain(node.expected.join('; '))];
  return node.type === 'boolean' ? ['`true`', '`false`'] : [ofType(node)];
}

const variantChoices = (node: Node): readonly string[] => {
  const name = variantName(node);
  return name === undefined ? choicesOf(node) : [`\`type: '${name}'\``];
};

function ofType(node: Node): string {
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}`;
    case 'number':
      return `a number${range(node)}`;
    case 'array':
      return `a list${node.minItems === undefined ? '' : ` of at least ${node.minItems}`}${entries(node.items)}`;
    case 'object':
      return typeof node.additionalProperties === 'object' ? `a map${entries(node.additionalProperties)}` : 'an object';
    case 'null':
      return '`null`';
    default:
      return node.format === 'starts_with' ? 'an absolute path' : node.format === 'uri' ? 'a URL' : 'text';
  }
}

const entries = (node: Node | undefined): string => (node === undefined ? '' : `, each ${takes(node)}`);

function range({ minimum, maximum }: Node): string {
  const bound = (value: number | undefined) => (Math.abs(value ?? Infinity) >= Number.MAX_SAFE_INTEGER ? null : value);
  const [low, high] = [bound(minimum), bound(maximum)];
  if (low !== null && high !== null) return `, ${low} to ${high}`;
  return low === null ? (high === null ? '' : `, ${high} at most`) : `, ${low} at least`;
}

const code = (value: unknown): string => `\`${inspectValue(value)}\``;
const plain = (text: string): string => text.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('<', '\\<');

/** As it is written in a playbook. */
function inspectValue(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(inspectValue).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([key, one]) => `${key}: ${inspectValue(one)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}
