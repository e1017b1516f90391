import { sudoOf } from './access.ts';
import type { Params } from './params.ts';

/** Who becomes root how; the order of sudoers(5) matters, the last match counts. */
export function renderSudoers(admins: Params['admins']): string {
  const lines = admins.flatMap((admin) => {
    const sudo = sudoOf(admin);
    return sudo === 'none' ? [] : [`${admin.name} ALL=(ALL:ALL) ${sudo === 'free' ? 'NOPASSWD: ' : ''}ALL\n`];
  });
  return `# Managed by lab (role base).\nDefaults use_pty\n${lines.join('')}`;
}

/** For apt's own timers; apt.conf(5). */
export function renderUpgrades({ reboot, rebootTime, mail }: Params['upgrades']): string {
  const settings: Record<string, string> = {
    'APT::Periodic::Update-Package-Lists': '1',
    'APT::Periodic::Unattended-Upgrade': '1',
    'APT::Periodic::AutocleanInterval': '7',
    'Unattended-Upgrade::Remove-Unused-Kernel-Packages': 'true',
    'Unattended-Upgrade::Remove-New-Unused-Dependencies': 'true',
    'Unattended-Upgrade::SyslogEnable': 'true',
    'Unattended-Upgrade::Automatic-Reboot': String(reboot),
    'Unattended-Upgrade::Automatic-Reboot-Time': rebootTime,
    ...(mail !== undefined && { 'Unattended-Upgrade::Mail': mail, 'Unattended-Upgrade::MailReport': 'on-change' }),
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  return `// Managed by lab (role base).\n${lines.join('')}`;
}

export function renderJournald({ maxUse, maxAge }: Params['journald']): string {
  return `# Managed by lab (role base).\n[Journal]\nStorage=persistent\nSystemMaxUse=${maxUse}\nMaxRetentionSec=${maxAge}\n`;
}

export function renderTimesyncd(servers: readonly string[]): string {
  return `# Managed by lab (role base).\n[Time]\nNTP=${servers.join(' ')}\n`;
}

/** chrony.conf(5), a sources file. */
export function renderChrony(servers: readonly string[]): string {
  return servers.map((server) => `server ${server} iburst\n`).join('');
}
