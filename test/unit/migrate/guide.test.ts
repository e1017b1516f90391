import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { repositoryFiles } from '../../../src/cli/init/templates.ts';
import * as labwright from '../../../src/index.ts';
import { importAnsible } from '../../../src/migrate/ansible/import.ts';
import { checkTypes } from '../../../src/playbook/type-check.ts';
import { project } from '../playbook/project.ts';

// The compiler is started for real.
vi.setConfig({ testTimeout: 60_000 });

const guide = fileURLToPath(new URL('../../../docs/migration/ansible.md', import.meta.url));
const text = readFileSync(guide, 'utf8');

/** Blocks of code that begin with the path of a file. */
const files = Object.fromEntries(
  [...text.matchAll(/^```(?:ts|ini|yaml)\n(?:\/\/|#) ([\w./-]+)\n(.*?)^```$/gms)].map(([, path = '', code = '']) => [
    path,
    code,
  ]),
);

/** As `lab init` and `npm install` make one: with the types of Node. */
function typedProject(extra: Record<string, string>): string {
  const { 'tsconfig.json': tsconfig = '', 'package.json': manifest = '' } = repositoryFiles({
    name: 'homelab',
    dependency: '',
    yaml: false,
  });
  const cwd = project({ ...extra, 'tsconfig.json': tsconfig, 'package.json': manifest, 'node_modules/.keep': '' });
  symlinkSync(
    fileURLToPath(new URL('../../../node_modules/@types', import.meta.url)),
    join(cwd, 'node_modules/@types'),
  );
  return cwd;
}

test('the playbook of the guide passes the type check with its role and inventory', async () => {
  const cwd = typedProject(files);
  await checkTypes('site', cwd);
});

test('the inventory of the guide is what the import writes', () => {
  const cwd = project(files);
  const imported = importAnsible(join(cwd, 'ansible/hosts.ini'), { format: 'ts', role: 'site' });
  expect(imported.text.replaceAll(`${cwd}/`, '')).toBe(files['inventory/index.ts']);
  for (const { path } of imported.secrets) expect(text).toContain(`lab secrets set ${path}`);
});

test('every resource that the guide names is exported, and every page and section that it leads to is there', () => {
  const links = [...text.matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)];
  expect(links.length).toBeGreaterThan(30);
  for (const [, page = '', anchor] of links) {
    const target = page === '' ? text : readFileSync(join(guide, '..', page), 'utf8');
    const headings = [...target.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
    if (anchor !== undefined) expect({ page, headings }).toEqual({ page, headings: expect.arrayContaining([anchor]) });
  }
  const resources = [...text.matchAll(/\[`(\w+)`\]\(\.\.\/resources-/g)]
    .map(([, name]) => name)
    .filter((name) => !name?.endsWith('On'));
  expect(resources.length).toBeGreaterThan(20);
  for (const name of resources) expect(labwright).toHaveProperty(name as string);
});
