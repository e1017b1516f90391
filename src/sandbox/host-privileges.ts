/**
 * What a container needs so that systemd, sshd, nftables, WireGuard and sysctl work in it: far less than `--privileged`,
 * which also fails wherever the engine itself lacks a capability.
 */
export const hostCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_ADMIN',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_ADMIN',
  'SYS_CHROOT',
  'SYS_PTRACE',
] as const;

/** Signal on which systemd shuts down; its default for SIGTERM is to re-execute itself. */
export const hostStopSignal = 'SIGRTMIN+3';

/** WireGuard without a kernel module goes through this. */
export const tunDevice = '/dev/net/tun';

/**
 * The same as arguments of `docker run`. A control group namespace of its own (`--cgroupns private`) and no bind mount
 * of `/sys/fs/cgroup`: hosts that share control groups kill each other's services. `systempaths=unconfined` makes
 * `/proc/sys` writable.
 */
export function hostRunArguments(): string[] {
  return [
    '--cgroupns=private',
    '--cap-drop=ALL',
    ...hostCapabilities.map((name) => `--cap-add=${name}`),
    '--security-opt=seccomp=unconfined',
    // Docker's AppArmor profile, where the kernel has AppArmor, forbids the mounts that systemd makes.
    '--security-opt=apparmor=unconfined',
    '--security-opt=systempaths=unconfined',
    `--device=${tunDevice}`,
    '--tmpfs=/run',
    '--tmpfs=/tmp',
    `--stop-signal=${hostStopSignal}`,
  ];
}
