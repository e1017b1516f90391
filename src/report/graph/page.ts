import { createHash } from 'node:crypto';
import type { Graph } from './graph.ts';
import { summaryOf } from './layout.ts';
import { pageScript } from './page-script.ts';
import { pageStyle, styleOfParties } from './page-style.ts';
import { pictureFor } from './svg.ts';
import { partyLink, tablesOf } from './tables.ts';
import { escaped } from './text.ts';

/**
 * The picture as a page of a single file, with tables. It is well-formed XML as well as HTML. Nothing is loaded from anywhere:
 * its policy allows the one style and the one script that are in it, by their fingerprints, and no text of the inventory is
 * part of either. Without the script it is the same page, but for a field to search and a second click that takes a choice back.
 */
export function drawPage(graph: Graph): string {
  const { relations, inventory } = graph;
  const style = `${pageStyle}\n${styleOfParties(relations.names.length)}`;
  const policy = [
    "default-src 'none'",
    `style-src '${fingerprint(style)}'`,
    `script-src '${fingerprint(pageScript)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // What a link leads to has no place on the page, so that nothing scrolls.
  const targets = relations.names.map((name, number) => `<i id="${escaped(name)}" class="t t${number}"></i>`);
  const choices = ['internet', ...inventory.hosts.keys(), ...inventory.devices.keys()];
  const links = choices.map((name) => `<li class="n${relations.numberOf(name)}">${partyLink(name)}</li>`);
  return [
    '<!DOCTYPE html>',
    '<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/>',
    `<meta http-equiv="Content-Security-Policy" content="${policy}"/>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"/><meta name="color-scheme" content="light dark"/>',
    `<meta name="referrer" content="no-referrer"/><title>Homelab: ${escaped(summaryOf(graph))}</title>`,
    `<style>${style}</style></head><body>`,
    `<div hidden="">${targets.join('')}<i id="_all"></i></div>`,
    `<nav aria-label="Show one alone"><span>Show</span><ul><li class="all"><a href="#_all">everything</a></li>${links.join('')}</ul>`,
    '</nav>',
    `<main><figure>${pictureFor(graph, 1000, 'wide')}${pictureFor(graph, 360, 'narrow')}</figure>`,
    '<p id="_search" hidden=""><label>Search the tables <input type="search"/></label></p>',
    tablesOf(graph),
    '</main><p class="bar"><span id="_shown" role="status">Only what has to do with the one chosen.</span> <a href="#_all">Show everything</a></p>',
    `<script>${pageScript}</script></body></html>`,
    '',
  ].join('\n');
}

/** As in the Content Security Policy (W3C CSP3, hash-source). */
function fingerprint(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
