import { createHash } from 'node:crypto';
import { escaped } from '../graph/text.ts';

interface Page {
  readonly title: string;
  /** No text of hosts or an inventory may be in it, nor in the script; no `<` and no `&`. */
  readonly style: string;
  readonly script?: string;
  /** Elements. */
  readonly body: string;
}

/**
 * A page of a single file, well-formed XML as well as HTML. Nothing is loaded from anywhere: its policy allows the one style and the one
 * script that are in it, by their fingerprints.
 */
export function documentOf({ title, style, script, body }: Page): string {
  const policy = [
    "default-src 'none'",
    `style-src '${fingerprint(style)}'`,
    ...(script === undefined ? [] : [`script-src '${fingerprint(script)}'`]),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return [
    '<!DOCTYPE html>',
    '<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/>',
    `<meta http-equiv="Content-Security-Policy" content="${policy}"/>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"/><meta name="color-scheme" content="light dark"/>',
    `<meta name="referrer" content="no-referrer"/><title>${escaped(title)}</title>`,
    `<style>${style}</style></head><body>`,
    body,
    `${script === undefined ? '' : `<script>${script}</script>`}</body></html>`,
    '',
  ].join('\n');
}

/** As in the Content Security Policy (W3C CSP3, hash-source). */
function fingerprint(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
