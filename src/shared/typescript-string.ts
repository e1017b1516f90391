/**
 * Characters that a terminal or an editor obeys instead of showing: C1 controls, and those that reorder or hide text, so that
 * source reads as something else than it is (CVE-2021-42574).
 */
const unseen = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** What stands between the quotes of a string literal of TypeScript with this value, whatever that holds. */
export function typeScriptString(value: string, quote: "'" | '"'): string {
  const inner = JSON.stringify(value).slice(1, -1);
  const quoted = quote === '"' ? inner : inner.replaceAll('\\"', '"').replaceAll("'", "\\'");
  return escapeUnseen(quoted);
}

export function hasUnseen(text: string): boolean {
  return text.search(unseen) >= 0;
}

/** `\u202e` for each such character: for text in which they stand between double quotes, of JSON, YAML or TypeScript. */
export function escapeUnseen(text: string): string {
  return text.replace(unseen, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
