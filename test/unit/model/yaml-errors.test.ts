import { describe, expect, test } from 'vitest';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { readYaml } from '../../../src/model/yaml-document.ts';
import { formatPath, LabError } from '../../../src/shared/errors.ts';

/** Every mistake of a document, as `line:column path · message · expected · found · hint`. */
function mistakes(text: string): string[] {
  try {
    const { value, problems, locate } = readYaml(text, '/lab/inventory.yml');
    const input = value === undefined && problems.length > 0 ? { hosts: {} } : value;
    resolveInventory(input, { at: { file: '/lab/inventory.yml' }, locate, problems });
    return [];
  } catch (thrown) {
    if (!(thrown instanceof LabError)) throw thrown;
    return [thrown, ...(thrown.details.others ?? [])].map(({ code, message, details }) => {
      expect(code).toBe('INVENTORY_INVALID');
      expect(details.at?.file).toBe('/lab/inventory.yml');
      const { at, path = [], expected, found, hint } = details;
      return [`${at?.line}:${at?.column} ${formatPath(path)}`, message, expected, found, hint].join(' · ');
    });
  }
}

const hosts = 'hosts:\n  nas: { address: 10.0.0.1 }\n';

test('a document without a mistake has none', () => {
  expect(mistakes(hosts)).toEqual([]);
});

