import { blocksOnPhone, commonStyle } from '../html/style.ts';
import { pictureStyle } from './style.ts';

/** The style of the page. It holds no `<` and no `&`: the page is XML, too. */
export const pageStyle = `${commonStyle}
${pictureStyle}
${blocksOnPhone('table')}
nav{padding-top:12px}nav span{color:var(--muted)}
nav ul{display:inline;margin:0;padding:0;list-style:none}
nav li{display:inline-block;margin:3px 0 3px 6px;max-width:100%}
nav a{display:inline-block;padding:4px 10px;border:1px solid var(--line);border-radius:14px;background:var(--card);text-decoration:none;max-width:100%}
.bar{display:none;position:fixed;left:0;right:0;bottom:0;margin:0;padding:9px 14px;background:var(--card);border-top:2px solid var(--private);overflow-wrap:anywhere}
:root:has(.t:target) .bar{display:block}
main{padding-bottom:72px}
@media print{nav,.bar,#_search{display:none}}
input{font:inherit;max-width:100%;padding:5px 8px;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px}
@media (max-width:819px){nav ul{display:block;max-height:8.5em;overflow-y:auto}}
[data-name]{cursor:pointer}
.p{transition:opacity .15s}
@media (prefers-reduced-motion:reduce){.p{transition:none}}
tr[hidden]{display:none}
.all a{border-style:dashed}
:root:not(:has(.t:target)) .all a{color:var(--ink);border-color:var(--ink)}`;

/** While a party is the target of a link, what has nothing to do with it is pale, and its rows are away. */
export function styleOfParties(count: number): string {
  return Array.from({ length: count }, (_, number) => {
    const shown = `:root:has(.t${number}:target)`;
    return [
      `${shown} svg .p:not(.p${number}){opacity:.13}`,
      `${shown} tr.p:not(.p${number}){display:none}`,
      `${shown} section:not(:has(tbody .p${number})){display:none}`,
      `${shown} .c${number} .card{stroke:var(--private);stroke-width:3}`,
      `${shown} .n${number} a{background:var(--private);color:var(--card)}`,
    ].join('\n');
  }).join('\n');
}
