import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LabError, Secret } from '../../../src/index.ts';
import type { Playbook } from '../../../src/playbook/contract.ts';
import { loadPlaybook } from '../../../src/playbook/load.ts';
import { loadModule } from '../../../src/playbook/load-module.ts';
import { locateInUserCode } from '../../../src/playbook/user-code.ts';
import { formatError } from '../../../src/shared/errors.ts';
import { reveal } from '../../../src/shared/secret.ts';
import { inventoryModule, labErrorOf, project } from './project.ts';

const site = `import { definePlaybook } from 'labwright';
import inventory from '../inventory/index.ts';
import motd from '../roles/motd/role.ts';

export default definePlaybook({
  inventory,
  plays: [
    { name: 'every host', hosts: 'all', roles: [motd({ text: 'hello' })] },
    { name: 'home', hosts: ['home', '!vps'], roles: [motd], tags: ['files'], serial: 1 },
  ],
});
`;
const motd = `import { defineRole, z } from 'labwright';
interface Options {
  readonly a: string;
}

export const options: Options[] = [];
export default defineRole({
  name: 'motd',
  params: z.object({ text: z.string().default('hi') }),
  resources: ({ params }) => {
    if (params.text === 'throw') {
      throw new Error('thrown while declaring');
    }
    return [];
  },
});
`;
const repository = { 'inventory/index.ts': inventoryModule, 'roles/motd/role.ts': motd, 'playbooks/site.ts': site };

/** No procedure. */
async function load(name: string, cwd: string): Promise<{ file: string; playbook: Playbook }> {
  const { file, playbook } = await loadPlaybook(name, cwd);
  if (playbook.kind !== 'playbook') throw new Error(`${name} is a ${playbook.kind}`);
  return { file, playbook };
}

describe('a playbook', () => {
  test('is loaded with its inventory and roles', async () => {
    const cwd = project(repository);
    const { file, playbook } = await load('site', cwd);
    expect(file).toBe(join(cwd, 'playbooks/site.ts'));
    expect(playbook).toMatchObject({ kind: 'playbook', name: 'site', at: { file, line: 5 } });
    expect([...playbook.inventory.hosts.keys()]).toEqual(['vps', 'nas']);
    const [every, home] = playbook.plays;
    expect(every).toMatchObject({ name: 'every host', hosts: ['all'], tags: [], at: { file, line: 8 } });
    expect(every?.roles).toMatchObject([{ kind: 'role', params: { text: 'hello' }, at: { file, line: 8 } }]);
    expect(home).toMatchObject({ hosts: ['home', '!vps'], tags: ['files'], serial: 1, at: { file, line: 9 } });
    expect(home?.roles[0]?.role.name).toBe('motd');
  });

  test('shares the running classes and their private state', async () => {
    const cwd = project({
      'a.ts': `import { LabError, Secret } from 'labwright';
        export const secret: Secret = new Secret('hunter2');
        export const fail = (): never => { throw new LabError('USAGE', 'no'); };`,
    });
    const { secret, fail } = await loadModule(join(cwd, 'a.ts'));
    expect(secret).toBeInstanceOf(Secret);
    expect(reveal(secret as Secret)).toBe('hunter2');
    expect(fail).toThrow(LabError);
  });

  test('uses the roles of the package', async () => {
    const cwd = project({
      'a.ts': `import base from 'labwright/roles/base';
        import { definePlaybook } from 'labwright';
        import inventory from './inventory/index.ts';
        export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base] }] });`,
      'inventory/index.ts': inventoryModule,
    });
    const { playbook } = await load('a', cwd);
    const { default: base } = await import('../../../roles/base/role.ts');
    expect(playbook.plays[0]?.roles[0]?.role).toBe(base.definition);
  });

  test('may await at its top level, and import JSON, JavaScript and what Node brings', async () => {
    const cwd = project({
      'package.json': '{"type":"module"}',
      'data.json': '{"port":80}',
      'helper.js': 'export const twice = (value) => value * 2;',
      'a.ts': `import data from './data.json' with { type: 'json' };
        import { twice } from './helper.js';
        import { basename } from 'node:path';
        import fs from 'node:fs';
        enum Kind { One = 'one' }
        const waited = await new Promise<number>((resolve) => setTimeout(resolve, 5, 7));
        export default [data.port, twice(waited), basename(import.meta.url), fs.existsSync(import.meta.dirname), Kind.One];`,
    });
    expect((await loadModule(join(cwd, 'a.ts'))).default).toEqual([80, 14, 'a.ts', true, 'one']);
  });

  test('lives in a folder of any name, and imports by the ending that the compiler wants', async () => {
    const cwd = project({
      'a #1 50%25 (x) ü/roles/b.ts': "export const b = (): never => { throw new Error('b'); };",
      'a #1 50%25 (x) ü/a.ts':
        "import { b } from './roles/b.js';\nimport * as same from './roles/b';\nexport default [b, same.b];",
    });
    const folder = join(cwd, 'a #1 50%25 (x) ü');
    const [b, same] = (await loadModule(join(folder, 'a.ts'))).default as [() => never, unknown];
    expect(b).toBe(same);
    let thrown: unknown;
    try {
      b();
    } catch (error) {
      thrown = error;
    }
    expect(locateInUserCode(thrown)).toEqual({ file: join(folder, 'roles/b.ts'), line: 1, column: 39 });
  });

  test('imported by two modules runs once', async () => {
    const cwd = project({
      'counter.ts': 'export const id = Symbol();',
      'b.ts': "import { id } from './counter.ts'; export { id };",
      'a.ts': "import { id } from './counter.ts'; import { id as other } from './b.ts'; export default id === other;",
    });
    expect((await loadModule(join(cwd, 'a.ts'))).default).toBe(true);
  });
});

