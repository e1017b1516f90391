import { colours, pictureStyle } from './style.ts';

/** The style of the page. It holds no `<` and no `&`: the page is XML, too. */
export const pageStyle = `${colours}
${pictureStyle}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,"DejaVu Sans",sans-serif}
nav,main{max-width:1240px;margin:0 auto;padding:0 12px}
nav{padding-top:12px}nav span{color:var(--muted)}
nav ul{display:inline;margin:0;padding:0;list-style:none}
nav li{display:inline-block;margin:3px 0 3px 6px;max-width:100%}
nav a{display:inline-block;padding:4px 10px;border:1px solid var(--line);border-radius:14px;background:var(--card);text-decoration:none;max-width:100%}
a{color:var(--private);overflow-wrap:anywhere}
.bar{display:none;position:fixed;left:0;right:0;bottom:0;margin:0;padding:9px 14px;background:var(--card);border-top:2px solid var(--private);overflow-wrap:anywhere}
:root:has(.t:target) .bar{display:block}
main{padding-bottom:72px}
figure{margin:0 0 24px}
svg{display:block;width:100%;height:auto}
svg.narrow{max-width:540px;margin:0 auto}
@media (max-width:819px){svg.wide{display:none}}
@media (min-width:820px){svg.narrow{display:none}}
@media print{svg.wide{display:block}svg.narrow{display:none}nav,.bar,#_search{display:none}}
h2{font-size:18px;margin:28px 0 8px}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line)}
th,td{text-align:left;vertical-align:top;padding:7px 10px;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--muted);font-weight:600;font-size:13px}
td{font-size:14px}
input{font:inherit;max-width:100%;padding:5px 8px;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px}
@media (max-width:819px){
nav ul{display:block;max-height:8.5em;overflow-y:auto}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody{display:block}tr{display:block;padding:8px 4px;border-bottom:1px solid var(--line)}
td{display:grid;grid-template-columns:7.5em minmax(0,1fr);padding:2px 6px;border:0}
td:empty{display:none}td:before{content:attr(data-head);color:var(--muted);grid-row:1/span 99}td br{display:none}td *{grid-column:2}
}
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
