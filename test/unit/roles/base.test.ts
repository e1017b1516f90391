import { describe, expect, test } from 'vitest';
import { type Access, accessOf } from '../../../roles/base/access.ts';
import { params } from '../../../roles/base/params.ts';
import { renderSshd } from '../../../roles/base/render-sshd.ts';
import { renderSudoers, renderUpgrades } from '../../../roles/base/render-system.ts';
import base from '../../../roles/base/role.ts';
import type { Host } from '../../../src/model/types.ts';
import type { SystemFact } from '../../../src/remote/facts/contract.ts';
import type { Resource, ResourceTree } from '../../../src/resources/contract.ts';
import { LabError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';
import type { ConnectionSettings } from '../../../src/transport/contract.ts';
import { FakeFacts } from '../../support/fake-facts.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
type Given = Parameters<typeof params.parse>[0];

function hostWith(connection: Partial<ConnectionSettings>): Host {
  return {
    name: 'nas',
    groups: [],
    connection: { transport: 'ssh', address: '192.0.2.1', become: 'none', ...connection },
    addresses: new Map(),
    params: new Map(),
    provenance: new Map(),
  };
}

const standard = { strict: false, os: 'debian' };
const rootWithKey = { user: 'root', identityFile: '/k' };
const rootWithPassword = { user: 'root', password: new Secret('x') };
const asAda = { user: 'ada', identityFile: '/k' };
const ada = { name: 'ada', keys: [key] };

describe('who may log in', () => {
  const cases: [string, Given, Partial<ConnectionSettings>, Access][] = [
    ['no admin, root with a password: as it is', {}, rootWithPassword, {}],
    ['no admin, root with a key: passwords of others stay', {}, rootWithKey, { permitRootLogin: 'prohibit-password' }],
    ['no admin, nothing known: as it is', {}, {}, {}],
    [
      'an admin without a key: passwords stay',
      { admins: [{ name: 'ada' }] },
      rootWithKey,
      { permitRootLogin: 'prohibit-password' },
    ],
    [
      'an admin with a key, lab as root',
      { admins: [ada] },
      rootWithKey,
      { permitRootLogin: 'prohibit-password', passwordAuthentication: false },
    ],
    ['an admin with a key, lab with a password: as it is', { admins: [ada] }, rootWithPassword, {}],
    [
      'lab as that admin: root need not',
      { admins: [ada] },
      asAda,
      { permitRootLogin: 'no', passwordAuthentication: false },
    ],
    [
      'lab as an admin who cannot become root',
      { admins: [{ ...ada, sudo: 'none' }] },
      asAda,
      { permitRootLogin: 'prohibit-password', passwordAuthentication: false },
    ],
    [
      'lab as an admin whose sudo wants a password that there is not',
      { admins: [{ ...ada, sudo: 'password' }] },
      asAda,
      { permitRootLogin: 'prohibit-password', passwordAuthentication: false },
    ],
    [
      'lab as somebody else',
      { admins: [ada] },
      { user: 'bob', identityFile: '/k' },
      { permitRootLogin: 'prohibit-password', passwordAuthentication: false },
    ],
    [
      'said so',
      { admins: [ada], sshd: { permitRootLogin: 'yes', passwordAuthentication: true } },
      rootWithKey,
      { permitRootLogin: 'yes', passwordAuthentication: true },
    ],
  ];
  test.each(cases)('%s', (_, given, connection, expected) => {
    const { permitRootLogin, passwordAuthentication } = accessOf(params.parse(given), hostWith(connection));
    expect({ permitRootLogin, passwordAuthentication }).toEqual({
      permitRootLogin: undefined,
      passwordAuthentication: undefined,
      ...expected,
    });
  });

  const refused: [string, Given, Partial<ConnectionSettings>][] = [
    ['root is what lab logs in as', { admins: [ada], sshd: { permitRootLogin: 'no' } }, rootWithKey],
    ['root may be what ~/.ssh/config says', { admins: [ada], sshd: { permitRootLogin: 'no' } }, {}],
    [
      'lab has nothing but the password of root',
      { admins: [ada], sshd: { permitRootLogin: 'prohibit-password' } },
      rootWithPassword,
    ],
    [
      'lab has nothing but a password',
      { admins: [ada], sshd: { passwordAuthentication: false } },
      { user: 'ada', password: new Secret('x') },
    ],
  ];
  test.each(refused)('refused: %s', (_, given, connection) => {
    expect(() => accessOf(params.parse(given), hostWith(connection))).toThrow(LabError);
  });

  test('a setting that would undo the decision is left out of the drop-in when nothing was decided', () => {
    expect(renderSshd({}, {}, standard)).not.toMatch(/PermitRootLogin|PasswordAuthentication|KbdInteractive/);
  });
});

describe('parameters', () => {
  const refused: [string, Given, (string | number)[]][] = [
    ['no password and no key', { sshd: { passwordAuthentication: false } }, ['sshd', 'passwordAuthentication']],
    [
      'no root and nobody with sudo',
      { admins: [{ ...ada, sudo: 'none' }], sshd: { permitRootLogin: 'no' } },
      ['sshd', 'permitRootLogin'],
    ],
    ['an admin twice', { admins: [ada, ada] }, ['admins', 1, 'name']],
    ['an admin who is gone', { admins: [ada], formerAdmins: ['ada'] }, ['formerAdmins', 0]],
    ['root as an admin', { admins: [{ ...ada, name: 'root' }] }, ['admins', 0, 'name']],
    ['a mistyped key', { sshd: { permitRotLogin: 'no' } } as Given, ['sshd']],
    [
      'the back door through settings',
      { sshd: { settings: { permitrootlogin: 'no' } } },
      ['sshd', 'settings', 'permitrootlogin'],
    ],
    [
      'a setting with a newline',
      { sshd: { settings: { Banner: 'x\nPermitRootLogin yes' } } },
      ['sshd', 'settings', 'Banner'],
    ],
    ['a mail address with a quote', { upgrades: { mail: 'a"; Evil "1' } }, ['upgrades', 'mail']],
  ];
  test.each(refused)('refused: %s', (_, given, path) => {
    const result = params.safeParse(given);
    expect(result.error?.issues.map((issue) => issue.path)).toContainEqual(path);
  });

  test('nothing has to be given', () => {
    expect(params.parse({})).toMatchObject({
      timezone: 'Etc/UTC',
      admins: [],
      upgrades: { enabled: true, reboot: false },
    });
  });
});

describe('what is written', () => {
  test('sudoers', () => {
    const { admins } = params.parse({
      admins: [ada, { name: 'bob', passwordHash: new Secret('$y$x') }, { name: 'eve', sudo: 'none' }],
    });
    expect(renderSudoers(admins)).toBe(
      '# Managed by lab (role base).\nDefaults use_pty\nada ALL=(ALL:ALL) NOPASSWD: ALL\nbob ALL=(ALL:ALL) ALL\n',
    );
  });
  test('settings of the user win, whatever their case, and stand once', () => {
    const text = renderSshd({}, { maxauthtries: '3' }, standard);
    expect(text.match(/^maxauthtries .*/gim)).toEqual(['maxauthtries 3']);
  });
  test('upgrades', () => {
    expect(renderUpgrades(params.parse({ upgrades: { reboot: true, mail: 'root@example.dev' } }).upgrades)).toContain(
      'Unattended-Upgrade::Automatic-Reboot "true";\nUnattended-Upgrade::Automatic-Reboot-Time "04:30";\nUnattended-Upgrade::Mail "root@example.dev";',
    );
  });
});

describe('what it declares', () => {
  const keys = (tree: ResourceTree): string[] => {
    if (!tree) return [];
    if (Array.isArray(tree)) return tree.flatMap((branch) => keys(branch as ResourceTree));
    const resource = tree as Resource;
    return [`${resource.type}:${resource.id}`];
  };
  const declared = async (given: Given, system: Partial<SystemFact> = {}) => {
    const facts = new FakeFacts({ system });
    const context = {
      host: hostWith(rootWithKey),
      params: params.parse(given),
      inventory: undefined as never,
      system: () => facts.system(),
      withExports: () => null,
      agreed: (_: string, make: () => unknown) => make() as never,
    };
    return keys(await base.definition.resources(context));
  };

  test('the account and its keys come before sshd stops asking for passwords', async () => {
    const order = await declared({ admins: [ada] });
    expect(order.indexOf('authorized-keys:ada')).toBeGreaterThan(order.indexOf('user:ada'));
    expect(order.indexOf('file:/etc/ssh/sshd_config.d/00-lab.conf')).toBeGreaterThan(
      order.indexOf('authorized-keys:ada'),
    );
  });
  test('what a host cannot have is not asked of it', async () => {
    const order = await declared({}, { init: 'openrc', packageManager: 'apk', os: 'alpine' });
    expect(order.filter((one) => /^unit:|apt|journald|timesync/.test(one))).toEqual([]);
    expect(order).toContain('command:rc-service sshd reload');
  });
  test('what is switched off is left alone', async () => {
    const off: Given = {
      hostname: null,
      timezone: null,
      sshd: { harden: false },
      upgrades: { enabled: false },
      journald: { maxUse: null },
      timeSync: { with: 'none' },
    };
    const order = await declared(off);
    expect(order.filter((one) => /hostname|timezone|sshd|upgrades|journald|timesync/.test(one))).toEqual([]);
  });
});
