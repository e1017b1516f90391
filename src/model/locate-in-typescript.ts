import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type ts from 'typescript';
import type { SourceLocation } from '../shared/errors.ts';
import type { DocumentPath } from './problems.ts';

export type TypeScript = typeof ts;
const parsed = new Map<string, ts.SourceFile>();

/**
 * Where a key of the object given to `defineInventory` stands, found by parsing the file: called for mistakes and
 * listings only, since it loads the compiler. What is spread in or computed ends at the last key that is written out;
 * constants of the same file are followed. Never fails: without a better answer it is `at`.
 */
export function locateInTypeScript(at: SourceLocation | undefined, path: DocumentPath): SourceLocation | undefined {
  if (at === undefined) return undefined;
  try {
    const typescript = createRequire(import.meta.url)('typescript') as TypeScript;
    const file =
      parsed.get(at.file) ??
      typescript.createSourceFile(at.file, readFileSync(at.file, 'utf8'), typescript.ScriptTarget.Latest, true);
    parsed.set(at.file, file);
    const call = findCall(typescript, file, at.line);
    const argument = call?.arguments[0];
    if (argument === undefined) return at;
    const node = descend(typescript, file, argument, path);
    if (node === undefined) return at;
    const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
    return { file: at.file, line: line + 1, column: character + 1 };
  } catch {
    return at;
  }
}

/** The call of `defineInventory` that the given line is in; without a match the only one of the file. */
export function findCall(
  typescript: TypeScript,
  file: ts.SourceFile,
  line: number | undefined,
): ts.CallExpression | undefined {
  const calls: ts.CallExpression[] = [];
  const visit = (node: ts.Node): void => {
    if (typescript.isCallExpression(node) && node.expression.getText(file).endsWith('defineInventory'))
      calls.push(node);
    node.forEachChild(visit);
  };
  visit(file);
  const lineOf = (position: number): number => file.getLineAndCharacterOfPosition(position).line + 1;
  const around = calls.find(
    (call) => line !== undefined && lineOf(call.getStart(file)) <= line && line <= lineOf(call.end),
  );
  return around ?? (calls.length === 1 ? calls[0] : undefined);
}

function descend(
  typescript: TypeScript,
  file: ts.SourceFile,
  start: ts.Expression,
  path: DocumentPath,
): ts.Node | undefined {
  let value: ts.Expression | undefined = start;
  let reached: ts.Node | undefined;
  for (const part of path) {
    const literal: ts.Expression | undefined = value && literalOf(typescript, file, value);
    if (literal === undefined) break;
    if (typescript.isObjectLiteralExpression(literal)) {
      const property: ts.ObjectLiteralElementLike | undefined = literal.properties.find(
        (candidate) => nameOf(typescript, candidate) === String(part),
      );
      if (property === undefined) break;
      reached = property;
      value = typescript.isPropertyAssignment(property)
        ? property.initializer
        : typescript.isShorthandPropertyAssignment(property)
          ? property.name
          : undefined;
    } else if (typescript.isArrayLiteralExpression(literal)) {
      const element: ts.Expression | undefined = literal.elements[Number(part)];
      if (element === undefined) break;
      reached = element;
      value = element;
    } else break;
  }
  return reached;
}

/** What an expression stands for: `{ … } as const`, `({ … })`, `{ … } satisfies T`, or a constant of the same file that holds one of those. */
export function literalOf(
  typescript: TypeScript,
  file: ts.SourceFile,
  expression: ts.Expression,
): ts.Expression | undefined {
  if (
    typescript.isAsExpression(expression) ||
    typescript.isSatisfiesExpression(expression) ||
    typescript.isParenthesizedExpression(expression)
  ) {
    return literalOf(typescript, file, expression.expression);
  }
  if (!typescript.isIdentifier(expression)) return expression;
  for (const statement of file.statements) {
    if (!typescript.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      const isIt = typescript.isIdentifier(name) && name.text === expression.text;
      if (isIt && initializer !== undefined && initializer !== expression)
        return literalOf(typescript, file, initializer);
    }
  }
  return undefined;
}

export function nameOf(typescript: TypeScript, property: ts.ObjectLiteralElementLike): string | undefined {
  const { name } = property;
  if (name === undefined) return undefined;
  return typescript.isIdentifier(name) || typescript.isStringLiteralLike(name) || typescript.isNumericLiteral(name)
    ? name.text
    : undefined;
}
