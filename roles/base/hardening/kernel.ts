import type { SystemFact } from '../../../src/index.ts';
import type { Hardening } from './params.ts';

type Parameters = Readonly<Record<string, number>>;

/**
 * Of the host's own network, which a container has too. Safe on any host: a router's redirects and source routes are not
 * believed, spoofed packets are dropped loosely (a host with WireGuard or two uplinks goes on working). Forwarding is left to
 * those who need it, and so are router advertisements, by which a home gets its IPv6 addresses.
 */
const network: Parameters = {
  'net.ipv4.conf.all.accept_redirects': 0,
  'net.ipv4.conf.default.accept_redirects': 0,
  'net.ipv4.conf.all.secure_redirects': 0,
  'net.ipv4.conf.default.secure_redirects': 0,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  'net.ipv4.conf.all.accept_source_route': 0,
  'net.ipv4.conf.default.accept_source_route': 0,
  'net.ipv4.conf.all.rp_filter': 2,
  'net.ipv4.conf.default.rp_filter': 2,
  'net.ipv4.icmp_echo_ignore_broadcasts': 1,
  'net.ipv4.icmp_ignore_bogus_error_responses': 1,
  'net.ipv4.tcp_syncookies': 1,
  'net.ipv4.tcp_rfc1337': 1,
  'net.ipv6.conf.all.accept_redirects': 0,
  'net.ipv6.conf.default.accept_redirects': 0,
  'net.ipv6.conf.all.accept_source_route': 0,
  'net.ipv6.conf.default.accept_source_route': 0,
};

/** Martians are logged once in a while: a home with devices that have strange addresses has a full log. */
const strictNetwork: Parameters = {
  'net.ipv4.conf.all.log_martians': 1,
  'net.ipv4.conf.default.log_martians': 1,
};

/**
 * Of the whole machine. What cannot be set back before the next boot is left out (`kernel.unprivileged_bpf_disabled=1`,
 * `kernel.modules_disabled`, `kernel.kexec_load_disabled`), and so are user namespaces, which containers without root need.
 */
const machine: Parameters = {
  'dev.tty.ldisc_autoload': 0,
  'fs.protected_fifos': 2,
  'fs.protected_hardlinks': 1,
  'fs.protected_regular': 2,
  'fs.protected_symlinks': 1,
  'kernel.dmesg_restrict': 1,
  // Root still sees addresses: tools that trace with BPF, those of a cluster among them, need that.
  'kernel.kptr_restrict': 1,
  'kernel.perf_event_paranoid': 3,
  'kernel.randomize_va_space': 2,
  'kernel.yama.ptrace_scope': 1,
};

const strictMachine: Parameters = {
  'kernel.kptr_restrict': 2,
  // No keys at the console that kill or reboot.
  'kernel.sysrq': 0,
  'net.core.bpf_jit_harden': 2,
};

/** The parameters of the kernel that a level sets on a host. In a container the machine's are not the host's to set. */
export function kernelParameters({ level, coreDumps }: Hardening, { container }: SystemFact): Parameters {
  if (level === 'none') return {};
  const strict = level === 'strict';
  return {
    ...network,
    ...(strict && strictNetwork),
    ...(container === null && {
      ...machine,
      ...(strict && strictMachine),
      // Of a program that ran with another's rights.
      ...(!coreDumps && { 'fs.suid_dumpable': 0 }),
    }),
  };
}
