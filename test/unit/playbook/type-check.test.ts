import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { checkTypes } from '../../../src/playbook/type-check.ts';
import { isChecked } from '../../../src/playbook/type-check-stamp.ts';
import { formatError } from '../../../src/shared/errors.ts';
import { inventoryModule, labErrorOf, project } from './project.ts';

// The compiler is started for real: a second or two each time.
vi.setConfig({ testTimeout: 60_000 });

const site = `import { definePlaybook, defineRole, z } from 'labwright';
import inventory from '../inventory/index.ts';

const motd = defineRole({ name: 'motd', params: z.object({ text: z.string() }), resources: () => [] });
export default definePlaybook({
  inventory,
  plays: [{ name: 'one', hosts: 'home', roles: [motd({ text: 'hello' })] }],
});
`;

describe('the type check', () => {
  test('passes once, then costs stats only, until something changes', async () => {
    const cwd = project({ 'inventory/index.ts': inventoryModule, 'playbooks/site.ts': site });
    const file = join(cwd, 'playbooks/site.ts');
    expect(isChecked(file)).toBe(false);
    await checkTypes('site', cwd);
    expect(isChecked(file)).toBe(true);
    const before = performance.now();
    await checkTypes('site', cwd);
    expect(performance.now() - before).toBeLessThan(50);
    appendFileSync(join(cwd, 'inventory/index.ts'), '// changed\n');
    expect(isChecked(file)).toBe(false);
    await checkTypes('site', cwd);
    expect(isChecked(file)).toBe(true);
    writeFileSync(join(cwd, 'tsconfig.json'), '{}');
    expect(isChecked(file)).toBe(false);
    rmSync(join(cwd, 'tsconfig.json'));
    expect(isChecked(file)).toBe(true);
    utimesSync(file, new Date(), new Date(Date.now() + 5000));
    expect(isChecked(file)).toBe(true);
    writeFileSync(file, site.replace('hello', 'jello'));
    expect(isChecked(file)).toBe(false);
  });

  test('tells all mistakes with file, line, column and code', async () => {
    const cwd = project({
      'inventory/index.ts': inventoryModule,
      'roles/motd.ts': "import { nothing } from './helpr.ts';\nexport const lines: number = 'x';\nnothing();\n",
      'roles/helper.ts': 'export const nothing = (): void => {};\n',
      'playbooks/site.ts': `import '../roles/motd.ts';\n${site.replace("hosts: 'home'", "hosts: 'hom'").replace("text: 'hello'", 'text: 7')}`,
    });
    const error = await labErrorOf(() => checkTypes('site', cwd));
    const told = [error, ...(error.details.others ?? [])].map(({ code, message, details: { at, hint } }) => ({
      code,
      message,
      at: `${at?.file.slice(cwd.length + 1)}:${at?.line}:${at?.column}`,
      hint,
    }));
    expect(told).toHaveLength(4);
    expect(told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ at: 'roles/motd.ts:1:25', hint: 'did you mean "./helper.ts"?' }),
        expect.objectContaining({ at: 'roles/motd.ts:2:14', message: expect.stringContaining('(TS2322)') }),
        expect.objectContaining({ at: 'playbooks/site.ts:8:26', message: expect.stringContaining('"hom"') }),
        expect.objectContaining({ at: 'playbooks/site.ts:8:55', code: 'PLAYBOOK_TYPES' }),
      ]),
    );
    expect(formatError(error)).toContain('export const lines: number =');
    expect(isChecked(join(cwd, 'playbooks/site.ts'))).toBe(false);
  });

  test('follows the nearest tsconfig.json, and reports a broken one', async () => {
    const files = { 'site.ts': 'export const f = (x) => x;\n' };
    await checkTypes(
      'site',
      project({
        ...files,
        'tsconfig.json': '{"extends":"./base.json"}',
        'base.json': '{"compilerOptions":{"strict":false}}',
      }),
    );
    const error = await labErrorOf(() => checkTypes('site', project(files)));
    expect(error.message).toContain('TS7006');
    const broken = await labErrorOf(() =>
      checkTypes('site', project({ 'site.ts': '', 'tsconfig.json': '{"compilerOptions":{"target":"es1"}}' })),
    );
    expect(broken.code).toBe('PLAYBOOK_TYPES');
    expect(broken.message).toContain('TS6046');
  });

  test('leaves JavaScript alone', async () => {
    await checkTypes('site.js', project({ 'site.js': 'const x = 1; x.y.z;\n' }));
  });
});
