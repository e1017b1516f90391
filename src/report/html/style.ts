import { colours } from '../graph/style.ts';

/** What pages have in common. It holds no `<` and no `&`: a page is XML, too. */
export const commonStyle = `${colours}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,"DejaVu Sans",sans-serif}
nav,main{max-width:1240px;margin:0 auto;padding:0 12px}
a{color:var(--private);overflow-wrap:anywhere}
figure{margin:0 0 24px}
svg{display:block;width:100%;height:auto}
svg.narrow{max-width:540px;margin:0 auto}
@media (max-width:819px){svg.wide{display:none}}
@media (min-width:820px){svg.narrow{display:none}}
@media print{svg.wide{display:block}svg.narrow{display:none}}
h2{font-size:18px;margin:28px 0 8px}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line)}
th,td{text-align:left;vertical-align:top;padding:7px 10px;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--muted);font-weight:600;font-size:13px}
td{font-size:14px}`;

/** For tables that a phone shows as blocks: of this selector. */
export function blocksOnPhone(tables: string): string {
  return `@media (max-width:819px){
${tables} thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
${tables},${tables} tbody{display:block}${tables} tr{display:block;padding:8px 4px;border-bottom:1px solid var(--line)}
${tables} td{display:grid;grid-template-columns:7.5em minmax(0,1fr);padding:2px 6px;border:0}
${tables} td:empty{display:none}${tables} td:before{content:attr(data-head);color:var(--muted);grid-row:1/span 99}${tables} td br{display:none}${tables} td *{grid-column:2}
}`;
}
