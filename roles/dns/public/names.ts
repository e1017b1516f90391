const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Absolute, with the dot at its end, in lower case; the root is `.`. Limits of RFC 1035, 2.3.4. */
export function isName(text: string): boolean {
  if (text === '.') return true;
  if (!text.endsWith('.') || text.length > 254) return false;
  const [first = '', ...others] = text.slice(0, -1).split('.');
  return (first === '*' || label.test(first)) && others.every((one) => label.test(one));
}

/** @param zone without the dot at its end */
export function isIn(name: string, zone: string): boolean {
  return name === `${zone}.` || name.endsWith(`.${zone}.`);
}

/**
 * The owner of a record as a person writes it: `@` for the zone itself, `mail` or `a.b` below it, or absolute with the dot.
 *
 * @returns the absolute name, or what is wrong with it
 */
export function ownerName(text: string, zone: string): { readonly name: string } | { readonly problem: string } {
  const written = text.toLowerCase();
  if (written === '@') return { name: `${zone}.` };
  if (written === zone || written.endsWith(`.${zone}`))
    return { problem: `"${text}" would be ${written}.${zone}.: end it with a dot, or leave the zone out` };
  const name = written.endsWith('.') ? written : `${written}.${zone}.`;
  if (!isName(name)) return { problem: `"${text}" is no DNS name` };
  if (!isIn(name, zone)) return { problem: `"${text}" is not in the zone ${zone}` };
  return { name };
}

/**
 * A name that a record leads to. One without a dot at its end is below the zone, and has a single label: what was forgotten is
 * more likely the dot than meant to be left out.
 */
export function targetName(text: string, zone: string): { readonly name: string } | { readonly problem: string } {
  const written = text.toLowerCase();
  if (written === '@') return { name: `${zone}.` };
  if (!written.endsWith('.') && written.includes('.'))
    return { problem: `"${text}" has to end with a dot: "${text}."` };
  const name = written.endsWith('.') ? written : `${written}.${zone}.`;
  return isName(name) && !name.startsWith('*') ? { name } : { problem: `"${text}" is no DNS name` };
}
