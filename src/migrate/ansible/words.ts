/** A quote that nothing closes, or a backslash at the end. */
export class UnfinishedWord extends Error {}

/**
 * Splits a line as Python's `shlex.split(line, comments)` does in POSIX mode, which Ansible reads lines of hosts and
 * arguments of ssh with. With comments, `#` begins one also in the middle of a word.
 *
 * Source: Python 3.11, Library Reference, shlex, Parsing Rules.
 *
 * @throws UnfinishedWord
 */
export function splitWords(line: string, { comments }: { readonly comments: boolean }): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; ) {
    const character = line[at] as string;
    if (comments && character === '#') break;
    if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
      continue;
    }
    const part = character === "'" || character === '"' ? quoted(line, at) : bare(line, at);
    word = (word ?? '') + part.text;
    at = part.end;
  }
  return word === undefined ? words : [...words, word];
}

interface Part {
  readonly text: string;
  readonly end: number;
}

function bare(line: string, at: number): Part {
  if (line[at] !== '\\') return { text: line[at] ?? '', end: at + 1 };
  const escaped = line[at + 1];
  if (escaped === undefined) throw new UnfinishedWord('a backslash stands at the end');
  return { text: escaped, end: at + 2 };
}

function quoted(line: string, start: number): Part {
  const quote = line[start];
  let text = '';
  for (let at = start + 1; at < line.length; at++) {
    const character = line[at] as string;
    if (character === quote) return { text, end: at + 1 };
    const escaped = quote === '"' && character === '\\' ? line[at + 1] : undefined;
    if (escaped === '"' || escaped === '\\') at++;
    text += escaped === '"' || escaped === '\\' ? escaped : character;
  }
  throw new UnfinishedWord(`nothing closes the quote ${quote}`);
}
