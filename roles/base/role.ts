import {
  authorizedKeys,
  command,
  defineRole,
  directory,
  file,
  hostname,
  line,
  packages,
  type ResourceTree,
  type RoleContext,
  type SystemFact,
  sysctl,
  timezone,
  unit,
  user,
} from '../../src/index.ts';
import { accessOf, sudoOf } from './access.ts';
import { kernelParameters } from './hardening/kernel.ts';
import { hardeningOf } from './hardening/params.ts';
import { hardeningResources } from './hardening/resources.ts';
import { type Admin, type Params, params } from './params.ts';
import { renderSshd, validateSshd } from './render-sshd.ts';
import { renderChrony, renderJournald, renderSudoers, renderTimesyncd, renderUpgrades } from './render-system.ts';

type Context = RoleContext<Params>;

/**
 * What every host should have: its name and time zone, packages, the people who administer it, a hardened sshd, sound
 * kernel parameters, security updates, a journal with an end, and the right time.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base({ timezone: 'Europe/Berlin' })] }] });
 */
export default defineRole({
  name: 'base',
  description: 'Name, time, packages, admins, sshd, kernel parameters, updates and journal of a host',
  params,
  async resources(context): Promise<ResourceTree> {
    const system = await context.system();
    const { params, host } = context;
    const hardening = hardeningOf(params.hardening);
    const asked = params.packages.install;
    const needed = packagesFor(params, system).filter((name) => !asked.includes(name));
    return [
      params.hostname !== null && hostname({ name: params.hostname ?? host.name }),
      asked.length > 0 && packages({ names: asked }),
      // What these recommend is for desktops, and twice as much as they are themselves.
      needed.length > 0 && packages({ names: needed, recommends: false }),
      params.packages.remove.length > 0 && packages({ names: params.packages.remove, state: 'absent' }),
      params.timezone !== null && timezone({ name: params.timezone }),
      accounts(params, system),
      // After the accounts: whoever is going to need a key has it before the password goes.
      params.sshd.harden && sshdResources(context, system),
      kernel(params.sysctl, kernelParameters(hardening, system)),
      hardeningResources(hardening, system, context),
      params.upgrades.enabled && system.packageManager === 'apt' && upgrades(params),
      system.init === 'systemd' && params.journald.maxUse !== null && journal(params),
      system.init === 'systemd' && timeSync(params, system),
    ];
  },
  keeps: () => [
    { paths: ['/etc/ssh/ssh_host_*_key', '/etc/ssh/ssh_host_*_key.pub'], reloads: ['ssh', 'sshd'], hostKeys: true },
  ],
});
const usesApt = (system: SystemFact): boolean => system.packageManager === 'apt';

function packagesFor({ admins, sshd, upgrades, timeSync }: Params, system: SystemFact): string[] {
  const server = {
    apt: 'openssh-server',
    apk: 'openssh-server',
    dnf: 'openssh-server',
    pacman: 'openssh',
    none: 'openssh',
  };
  return [
    ...(admins.some((admin) => sudoOf(admin) !== 'none') ? ['sudo'] : []),
    ...(sshd.harden ? [server[system.packageManager]] : []),
    ...(upgrades.enabled && usesApt(system) ? ['unattended-upgrades'] : []),
    ...(timeSync.with === 'chrony' ? ['chrony'] : []),
    // Elsewhere it comes with systemd.
    ...(timeSync.with === 'timesyncd' && usesApt(system) ? ['systemd-timesyncd'] : []),
  ];
}

function accounts({ admins, formerAdmins, hardening }: Params, system: SystemFact): ResourceTree {
  const withSudo = admins.filter((admin) => sudoOf(admin) !== 'none');
  return [
    admins.map((admin) => account(admin, system)),
    // Who may do what is read by root alone.
    withSudo.length > 0 && hardening.level !== 'none' && directory({ path: '/etc/sudoers.d', mode: '0750' }),
    withSudo.length > 0 &&
      file({
        path: '/etc/sudoers.d/lab-admins',
        content: renderSudoers(admins),
        mode: '0440',
        validate: ['visudo', '-cf', '%s'],
      }),
    withSudo.length === 0 && file({ path: '/etc/sudoers.d/lab-admins', state: 'absent' }),
    formerAdmins.map((name) => user({ name, state: 'absent' })),
  ];
}