describe('YAML notation that misleads is refused with its line', () => {
  test.each([
    [
      'a port with a leading zero',
      'ssh: { port: 022 }',
      /^1:14 ssh\.port · this number is not what it looks like .* 022, which reads as 22 /,
    ],
    [
      'a version that loses a digit',
      'params: { k3s: { version: 1.10 } }',
      /^1:27 params\.k3s\.version .* 1\.10, which reads as 1\.1 .*quotes.*"1\.10"/,
    ],
    ['a file mode', 'params: { base: { mode: 0644 } }', /params\.base\.mode .*"0644"/],
    ['hexadecimal', 'params: { base: { mask: 0xff } }', /params\.base\.mask .* 0xff, which reads as 255/],
    ['an exponent', 'params: { base: { build: 1e3 } }', /params\.base\.build .*"1e3"/],
    ['a number that is too exact', 'params: { base: { id: 12345678901234567890 } }', /params\.base\.id .*quotes/],
    [
      'Norway',
      'params: { base: { country: no } }',
      /^1:28 params\.base\.country .*boolean in YAML 1\.1.*write false, or "no" in quotes/,
    ],
    ['a yes', 'params: { base: { enabled: Yes } }', /params\.base\.enabled .*write true, or "Yes" in quotes/],
    ['a key that is a number', 'params: { base: { 1.10: a } }', /^1:19 params\.base · this key is no text .*"1\.10"/],
    ['a tag nobody knows', 'params: { base: { token: !vault abc } }', /the tag "!vault" is not known .*!secret path/],
    ['a secret without a path', 'ssh: { password: !secret "" }', /^1:26 ssh\.password · this secret has no path/],
    ['a secret that is a list', 'ssh: { password: !secret [a] }', /ssh\.password · the tag "!secret" does not go here/],
    [
      'a merge key',
      'ssh: &base { user: root }\nparams: {}\ndevices: { phone: { <<: *base } }',
      /^3:21 devices\.phone\.<< · unknown key.*put shared values in a group/,
    ],
    ['an alias of nothing', 'ssh: *missing', /no anchor|Unresolved alias/],
    ['an alias of what contains it', 'params: &a { base: { x: *a } }', /points at what contains it/],
    ['__proto__', 'params: { base: { __proto__: { polluted: 1 } } }', /"__proto__" cannot be a key/],
  ])('%s', (_, text, expected) => {
    expect(mistakes(`${text}\n${hosts}`)).toEqual([expect.stringMatching(expected)]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('the same in quotes is text', () => {
    const text = `params: { base: { version: "1.10", mode: '0644', country: "no", port: '022' } }\n${hosts}`;
    expect(mistakes(text)).toEqual([]);
    expect(readYaml(text, 'f').value).toMatchObject({
      params: { base: { version: '1.10', mode: '0644', country: 'no' } },
    });
  });

  test('a key that is there twice', () => {
    expect(mistakes(`${hosts}  nas: { address: 10.0.0.2 }\n`)).toEqual([
      expect.stringMatching(/^3:3 .*the key "nas" is there twice/),
    ]);
  });

  test('a tab', () => {
    expect(mistakes('hosts:\n\tnas: { address: 10.0.0.1 }\n')[0]).toMatch(/^2:1 .*a tab indents this line .* spaces/);
  });

  test('more than one document', () => {
    expect(mistakes(`${hosts}---\n${hosts}`)).toEqual([expect.stringMatching(/more than one document/)]);
  });

  test('text that is no YAML', () => {
    expect(mistakes('hosts: [')).toEqual([expect.stringMatching(/^1:\d+ .*this is no YAML/)]);
  });

  test('an empty file, and a list', () => {
    expect(mistakes('')).toHaveLength(1);
    expect(mistakes('- nas')).toHaveLength(1);
  });

  test('aliases that multiply', () => {
    const levels = Array.from(
      { length: 9 },
      (_, index) => `l${index + 1}: &l${index + 1} [${Array(10).fill(`*l${index}`).join(', ')}]`,
    );
    const bomb = `params:\n  base:\n    l0: &l0 [a]\n    ${levels.join('\n    ')}\n${hosts}`;
    expect(mistakes(bomb)).toEqual([expect.stringMatching(/grows beyond measure/)]);
  });
});

test('anchors and aliases share values', () => {
  const { value, problems } = readYaml('a: &x { n: 1 }\nb: *x\nc: [ *x ]\n', 'f');
  expect(problems).toEqual([]);
  expect(value).toEqual({ a: { n: 1 }, b: { n: 1 }, c: [{ n: 1 }] });
});

describe('mistakes of shape', () => {
  test.each([
    [
      'an unknown key, with the nearest',
      'hosts:\n  nas: { adress: 10.0.0.1 }',
      /^2:10 hosts\.nas\.adress · unknown key "adress" .*did you mean "address"\?/,
    ],
    ['an unknown section', 'host: {}\nhosts: {}', /^1:1 host · unknown key .*did you mean "hosts"\?/],
    [
      'an unknown setting of a fallback',
      `ssh: { fallback: [{ prot: 22 }] }\n${hosts}`,
      /^1:21 ssh\.fallback\[0\]\.prot .*did you mean "port"\?/,
    ],
    [
      'an address in a fallback of every host',
      `ssh: { fallback: [{ address: nas }] }\n${hosts}`,
      /^1:21 ssh\.fallback\[0\]\.address .*unknown key/,
    ],
    ['a fallback that is no list', `ssh:\n  fallback: { port: 22 }\n${hosts}`, /^2:3 ssh\.fallback .*(list|array)/],
    ['an unknown connection setting', `ssh: { usr: root }\n${hosts}`, /^1:8 ssh\.usr .*did you mean "user"\?/],
    ['text for a port', `ssh: { port: "22" }\n${hosts}`, /^1:8 ssh\.port .*leave out the quotes/],
    ['a port out of range', `ssh: { port: 70000 }\n${hosts}`, /^1:8 ssh\.port .*at most 65535 · 70000/],
    ['a port that is none', `ssh: { port: 0 }\n${hosts}`, /ssh\.port .*at least 1 · 0/],
    ['a number for text', `ssh: { user: 1000 }\n${hosts}`, /ssh\.user .*string · 1000 · put it in quotes: "1000"/],
    ['a transport nobody knows', `ssh: { transport: opensh }\n${hosts}`, /ssh\.transport .*did you mean "openssh"\?/],
    [
      'a missing reason',
      `${hosts}flows:\n  - { from: internet, to: nas, ports: 22 }`,
      /^4:5 flows\[0\]\.reason · a value is missing/,
    ],
    ['a host that is text', 'hosts:\n  nas: 10.0.0.1', /^2:3 hosts\.nas .*10\.0\.0\.1/],
    [
      'a comma in a reason',
      `${hosts}flows:\n  - { from: internet, to: nas, ports: 22, reason: mine, and yours }`,
      /^4:55 flows\[0\]\["?and yours"?\]|flows\[0\]\.and yours .*a comma ends a value/,
    ],
    ['no hosts', 'groups: {}', /hosts · a value is missing/],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text)).toEqual([expect.stringMatching(expected)]);
  });

  test('a password in plain text is refused and not shown', () => {
    const found = mistakes(`ssh: { password: correct-horse }\n${hosts}`);
    expect(found).toEqual([expect.stringMatching(/^1:8 ssh\.password · "password" has to be a secret .*!secret path/)]);
    expect(found.join()).not.toContain('correct-horse');
  });

  test('a password of a fallback in plain text is refused and not shown', () => {
    const found = mistakes(`ssh: { fallback: [{ password: correct-horse }] }\n${hosts}`);
    expect(found).toEqual([
      expect.stringMatching(/^1:21 ssh\.fallback\[0\]\.password · "password" has to be a secret/),
    ]);
    expect(found.join()).not.toContain('correct-horse');
  });

  test('a password in a line that cannot be parsed is not shown', () => {
    const found = mistakes(`ssh:\n  password: "correct-horse\n${hosts}`);
    expect(found).not.toEqual([]);
    expect(found.join()).not.toContain('correct-horse');
  });
});

test('all mistakes of all kinds are told at once, in the order of the file', () => {
  const text = `ssh: { port: 022 }
groups: { home: { children: [storag] }, storage: {} }
hosts:
  nas: { groups: [stoarge], address: 10.0.0.1 }
  node1: { adress: 10.0.0.2 }
flows:
  - { from: internt, to: nas, ports: 22, reason: administration }
  - { from: internet, to: node1, reason: node1 is declared although wrong }
`;
  expect(mistakes(text).map((line) => line.split(' · ').slice(0, 2).join(' · '))).toEqual([
    '1:14 ssh.port · this number is not what it looks like',
    '2:30 groups.home.children[0] · no group is called "storag"',
    '4:19 hosts.nas.groups[0] · no group is called "stoarge"',
    '5:12 hosts.node1.adress · unknown key "adress"',
    '7:7 flows[0].from · nothing is called "internt"',
    '8:5 flows[1] · the flow to "node1" does not say which ports',
  ]);
});
