import type { Inventory } from '../../model/types.ts';
import { escaped } from '../graph/text.ts';
import { portsText, reachRows } from '../reach-table.ts';
import type { FirewallRecord } from '../verdict-table.ts';
import { table } from './page-parts.ts';
import type { VerifyReport } from './report.ts';

/** Lines of ports in a cell. */
const portsAtMost = 3;

type Finding = FirewallRecord['findings'][number];

/** Who can reach what, as the flows say, with what packets proved wrong; and why each of it is open. */
export function reachMatrix({ reach, verifications }: VerifyReport, inventory: Inventory): string {
  const { hosts, devices, networks } = inventory;
  const parties = ['internet', ...networks.keys(), ...devices.keys(), ...hosts.keys()];
  const findings = verifications.firewall.found?.findings ?? [];
  const pairs = [...reach.openings, ...findings];
  const rows = parties.filter((name) => pairs.some(({ from }) => from === name));
  const columns = parties.filter((name) => pairs.some(({ to }) => to === name));
  if (rows.length === 0) return '<p class="sum">No flow opens anything.</p>';
  const isWrong = findings.length > 0;
  const why = table(
    'reach-title',
    ['To', 'Ports', 'From', 'Why'],
    reachRows(reach).map(({ to, ports, from, why }) => [to, ports, from.join(', '), why].map(escaped)),
  );
  return [
    `<table class="matrix" aria-labelledby="reach-title"><colgroup><col class="who"/>${'<col/>'.repeat(columns.length)}</colgroup>`,
    `<thead><tr><th scope="col">from</th>${columns.map((name) => `<th scope="col"><span>${escaped(name)}</span></th>`).join('')}</tr></thead><tbody>`,
    ...rows.map((from) => {
      const cells = columns.map((to) => cellFor(from, to, reach.openings, findings));
      return `<tr><th scope="row">${escaped(from)}</th>${cells.join('')}</tr>`;
    }),
    '</tbody></table>',
    `<p class="key"><span class="passed">a flow allows it</span>${isWrong ? '<span class="failed">open without a flow</span><span class="differs">blocked in spite of a flow</span>' : ''}</p>`,
    `<details><summary>Why each of it is open</summary>${why}</details>`,
  ].join('\n');
}

function cellFor(
  from: string,
  to: string,
  openings: VerifyReport['reach']['openings'],
  findings: readonly Finding[],
): string {
  if (from === to) return '<td class="self"></td>';
  const isHere = (one: { readonly from: string; readonly to: string }) => one.from === from && one.to === to;
  const allowed = openings.filter(isHere);
  const wrong = findings.filter(isHere);
  if (allowed.length + wrong.length === 0) return '<td></td>';
  const isLeak = wrong.some(({ kind }) => kind === 'open');
  const className = isLeak ? 'leak' : wrong.length > 0 ? 'blocked' : 'open';
  const ports = [...new Set(wrong.length > 0 ? wrong.map(packetText) : allowed.map(portsText))];
  const why = [
    ...new Set(wrong.map((one) => `${one.kind}: ${packetText(one)}`)),
    ...allowed.map((one) => `${portsText(one)}: ${one.reason}`),
  ];
  const title = escaped(`${from} → ${to}: ${why.join('; ')}`);
  const shown = ports.slice(0, portsAtMost).map(escaped);
  const more = ports.length > portsAtMost ? [`+${ports.length - portsAtMost}`] : [];
  return `<td class="${className}" title="${title}"><span class="ports">${[...shown, ...more].join('<br/>')}</span><span class="mark" aria-hidden="true">${isLeak ? '!' : className === 'blocked' ? '×' : '●'}</span></td>`;
}

function packetText({ port, protocol }: Finding): string {
  return `${port}/${protocol}`;
}
