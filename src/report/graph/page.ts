import { documentOf } from '../html/document.ts';
import type { Graph } from './graph.ts';
import { summaryOf } from './layout.ts';
import { pageScript } from './page-script.ts';
import { pageStyle, styleOfParties } from './page-style.ts';
import { pictureFor } from './svg.ts';
import { partyLink, tablesOf } from './tables.ts';
import { escaped } from './text.ts';

/**
 * The picture as a page with tables. Without the script it is the same page, but for a field to search and a second click that
 * takes a choice back.
 */
export function drawPage(graph: Graph): string {
  const { relations, inventory } = graph;
  const style = `${pageStyle}\n${styleOfParties(relations.names.length)}`;
  // What a link leads to has no place on the page, so that nothing scrolls.
  const targets = relations.names.map((name, number) => `<i id="${escaped(name)}" class="t t${number}"></i>`);
  const choices = ['internet', ...inventory.hosts.keys(), ...inventory.devices.keys()];
  const links = choices.map((name) => `<li class="n${relations.numberOf(name)}">${partyLink(name)}</li>`);
  const body = [
    `<div hidden="">${targets.join('')}<i id="_all"></i></div>`,
    `<nav aria-label="Show one alone"><span>Show</span><ul><li class="all"><a href="#_all">everything</a></li>${links.join('')}</ul>`,
    '</nav>',
    `<main><figure>${pictureFor(graph, 1000, 'wide')}${pictureFor(graph, 360, 'narrow')}</figure>`,
    '<p id="_search" hidden=""><label>Search the tables <input type="search"/></label></p>',
    tablesOf(graph),
    '</main><p class="bar"><span id="_shown" role="status">Only what has to do with the one chosen.</span> <a href="#_all">Show everything</a></p>',
  ].join('\n');
  return documentOf({ title: `Homelab: ${summaryOf(graph)}`, style, script: pageScript, body });
}
