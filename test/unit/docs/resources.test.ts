import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ResourceType } from '../../../src/index.ts';
import * as labwright from '../../../src/index.ts';
import { root } from '../../support/markdown.ts';

const types = new Map(
  Object.entries(labwright as Record<string, object>).flatMap(([name, exported]) =>
    'resourceType' in exported ? [[name, exported.resourceType as ResourceType] as const] : [],
  ),
);
const reference = ['files', 'system']
  .map((page) => readFileSync(join(root, `docs/resources-${page}.md`), 'utf8'))
  .join('\n');

/** What stands above the first section. */
const ofAll = reference.slice(0, reference.indexOf('\n## '));

/** What stands below the heading of a resource. */
const sectionOf = (name: string): string =>
  reference.split(/^## /m).find((section) => section.startsWith(`${name}\n`)) ?? '';

/** What a section says itself, what holds for all resources, and what it leaves to another ("as for `file`"). */
function toldOf(name: string): string {
  const section = sectionOf(name);
  const others = [...section.matchAll(/as for `(\w+)`/g)].map(([, other = '']) => sectionOf(other));
  return [section, ofAll, ...others].join('\n');
}

it('has a section for every resource, and for nothing else', () => {
  const sections = [...reference.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  // A timer is two other resources.
  expect(sections.sort()).toEqual([...types.keys(), 'timer'].sort());
});

it.each([...types])('tells of every prop of %s', (name, { props }) => {
  const { properties = {} } = labwright.z.toJSONSchema(props, { io: 'input', unrepresentable: 'any' });
  const told = toldOf(name);
  const isTold = (prop: string) => new RegExp(`\`[^\`\n]*\\b${prop}\\b[^\`\n]*\`|\\b${prop}[:,?]`).test(told);
  expect(Object.keys(properties).filter((prop) => !isTold(prop))).toEqual([]);
});
