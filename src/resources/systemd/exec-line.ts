/**
 * A command as systemd.service(5) reads it ("Command lines"): every word quoted, `%` and `$` doubled, so that specifiers
 * and variables stay text.
 *
 * @example
 * execLine(['/bin/echo', 'a b', '100%']); // '"/bin/echo" "a b" "100%%"'
 */
export function execLine(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ');
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '%': '%%',
  $: '$$',
};

function quoteWord(word: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return `"${word.replaceAll(/[\\"\n\r\t%$]|[\u0001-\u001f\u007f]/g, (character) => {
    return escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  })}"`;
}
