import { Document, isMap, isPair, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { yamlText } from '../../shared/yaml-text.ts';
import { type Addition, notWrittenOut } from './addition.ts';

/** See `addToInventory`. */
export function editYaml(text: string, file: string, addition: Addition): string {
  const document = parseDocument(text, { logLevel: 'silent', keepSourceTokens: true });
  const top = document.contents;
  const entry = entryOf(addition);
  if (document.errors.length > 0) return notWrittenOut(file, addition, document.errors[0]?.message ?? '', entry);
  if (top !== null && !isMap(top)) return notWrittenOut(file, addition, 'no map at the top', entry);
  const section = top?.get(addition.section, true);
  if ((isMap(section) || isSeq(section)) && !section.flow && section.items.length > 0)
    return afterLast(text, section, entry);
  if (
    top?.flow === true ||
    (isMap(section) && section.items.length > 0) ||
    (isSeq(section) && section.items.length > 0)
  )
    return inBraces(text, addition);
  const empty =
    section === undefined || isMap(section) || isSeq(section) || (isScalar(section) && section.value === null);
  if (!empty) return notWrittenOut(file, addition, String(section), entry);
  return intoEmpty(text, addition, entry);
}

function entryOf(addition: Addition): string {
  const value = addition.section === 'flows' ? [addition.value] : { [addition.name]: addition.value };
  return yamlText(new Document(value)).trimEnd();
}

/** Below the last item of a block, in the column of its items. */
function afterLast(text: string, section: YAMLMap | YAMLSeq, entry: string): string {
  const first = section.items[0];
  const start = isPair(first)
    ? (first.key as { range?: [number] }).range?.[0]
    : (first as { range?: [number] }).range?.[0];
  const lineStart = text.lastIndexOf('\n', (start ?? 0) - 1) + 1;
  const indent = /^[^\S\n]*/.exec(text.slice(lineStart))?.[0] ?? '';
  const end = endOfLine(text, section.range?.[1] ?? text.length);
  return `${text.slice(0, end)}\n${indented(entry, indent)}${text.slice(end)}`;
}

/** End of the line of the last character before a position that is no white space. */
function endOfLine(text: string, position: number): number {
  const content = text.slice(0, position).trimEnd().length;
  const end = text.indexOf('\n', content);
  return end === -1 ? text.length : end;
}

/** What stands in braces is written anew by the library, which keeps comments and order. */
function inBraces(text: string, addition: Addition): string {
  const document = parseDocument(text, { logLevel: 'silent' });
  if (addition.section === 'flows') document.addIn(['flows'], document.createNode(addition.value));
  else document.setIn(['hosts', addition.name], document.createNode(addition.value));
  return document.toString({ lineWidth: 0 });
}

/** `hosts:`, `hosts: {}` or no such key. */
function intoEmpty(text: string, { section }: Addition, entry: string): string {
  const line = new RegExp(`^${section}:[^\\S\\n]*(?:\\{\\s*\\}|\\[\\s*\\]|null|~)?[^\\S\\n]*(#[^\\n]*)?$`, 'm');
  const found = line.exec(text);
  if (found !== null) {
    const comment = found[1] === undefined ? '' : ` ${found[1]}`;
    const after = found.index + found[0].length;
    return `${text.slice(0, found.index)}${section}:${comment}\n${indented(entry, '  ')}${text.slice(after)}`;
  }
  const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return `${before}${section}:\n${indented(entry, '  ')}\n`;
}

function indented(entry: string, indent: string): string {
  return entry.replaceAll(/^(?=.)/gm, indent);
}