describe('finding', () => {
  test.each(['site', 'site.ts', 'playbooks/site.ts', './playbooks/site'])('resolves %s', async (name) => {
    const cwd = project(repository);
    expect((await loadPlaybook(name, cwd)).file).toBe(join(cwd, 'playbooks/site.ts'));
  });

  test('prefers the working folder', async () => {
    const cwd = project({ ...repository, 'site.ts': site.replaceAll('../', './') });
    expect((await loadPlaybook('site.ts', cwd)).file).toBe(join(cwd, 'site.ts'));
  });

  test('says where it looked, what exists and what was meant', async () => {
    const cwd = project({ ...repository, 'playbooks/bootstrap.ts': site });
    mkdirSync(join(cwd, 'stie'));
    const error = await labErrorOf(() => loadPlaybook('stie', cwd));
    expect(error.code).toBe('PLAYBOOK_NOT_FOUND');
    expect(error.details.expected).toContain('stie or playbooks/stie');
    expect(error.details.hint).toBe('did you mean "site.ts"? (existing: bootstrap.ts, site.ts)');
  });

  test('says when there is no playbook at all', async () => {
    const error = await labErrorOf(() => loadPlaybook('site', project({})));
    expect(error.details.hint).toContain('lab init');
  });
});

describe('mistakes are told in the user’s own file', () => {
  const at = async (files: Record<string, string>, name = 'a.ts') => {
    const cwd = project(files);
    const error = await labErrorOf(() => loadPlaybook(name, cwd));
    const { file, line, column } = error.details.at ?? {};
    expect(formatError(error)).not.toMatch(/jiti|\n\s+at .*node_modules|node:internal/);
    return { error, code: error.code, place: [file?.slice(cwd.length + 1), line, column], ...error.details };
  };
  const above = `// one\ninterface A {\n  readonly a: string;\n}\n\n/**\n * Four\n */\ntype B =\n  | 'x'\n  | 'y';\n`;

  test('a syntax error', async () => {
    const found = await at({ 'a.ts': `${above}const a = {\n  one: 1\n  two: 2,\n};\n` });
    expect(found).toMatchObject({ code: 'PLAYBOOK_LOAD', place: ['a.ts', 14, 3] });
    expect(found.error.message).toBe('syntax error: Unexpected token, expected ","');
    expect(found.frame).toContain('> 14 |   two: 2,\n     |   ^');
  });

  test('a throw on line 40, below types and comments', async () => {
    const types = above + above.replaceAll(/\b[AB]\b/g, (name) => `${name}2`);
    const lines = types.split('\n').length;
    const source = `${types}${'\n'.repeat(40 - lines)}throw new TypeError('forty');\n`;
    const found = await at({ 'a.ts': source });
    expect(found).toMatchObject({ code: 'PLAYBOOK_LOAD', place: ['a.ts', 40, 7] });
    expect(found.error.message).toBe('TypeError: forty');
  });

  test('a throw inside an imported role', async () => {
    const found = await at({
      'a.ts': "import './roles/base.ts';\n",
      'roles/base.ts': `${above}function check(value: string): void {\n  if (value !== '') {\n    throw new Error('role');\n  }\n}\ncheck('x');`,
    });
    expect(found.place).toEqual(['roles/base.ts', 14, 11]);
  });

  test('with the column of the source', async () => {
    const source = `${above}\timport { b } from './b.ts';\nconst c: number = 1, d = (b as any).x(c as number).y.z;\nexport default d;\n`;
    const found = await at({ 'a.ts': source, 'b.ts': 'export const b = { x: (): any => ({}) };' });
    expect(found.place).toEqual(['a.ts', 13, 53]);
    const first = await at({ 'a.ts': "const a: string = ''; throw new Error(a);" });
    expect(first.place).toEqual(['a.ts', 1, 29]);
  });

  test('a rejected promise, and a thrown text', async () => {
    expect((await at({ 'a.ts': `${above}await Promise.reject(new Error('late'));\n` })).place.slice(0, 2)).toEqual([
      'a.ts',
      12,
    ]);
    const found = await at({ 'a.ts': "throw 'only a text';\n" });
    expect(found.error.message).toBe('only a text');
    expect(found.place[0]).toBe('a.ts');
  });

  test.each([
    ['at its top level', 'process.exit(0);\n', 'a.ts'],
    ['and catches what that throws', 'try {\n  process.exit(0);\n} catch {}\nexport default 1;\n', 'a.ts'],
    ['in what it imports', "import './b.ts';\n", 'b.ts'],
    ['after an await', 'await new Promise((resolve) => setTimeout(resolve, 1));\nprocess.exit();\n', 'a.ts'],
  ])('a module that ends the process %s', async (_, source, file) => {
    const found = await at({ 'a.ts': source, 'b.ts': '\nprocess.exit(0);\n' });
    expect(found).toMatchObject({ code: 'PLAYBOOK_LOAD', hint: expect.stringContaining('throw') });
    expect(found.error.message).toMatch(/process\.exit\(0?\)/);
    expect(found.place[0]).toBe(file);
    expect(found.frame).toMatch(/^> .*process\.exit/m);
  });

  test('a throw after an await in a function', async () => {
    const source = `${above}async function ask(): Promise<never> {\n  await new Promise((resolve) => setTimeout(resolve, 1));\n  throw new Error('after');\n}\nawait ask();\n`;
    expect((await at({ 'a.ts': source })).place.slice(0, 2)).toEqual(['a.ts', 14]);
  });

  test('an unknown file, with the one that was meant', async () => {
    const found = await at({ 'a.ts': `${above}\nimport { x } from './roles/bse.ts';\nx();\n`, 'roles/base.ts': '' });
    expect(found).toMatchObject({ place: ['a.ts', 13, 19], hint: 'did you mean "./roles/base.ts"?' });
    expect(found.frame).toContain("> 13 | import { x } from './roles/bse.ts';");
  });

  test('an unknown folder, in a file that is imported', async () => {
    const found = await at({
      'a.ts': "import './b.ts';\n",
      'b.ts': "\nimport '../b.ts';\n".replace('../b.ts', './rolls/base.ts'),
      'roles/base.ts': '',
    });
    expect(found).toMatchObject({ place: ['b.ts', 2, 8], hint: 'did you mean "./roles/base.ts"?' });
  });

  test.each([
    ['left-pad', 'npm install left-pad, or write "./left-pad" if it is a file of yours'],
    ['labwrigt', 'did you mean "labwright"?'],
    ['zodd', 'did you mean "zod"?'],
    ['node:pth', 'did you mean "node:path"?'],
  ])('an unknown package: %s', async (name, hint) => {
    const found = await at({
      'a.ts': `import x from '${name}';\nx();\n`,
      'package.json': '{"dependencies":{"zod":"*"}}',
    });
    expect(found).toMatchObject({ code: 'PLAYBOOK_LOAD', place: ['a.ts', 1, 15], hint });
    expect(found.error.message).toBe(`cannot find the import "${name}"`);
  });

  test('an unknown role of the package', async () => {
    const found = await at({ 'a.ts': "import x from 'labwright/roles/no-such-role';\nx();\n" });
    expect(found.place).toEqual(['a.ts', 1, 15]);
    expect(found.hint).toMatch(/roles/);
  });

  test('an import that the other module does not export', async () => {
    const found = await at({
      'a.ts': "import { motd } from './b.ts';\n\nmotd();\n",
      'b.ts': 'export const other = 1;\n',
    });
    expect(found.error.message).toBe('TypeError: motd is not a function');
    expect(found.place.slice(0, 2)).toEqual(['a.ts', 3]);
    expect(found.hint).toContain('motd');
  });

  test('a missing default export', async () => {
    const found = await at({ 'a.ts': 'export const playbook = 1;\n' });
    expect(found).toMatchObject({ code: 'PLAYBOOK_LOAD', place: ['a.ts', undefined, undefined] });
    expect(found.found).toBe('exports named playbook');
    expect((await at({ 'a.ts': 'const a = 1;\n' })).found).toBe('no exports');
  });

  test.each([
    ['an inventory', "import i from './i.ts'; export default i;"],
    ['the role motd', "import m from './m.ts'; export default m;"],
    ['a plain object', 'export default { plays: [] };'],
    ['a promise', 'export default Promise.resolve(1);'],
    ['a list', 'export default [];'],
    ['a value of type string', "export default 'x';"],
    ['a playbook that another copy of labwright made', "export default { kind: 'playbook' };"],
  ])('the wrong kind of default export: %s', async (found, source) => {
    const error = await at({ 'a.ts': source, 'i.ts': inventoryModule, 'm.ts': motd });
    expect(error).toMatchObject({ code: 'PLAYBOOK_LOAD', found, expected: 'export default definePlaybook({ … })' });
  });

  test('a mistake that one of our functions finds keeps its code', async () => {
    const found = await at({
      'a.ts': `${above}import { defineRole } from 'labwright';\ndefineRole({ name: 'No', resources: () => [] });\n`,
    });
    expect(found).toMatchObject({ code: 'PLAYBOOK_INVALID', place: ['a.ts', 13, undefined] });
  });

  test('a throw inside resources() is located later', async () => {
    const cwd = project(repository);
    const { playbook } = await load('site', cwd);
    const definition = playbook.plays[0]?.roles[0]?.role;
    let thrown: unknown;
    try {
      definition?.resources({ params: { text: 'throw' } } as never);
    } catch (error) {
      thrown = error;
    }
    expect(locateInUserCode(thrown)).toMatchObject({ file: join(cwd, 'roles/motd/role.ts'), line: 12 });
  });

  test('a file that a run cannot read', async () => {
    const cwd = project({});
    mkdirSync(join(cwd, 'playbooks/site.ts'), { recursive: true });
    writeFileSync(join(cwd, 'other.ts'), '');
    expect((await labErrorOf(() => loadPlaybook('site.ts', cwd))).code).toBe('PLAYBOOK_NOT_FOUND');
  });
});
