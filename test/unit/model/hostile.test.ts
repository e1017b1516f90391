import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { selectHosts } from '../../../src/model/select-hosts.ts';
import { readYaml } from '../../../src/model/yaml-document.ts';
import { LabError } from '../../../src/shared/errors.ts';
import fc from '../../support/fast-check.ts';

/** Runs an action that may fail, but only with an error made for a person. */
function failsOnlyReadably(action: () => unknown): void {
  try {
    action();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(LabError);
  }
}

const fragment = fc.oneof(
  fc.constantFrom(
    'hosts',
    'ssh',
    'params',
    'flows',
    'groups',
    ': ',
    ':',
    '\n',
    '\n  ',
    '\t',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a ',
    '*a',
    '!secret ',
    '!!int ',
    '<<',
    '"',
    "'",
    '#',
    '|',
    '>',
    '---',
    '...',
    '%YAML 1.1',
    '022',
    'no',
    '~',
    '__proto__',
    '? ',
  ),
  fc.string({ maxLength: 4 }),
);

test('no text makes the reader of YAML throw, or the resolver throw what nobody can read', () => {
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), (fragments) => {
      const { value, problems, locate } = readYaml(fragments.join(''), '/lab/inventory.yml');
      failsOnlyReadably(() => resolveInventory(value, { at: { file: '/lab/inventory.yml' }, locate, problems }));
    }),
    { numRuns: 500 },
  );
});

test('no value that TypeScript let through by a cast makes the resolver throw what nobody can read', () => {
  const sections = fc.constantFrom('hosts', 'groups', 'networks', 'services', 'devices', 'flows', 'ssh', 'params');
  fc.assert(
    fc.property(fc.dictionary(sections, fc.anything()), (input) => {
      failsOnlyReadably(() => resolveInventory(input, { at: undefined }));
    }),
    { numRuns: 500 },
  );
});

test('parameters in YAML arrive as they were written', () => {
  const misleading = /^(y|yes|n|no|on|off)$/i;
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !misleading.test(value));
  const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text));
  const params = fc.dictionary(
    text.filter((key) => key !== '__proto__'),
    value,
    { maxKeys: 5, noNullPrototype: true },
  );
  fc.assert(
    fc.property(params, (role) => {
      const document = readYaml(
        stringify({ hosts: { nas: { address: 'nas', params: { role } } } }),
        '/lab/inventory.yml',
      );
      expect(document.problems).toEqual([]);
      const { hosts } = resolveInventory(document.value, { at: { file: '/lab/inventory.yml' } });
      expect(hosts.get('nas')?.params.get('role')).toEqual(role);
    }),
  );
});

test('no pattern makes the selection throw what nobody can read, nor name a host that is none', () => {
  const inventory = resolveInventory(
    { groups: { g: {} }, hosts: { a: { address: 'a', groups: ['g'] }, b: { address: 'b' } } },
    { at: undefined },
  );
  const part = fc.oneof(
    fc.constantFrom('a', 'b', 'g', 'all', '*', '?', '[', ']', '!', '&', ',', ':', '-', '^', '\\', '(', '$'),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      failsOnlyReadably(() => {
        for (const host of selectHosts(inventory, parts.join(''))) expect(inventory.hosts.get(host.name)).toBe(host);
      });
    }),
    { numRuns: 500 },
  );
});
