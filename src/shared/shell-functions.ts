/**
 * Functions of a shell script by name, for a program that needs only those.
 *
 * @throws Error when the script has no such function
 */
export function functionsOf(script: string, names: readonly string[]): string {
  return names
    .map((name) => {
      const found = new RegExp(`^${name}\\(\\) \\{\\n[\\s\\S]*?^\\}\\n`, 'm').exec(script);
      if (found === null) throw new Error(`no function ${name}`);
      return found[0];
    })
    .join('\n');
}
