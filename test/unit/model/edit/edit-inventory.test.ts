import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Addition } from '../../../../src/model/edit/addition.ts';
import { addToInventory } from '../../../../src/model/edit/edit-inventory.ts';

const vps: Addition = { section: 'hosts', name: 'vps', value: { address: '203.0.113.10', ssh: { user: 'ada' } } };
const flow: Addition = { section: 'flows', value: { from: 'internet', to: 'vps', ports: 22, reason: "ada's" } };

/** What an inventory in TypeScript gives to defineInventory. */
function given(text: string): Record<string, unknown> {
  const body = text.replace(/^import.*$/gm, '').replace(/export default /, 'return ');
  return new Function('defineInventory', body)((value: unknown) => value) as Record<string, unknown>;
}

const typescript = (inside: string) =>
  `import { defineInventory } from 'labwright';\n\nexport default defineInventory({\n${inside}\n});\n`;

describe('TypeScript', () => {
  it.each([
    [
      'hosts on lines',
      "  hosts: {\n    nas: { address: '10.0.0.2' },\n  },",
      "    nas: { address: '10.0.0.2' },\n    vps: ",
    ],
    ['no comma at the end', "  hosts: {\n    nas: { address: '10.0.0.2' }\n  }", "'10.0.0.2' },\n    vps: "],
    [
      'a comment on the last line',
      "  hosts: {\n    nas: { address: '10.0.0.2' }, // the big one\n    // more to come\n  },",
      "'10.0.0.2' }, // the big one\n    vps: ",
    ],
    [
      'a comment without a comma',
      "  hosts: {\n    nas: { address: '10.0.0.2' } // the big one\n  },",
      "'10.0.0.2' }, // the big one\n    vps: ",
    ],
    ['hosts on one line', "  hosts: { nas: { address: '10.0.0.2' } },", "{ nas: { address: '10.0.0.2' }, vps: "],
    ['no hosts', '  hosts: {},', '  hosts: {\n    vps: '],
    ['a comment alone', '  hosts: {\n    // none yet\n  },', '    // none yet\n    vps: '],
    [
      'four blanks',
      "    hosts: {\n        nas: { address: '10.0.0.2' },\n    },",
      "{ address: '10.0.0.2' },\n        vps: ",
    ],
  ])('%s', (_, inside, expected) => {
    const before = typescript(inside);
    const after = addToInventory(before, 'inventory/index.ts', [vps]);
    expect(after).toContain(expected);
    expect(given(after)).toEqual({
      ...given(before),
      hosts: { ...(given(before).hosts as object), vps: vps.value },
    });
    const lines = after.split('\n');
    for (const line of before.split('\n').filter((line) => line.includes('//')))
      expect(lines.map((each) => each.replaceAll(',', ''))).toContain(line.replaceAll(',', ''));
  });

  it('follows a constant of the same file', () => {
    const before = `import { defineInventory } from 'labwright';\nconst hosts = {\n  nas: {},\n} as const;\nexport default defineInventory({ hosts });\n`;
    expect(addToInventory(before, 'index.ts', [vps])).toContain('  nas: {},\n  vps: {');
  });

  it('adds flows to those that are there, and where none are', () => {
    const without = typescript('  hosts: { nas: {} },');
    expect(given(addToInventory(without, 'index.ts', [vps, flow]))).toEqual({
      hosts: { nas: {}, vps: vps.value },
      flows: [flow.value],
    });
    const some = typescript(
      "  hosts: { nas: {} },\n  flows: [\n    { from: 'nas', to: 'nas', ports: 1, reason: 'x' }, // why\n  ],",
    );
    expect(addToInventory(some, 'index.ts', [flow])).toContain("'x' }, // why\n    { from: 'internet'");
  });

  it('writes values that are no identifiers, have quotes, or are long', () => {
    const value = {
      'a-b': 'it\'s "so" \\ \n $(x)',
      keys: ['ssh-ed25519 '.padEnd(90, 'A'), 'ssh-rsa '.padEnd(90, 'B')],
    };
    const after = addToInventory(typescript('  hosts: {},'), 'index.ts', [{ section: 'hosts', name: 'web-1', value }]);
    expect(given(after)).toEqual({ hosts: { 'web-1': value } });
    expect(Math.max(...after.split('\n').map(({ length }) => length))).toBeLessThan(122);
  });

  it('keeps the whole example but for the new lines', () => {
    const before = readFileSync(new URL('../../../../inventory/index.ts', import.meta.url), 'utf8');
    const after = addToInventory(before, 'inventory/index.ts', [vps, flow]);
    const added = after.split('\n').filter((line) => !before.split('\n').includes(line));
    expect(added).toEqual([
      "    vps: { address: '203.0.113.10', ssh: { user: 'ada' } },",
      "    { from: 'internet', to: 'vps', ports: 22, reason: 'ada\\'s' },",
    ]);
    expect(after.split('\n').length).toBe(before.split('\n').length + 2);
  });

  it.each([
    ['spread', 'const more = () => ({});\nexport default defineInventory({ ...more() });', 'no hosts'],
    ['computed', 'const make = () => ({});\nexport default defineInventory({ hosts: make() });', 'hosts: make()'],
    ['two calls', 'defineInventory({ hosts: {} });\ndefineInventory({ hosts: {} });', 'no single call'],
  ])('refuses hosts that are %s, and says what to write', (_, text, found) => {
    expect(() => addToInventory(text, 'inventory/index.ts', [vps])).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        details: expect.objectContaining({
          found: expect.stringContaining(found),
          hint: expect.stringContaining("vps: { address: '203.0.113.10', ssh: { user: 'ada' } }"),
        }),
      }),
    );
  });
});

describe('YAML', () => {
  it.each([
    ['a block', 'hosts:\n  nas:\n    address: 10.0.0.2 # the big one\n\n# what follows\nflows: []\n'],
    ['an empty key', 'hosts: # none yet\n'],
    ['empty braces', 'hosts: {}\nnetworks:\n  home:\n    prefixes: 10.0.0.0/8\n'],
    ['braces', 'hosts: { nas: { address: 10.0.0.2 } } # both\n'],
    ['a host without anything', 'hosts:\n  nas:\n'],
    ['four blanks', 'hosts:\n    nas:\n        address: 10.0.0.2\n    # the last\n'],
    ['no end of line', 'hosts:\n  nas:\n    address: 10.0.0.2'],
  ])('%s', (_, before) => {
    const after = addToInventory(before, 'inventory/index.yml', [vps]);
    expect(parse(after)).toEqual({ ...parse(before), hosts: { ...parse(before).hosts, vps: vps.value } });
    for (const comment of before.match(/#.*/g) ?? []) expect(after).toContain(comment);
  });

  it('adds flows, and leaves every other line as it was', () => {
    const before = 'hosts:\n  nas: {}\nflows:\n- from: nas\n  to: nas\n  ports: 1\n  reason: x\n';
    expect(addToInventory(before, 'index.yml', [flow])).toBe(
      `${before.trimEnd()}\n- from: internet\n  to: vps\n  ports: 22\n  reason: ada's\n`,
    );
    expect(parse(addToInventory('hosts: {}\n', 'index.yml', [flow]))).toEqual({ hosts: {}, flows: [flow.value] });
  });

  it('refuses what is no map', () => {
    expect(() => addToInventory('hosts: &a 5\n', 'index.yml', [vps])).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
    expect(() => addToInventory('- a\n', 'index.yml', [vps])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
