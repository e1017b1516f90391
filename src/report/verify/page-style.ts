import { pictureStyle } from '../graph/style.ts';
import { blocksOnPhone, commonStyle } from '../html/style.ts';
import type { SectionStatus } from './report.ts';

/** Ink and ground of each status; the names are those of the colours of the picture. */
const palette: Readonly<Record<SectionStatus, readonly [ink: string, ground: string]>> = {
  passed: ['tunnel', 'tunnel-fill'],
  failed: ['bad', 'bad-fill'],
  differs: ['public', 'public-fill'],
  unknown: ['public', 'public-fill'],
  skipped: ['muted', 'soft'],
};

const statuses = Object.entries(palette).map(
  ([status, [ink, ground]]) => `.${status}{--tone:var(--${ink});--ground:var(--${ground})}`,
);

/** The style of the report. No text of hosts or an inventory is in it. */
export const reportStyle = `${commonStyle}
${pictureStyle}
${blocksOnPhone('table:not(.matrix)')}
${statuses.join('\n')}
main{padding-top:20px;padding-bottom:40px}
h1{font-size:26px;line-height:1.2;margin:0}
.when{color:var(--muted);margin:4px 0 16px}
.verdict{display:flex;gap:12px;align-items:center;margin:0 0 14px;padding:14px 16px;border-radius:12px;border:1px solid var(--tone);background:var(--ground);color:var(--tone);font-size:18px;font-weight:600;overflow-wrap:anywhere}
.sign{flex:none;display:inline-grid;place-items:center;width:1.45em;height:1.45em;border-radius:50%;background:var(--tone);color:var(--card);font:700 .82em/1 "DejaVu Sans",system-ui,sans-serif}
.tiles{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:10px;margin:0 0 8px;padding:0;list-style:none}
.tile{display:grid;grid-template-columns:auto minmax(0,1fr);align-content:start;gap:2px 10px;height:100%;padding:11px 13px;border:1px solid var(--line);border-left:4px solid var(--tone);border-radius:10px;background:var(--card);color:var(--ink);text-decoration:none}
.tile .sign{grid-row:1/3;margin-top:2px}
.tile b{font-size:15px}
.tile span:last-child{color:var(--muted);font-size:13px;overflow-wrap:anywhere}
.tile:hover,.tile:focus-visible{border-color:var(--tone)}
section{scroll-margin-top:12px}
h2{display:flex;gap:9px;align-items:center;margin:34px 0 4px}
h2 .sign{font-size:13px}
h3{font-size:14px;margin:18px 0 6px;color:var(--muted)}
.sum{margin:0 0 10px;color:var(--muted);overflow-wrap:anywhere}
.findings{margin:0;padding:0;list-style:none;border:1px solid var(--line);border-radius:10px;background:var(--card);overflow:hidden}
.findings li{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 10px;padding:9px 13px;border-left:4px solid var(--tone);border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.findings li:last-child{border-bottom:0}
.findings .sign{margin-top:1px;font-size:12px}
.findings small{display:block;color:var(--muted);font-size:13px}
details{margin:8px 0}
summary{cursor:pointer;color:var(--private);padding:6px 2px;overflow-wrap:anywhere}
pre{margin:0 0 10px;padding:10px 12px;border:1px solid var(--line);border-radius:8px;background:var(--card);font:12px/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-radius:10px;overflow:hidden;border-collapse:separate;border-spacing:0}
tbody tr:last-child,tbody tr:last-child :is(td,th){border-bottom:0}
.tags{display:flex;flex-wrap:wrap;gap:4px}
.tag{display:inline-block;justify-self:start;padding:1px 9px;border-radius:11px;background:var(--ground);color:var(--tone);font-size:13px;text-decoration:none}
.due{color:var(--public);font-weight:600}
.matrix{table-layout:fixed;margin:0 0 14px;border-radius:10px}
.matrix th,.matrix td{padding:3px;font-size:12px;border-right:1px solid var(--line);text-align:center;vertical-align:middle;line-height:1.3}
.matrix th:last-child,.matrix td:last-child{border-right:0}
.matrix th[scope=row]{text-align:right;padding-right:8px;color:var(--ink)}
.matrix thead th{color:var(--ink)}
.matrix col.who{width:7.5em}
.matrix .open{background:var(--tunnel-fill);color:var(--tunnel)}
.matrix .leak{background:var(--bad-fill);color:var(--bad);font-weight:600}
.matrix .blocked{background:var(--public-fill);color:var(--public);font-weight:600}
.matrix .self{background:var(--soft)}
.key{display:flex;flex-wrap:wrap;gap:4px 16px;margin:0 0 8px;color:var(--muted);font-size:13px}
.key span:before{content:"";display:inline-block;width:12px;height:12px;margin-right:6px;border:1px solid var(--line);border-radius:3px;vertical-align:-1px;background:var(--ground)}
.mark{display:none}
@media (max-width:819px){
h1{font-size:22px}
.matrix col.who{width:5.2em}
.matrix thead th{height:6.5em;padding:6px 0;vertical-align:bottom}
.matrix thead th span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block;max-height:9em;overflow-wrap:anywhere;line-height:1.15}
.matrix .ports{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.matrix .mark{display:inline}
.matrix td{height:26px}
.tiles{grid-template-columns:minmax(0,1fr);gap:8px}
}
footer{margin-top:36px;padding-top:12px;border-top:1px solid var(--line);color:var(--muted);font-size:13px}
@media print{.tile{break-inside:avoid}details{display:none}}`;
