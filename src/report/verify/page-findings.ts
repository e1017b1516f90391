import { escaped } from '../graph/text.ts';
import { part, signFor, titles } from './page-parts.ts';
import { type SectionStatus, sectionNames, type VerifyReport } from './report.ts';

/** More of one kind are folded up. */
const shownAtMost = 12;

/** What is not as declared, with how to stop it, and what is not known; nothing when all is well. */
export function findingsPart({ verifications }: VerifyReport): string {
  const wrong = sectionNames.flatMap((name) => {
    const { problems, exitCode } = verifications[name];
    const status = exitCode === 1 ? 'failed' : 'differs';
    return problems.map(({ text, hint }, index) =>
      item(status, titles[name], text, problems[index + 1]?.hint === hint ? null : hint),
    );
  });
  const blind = sectionNames.flatMap((name) =>
    verifications[name].unknown.map(({ host, text }) =>
      item('unknown', titles[name], host === null ? text : `${host}: ${text}`, null),
    ),
  );
  return [
    wrong.length === 0 ? '' : part('wrong', 'What is not as declared', '', folded(wrong)),
    blind.length === 0 ? '' : part('blind', 'What is not known', 'Nothing is proven of this.', folded(blind)),
  ].join('\n');
}

function item(status: SectionStatus, title: string, text: string, hint: string | null): string {
  const more = hint === null ? '' : `<small>${escaped(hint)}</small>`;
  return `<li class="${status}">${signFor(status)}<div><small>${title}</small>${escaped(text)}${more}</div></li>`;
}

function folded(items: readonly string[]): string {
  const list = (some: readonly string[]) => `<ul class="findings">\n${some.join('\n')}\n</ul>`;
  if (items.length <= shownAtMost + 1) return list(items);
  const rest = items.slice(shownAtMost);
  return `${list(items.slice(0, shownAtMost))}<details><summary>${rest.length} more</summary>${list(rest)}</details>`;
}
