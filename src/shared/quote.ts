/** POSIX.1-2017, Shell Command Language, 2.4 Reserved Words: these mean something in command position unless quoted. */
const reservedWords = new Set('case do done elif else esac fi for if in then until while'.split(' '));

/**
 * One word for a POSIX shell, whatever the value holds: quotes, newlines, `$(…)`, a leading dash. The only place that
 * quotes (POSIX.1-2017, Shell Command Language, 2.2.2 Single-Quotes).
 *
 * @throws RangeError for a NUL byte, which no shell word and no argument can hold.
 */
export function quote(value: string): string {
  if (value.includes('\0')) throw new RangeError(`a NUL byte cannot be passed to a shell: ${JSON.stringify(value)}`);
  const plain = /^[A-Za-z0-9_@%+:,./-]+$/.test(value) && !reservedWords.has(value);
  return plain ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** A command line of quoted words. */
export function quoteAll(values: readonly string[]): string {
  return values.map(quote).join(' ');
}