function account(admin: Admin, system: SystemFact): ResourceTree {
  const { name, comment, keys, revokedKeys, exclusiveKeys, passwordHash } = admin;
  const rootGroup = usesApt(system) ? 'sudo' : 'wheel';
  const shell = admin.shell ?? (usesApt(system) ? '/bin/bash' : undefined);
  return [
    user({
      name,
      groups: [...(sudoOf(admin) === 'none' ? [] : [rootGroup]), ...admin.groups],
      ...(comment !== undefined && { comment }),
      ...(shell !== undefined && { shell }),
      ...(passwordHash !== undefined && { passwordHash }),
    }),
    (keys.length > 0 || revokedKeys.length > 0 || exclusiveKeys) &&
      authorizedKeys({ user: name, keys, revoked: revokedKeys, exclusive: exclusiveKeys }),
  ];
}

function sshdResources({ params, host }: Context, system: SystemFact): ResourceTree {
  const content = renderSshd(accessOf(params, host), params.sshd.settings, {
    strict: params.hardening.level === 'strict',
    os: system.os,
  });
  const include = line({
    path: '/etc/ssh/sshd_config',
    match: /^\s*Include\s+"?\/etc\/ssh\/sshd_config\.d\/\*\.conf"?\s*$/i,
    line: 'Include /etc/ssh/sshd_config.d/*.conf',
    before: 'start',
  });
  const dropIn = file({
    path: '/etc/ssh/sshd_config.d/00-lab.conf',
    content,
    mode: '0644',
    validate: [...validateSshd],
  });
  const service = usesApt(system) ? 'ssh' : 'sshd';
  // A reload lets the connections that stand go on.
  const reloadOn = [include, dropIn];
  return [
    directory({ path: '/etc/ssh/sshd_config.d' }),
    include,
    dropIn,
    system.init === 'systemd'
      ? unit({ name: service }, { reloadOn })
      : command({ argv: ['rc-service', 'sshd', 'reload'], onlyWhenTriggered: true }, { runOn: reloadOn }),
  ];
}

function kernel(given: Params['sysctl'], ofLevel: Params['sysctl']): ResourceTree {
  return Object.entries({ ...ofLevel, ...given }).map(
    // What is not there cannot be misused: a kernel without IPv6, or one that is older than the parameter.
    ([key, value]) =>
      value !== null && sysctl({ key, value, ignoreUnknown: key in ofLevel || key.startsWith('net.ipv6.') }),
  );
}

function upgrades(params: Params): ResourceTree {
  return [
    file({
      path: '/etc/apt/apt.conf.d/60lab-upgrades',
      content: renderUpgrades(params.upgrades),
      validate: ['sh', '-c', 'apt-config -c "$1" dump >/dev/null', 'lab', '%s'],
    }),
    ['apt-daily.timer', 'apt-daily-upgrade.timer'].map((name) => unit({ name, state: 'running', enabled: true })),
  ];
}

function journal(params: Params): ResourceTree {
  const settings = file({ path: '/etc/systemd/journald.conf.d/60-lab.conf', content: renderJournald(params.journald) });
  return [
    directory({ path: '/etc/systemd/journald.conf.d' }),
    settings,
    unit({ name: 'systemd-journald' }, { restartOn: [settings] }),
  ];
}

function timeSync({ timeSync }: Params, system: SystemFact): ResourceTree {
  if (timeSync.with === 'none') return [];
  if (timeSync.with === 'chrony') {
    const sources =
      timeSync.servers.length > 0 &&
      file({ path: '/etc/chrony/sources.d/lab.sources', content: renderChrony(timeSync.servers) });
    return [
      sources,
      unit({ name: usesApt(system) ? 'chrony' : 'chronyd', enabled: true }, { restartOn: sources ? [sources] : [] }),
    ];
  }
  const settings =
    timeSync.servers.length > 0 &&
    file({ path: '/etc/systemd/timesyncd.conf.d/60-lab.conf', content: renderTimesyncd(timeSync.servers) });
  return [
    settings && directory({ path: '/etc/systemd/timesyncd.conf.d' }),
    settings,
    // It does not start in a container, whose clock is that of the machine below: so only that it starts at boot.
    unit({ name: 'systemd-timesyncd', enabled: true }, { restartOn: settings ? [settings] : [] }),
  ];
}
