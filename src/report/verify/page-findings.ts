import { escaped } from '../graph/text.ts';
import { part, signFor, titles } from './page-parts.ts';
import { type Section, type SectionStatus, sectionNames, type VerifyReport } from './report.ts';

/** More of one verification are folded up. */
const shownAtMost = 12;

/** What is not as declared, with how to stop it, and what is not known; nothing when all is well. */
export function findingsPart({ verifications }: VerifyReport): string {
  const wrong = sectionNames.flatMap((name) => {
    const items = problemItems(verifications[name]);
    return items.length === 0 ? [] : [`<h3>${titles[name]}</h3>\n${folded(items)}`];
  });
  const blind = unknownItems(verifications);
  return [
    wrong.length === 0 ? '' : part('wrong', 'What is not as declared', '', wrong.join('\n')),
    blind.length === 0 ? '' : part('blind', 'What is not known', 'Nothing is proven of this.', folded(blind)),
  ].join('\n');
}

function problemItems({ problems, exitCode }: Section): string[] {
  const status = exitCode === 1 ? 'failed' : 'differs';
  // How to stop it is said once for all that are stopped in the same way.
  return problems.map(({ text, hint }, index) =>
    itemFor(status, text, hint === null || problems[index + 1]?.hint === hint ? '' : hint),
  );
}

/** A host that is out of reach is so for all of them: it is told once, with those that miss it. */
function unknownItems(verifications: VerifyReport['verifications']): string[] {
  const missed = new Map<string, string[]>();
  for (const name of sectionNames)
    for (const { host, text } of verifications[name].unknown) {
      const sentence = host === null ? text : `${host}: ${text}`;
      missed.set(sentence, [...(missed.get(sentence) ?? []), titles[name]]);
    }
  return [...missed].map(([sentence, by]) => itemFor('unknown', sentence, [...new Set(by)].join(', ')));
}

function itemFor(status: SectionStatus, text: string, more: string): string {
  const small = more === '' ? '' : `<small>${escaped(more)}</small>`;
  return `<li class="${status}">${signFor(status)}<div>${escaped(text)}${small}</div></li>`;
}

function folded(items: readonly string[]): string {
  const list = (some: readonly string[]) => `<ul class="findings">\n${some.join('\n')}\n</ul>`;
  if (items.length <= shownAtMost + 1) return list(items);
  const rest = items.slice(shownAtMost);
  return `${list(items.slice(0, shownAtMost))}<details><summary>${rest.length} more</summary>${list(rest)}</details>`;
}
