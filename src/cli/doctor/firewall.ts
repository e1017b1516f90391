import { type Finding, warning } from './finding.ts';
import type { Look } from './host.ts';

/** Firewalls that rule beside each other: a packet has to be let in by all of them, and each loads without asking the others. Pure. */
export function firewallFindings(look: Look): Finding[] {
  const active = look.get('firewall') ?? [];
  const findings: Finding[] = [];
  if (active.includes('firewalld'))
    findings.push(
      warning(
        'firewalld',
        'firewalld is active',
        'it has rules of its own beside those of lab, and a packet has to be let in by both',
        'decide for one; for that of lab: systemctl disable --now firewalld',
      ),
    );
  if (active.includes('ufw') && (active.includes('lab-nftables') || active.includes('nftables')))
    findings.push(
      warning(
        'two-firewalls',
        'ufw and nftables rules are active beside each other',
        'a packet has to be let in by both, and nftables.service flushes the rules of ufw when it starts',
        "take one: ufw disable, or params: { firewall: { backend: 'ufw' } } and systemctl disable --now nftables",
      ),
    );
  if (active.includes('iptables-legacy') && (look.has('nft') || active.includes('ufw')))
    findings.push(
      warning(
        'iptables-legacy',
        'there are rules of iptables-legacy beside those of nftables',
        'both count, and each shows only its own',
        'move them: update-alternatives --set iptables /usr/sbin/iptables-nft, then boot',
      ),
    );
  return findings;
}
