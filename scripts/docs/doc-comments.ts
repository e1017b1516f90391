import ts from 'typescript';

/** The doc comment of a parameter, by the keys that lead to it (`Parameter.keys`); '' where it has none. */
export type DocComments = (keys: readonly string[], variant: string | undefined) => string;

/**
 * Reads the doc comments above the fields of a role's schema: the type that zod infers from it keeps them.
 *
 * @param file the module that exports the role
 */
export function docComments(program: ts.Program, file: string): DocComments {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  const role = module && checker.getExportsOfModule(module).find(({ escapedName }) => escapedName === 'default');
  if (role === undefined) throw new Error(`${file} exports no role`);
  const own = role.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(role) : role;
  const input = ['definition', 'params', '_zod', 'input'].reduce(
    (type, name) => propertyType(checker, type, name),
    checker.getTypeOfSymbol(own),
  );
  return (keys, variant) => {
    const name = keys.at(-1) ?? '';
    const parents = keys
      .slice(0, -1)
      .reduce<readonly ts.Type[]>((types, key) => types.flatMap((type) => step(checker, type, key)), [input]);
    const owner = parents
      .flatMap((type) => members(checker, type))
      .find((type) => isVariant(checker, type, variant) && type.getProperty(name));
    return ts
      .displayPartsToString(owner?.getProperty(name)?.getDocumentationComment(checker))
      .replace(/\s+/g, ' ')
      .trim();
  };
}

/** Types that a key leads to, from each member of a union. */
function step(checker: ts.TypeChecker, type: ts.Type, key: string): ts.Type[] {
  return members(checker, type).flatMap((member) => {
    const next =
      key === '[]'
        ? checker.getIndexTypeOfType(member, ts.IndexKind.Number)
        : key === '*'
          ? checker.getIndexTypeOfType(member, ts.IndexKind.String)
          : member.getProperty(key) && propertyType(checker, member, key);
    return next === undefined ? [] : [next];
  });
}

function members(checker: ts.TypeChecker, type: ts.Type): readonly ts.Type[] {
  const given = checker.getNonNullableType(type);
  return given.isUnion() ? given.types : [given];
}

function isVariant(checker: ts.TypeChecker, type: ts.Type, variant: string | undefined): boolean {
  const literal = type.getProperty('type') && propertyType(checker, type, 'type');
  return variant === undefined || !literal?.isStringLiteral() || literal.value === variant;
}

function propertyType(checker: ts.TypeChecker, type: ts.Type, name: string): ts.Type {
  const property = type.getProperty(name);
  if (property === undefined) throw new Error(`no property ${name} of ${checker.typeToString(type)}`);
  return checker.getTypeOfSymbol(property);
}
