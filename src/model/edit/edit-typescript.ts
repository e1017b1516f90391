import { createRequire } from 'node:module';
import type ts from 'typescript';
import { typeScriptString } from '../../shared/typescript-string.ts';
import { findCall, literalOf, nameOf, type TypeScript } from '../locate-in-typescript.ts';
import { type Addition, notWrittenOut, type Plain } from './addition.ts';

/** A line that is longer is written over several. */
const width = 120;
const step = '  ';

/** See `addToInventory`. */
export function editTypeScript(text: string, file: string, addition: Addition): string {
  const typescript = createRequire(import.meta.url)('typescript') as TypeScript;
  const source = typescript.createSourceFile(file, text, typescript.ScriptTarget.Latest, true);
  const refuse = (found: string) => notWrittenOut(file, addition, found, entryOf(addition, ''));
  const argument = findCall(typescript, source, undefined)?.arguments[0];
  const inventory = argument && literalOf(typescript, source, argument);
  if (inventory === undefined || !typescript.isObjectLiteralExpression(inventory))
    return refuse('no single call defineInventory({ … })');
  const property = inventory.properties.find((one) => nameOf(typescript, one) === addition.section);
  if (property === undefined) {
    if (addition.section === 'hosts') return refuse('no hosts');
    const list = (indent: string) =>
      `${addition.section}: [\n${indent}${step}${entryOf(addition, indent + step)},\n${indent}]`;
    return append(source, inventory.properties, inventory, list);
  }
  const section = typescript.isPropertyAssignment(property)
    ? literalOf(typescript, source, property.initializer)
    : typescript.isShorthandPropertyAssignment(property)
      ? literalOf(typescript, source, property.name)
      : undefined;
  const render = (indent: string) => entryOf(addition, indent);
  if (section && addition.section === 'hosts' && typescript.isObjectLiteralExpression(section))
    return append(source, section.properties, section, render);
  if (section && addition.section === 'flows' && typescript.isArrayLiteralExpression(section))
    return append(source, section.elements, section, render);
  return refuse(`${addition.section}: ${(section ?? property).getText(source).slice(0, 60)}`);
}

function entryOf(addition: Addition, indent: string): string {
  if (addition.section === 'flows') return rendered(addition.value, indent);
  return `${keyOf(addition.name)}: ${rendered(addition.value, indent, addition.name.length + 2)}`;
}

/** Text with one more item in a list or object: on a line of its own where the others are, else beside them. */
function append(
  source: ts.SourceFile,
  items: ts.NodeArray<ts.Node>,
  list: ts.Node,
  render: (indent: string) => string,
): string {
  const { text } = source;
  const last = items.at(-1);
  const listIndent = indentOfLine(text, list.getStart(source));
  if (last === undefined) {
    const inside = text.slice(list.getStart(source) + 1, list.end - 1).trimEnd();
    const head = text.slice(0, list.getStart(source) + 1);
    return `${head}${inside}\n${listIndent}${step}${render(listIndent + step)},\n${listIndent}${text.slice(list.end - 1)}`;
  }
  const afterLast = items.hasTrailingComma ? items.end : last.end;
  const comma = items.hasTrailingComma ? '' : ',';
  if (!text.slice(list.getStart(source), list.end).includes('\n'))
    return `${text.slice(0, afterLast)}${comma} ${render(listIndent)}${text.slice(afterLast)}`;
  const indent = startsItsLine(text, last.getStart(source))
    ? indentOfLine(text, last.getStart(source))
    : listIndent + step;
  // What is said of the last one on its line stays there.
  const rest = /^[^\S\n]*(?:\/\/[^\n]*|\/\*[^\n]*?\*\/[^\S\n]*(?=\n))?/.exec(text.slice(afterLast))?.[0] ?? '';
  return `${text.slice(0, afterLast)}${comma}${rest.trimEnd()}\n${indent}${render(indent)},${text.slice(afterLast + rest.length)}`;
}

function startsItsLine(text: string, position: number): boolean {
  return text.slice(text.lastIndexOf('\n', position - 1) + 1, position).trim() === '';
}

function indentOfLine(text: string, position: number): string {
  return /^[^\S\n]*/.exec(text.slice(text.lastIndexOf('\n', position - 1) + 1))?.[0] ?? '';
}

/** A value as it is written in TypeScript; `before` characters stand in front of it on its line. */
function rendered(value: Plain, indent: string, before = 0): string {
  const inOneLine = onOneLine(value);
  if (indent.length + before + inOneLine.length < width || value === null || typeof value !== 'object')
    return inOneLine;
  const inside = indent + step;
  const lines = Array.isArray(value)
    ? value.map((item: Plain) => rendered(item, inside))
    : Object.entries(value).map(([key, item]) => `${keyOf(key)}: ${rendered(item, inside, key.length + 2)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return `${open}\n${lines.map((line) => `${inside}${line},\n`).join('')}${indent}${close}`;
}

function onOneLine(value: Plain): string {
  if (typeof value === 'string') return stringOf(value);
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  const entries = Object.entries(value).map(([key, item]) => `${keyOf(key)}: ${onOneLine(item)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

function keyOf(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : stringOf(name);
}

function stringOf(value: string): string {
  return `'${typeScriptString(value, "'")}'`;
}
