/** What no service of ours needs, whatever it does (systemd.exec(5)); each adds what it alone can do without. */
export const sandbox = {
  NoNewPrivileges: true,
  ProtectSystem: 'strict',
  ProtectHome: true,
  PrivateTmp: true,
  PrivateDevices: true,
  ProtectClock: true,
  ProtectControlGroups: true,
  ProtectHostname: true,
  ProtectKernelLogs: true,
  ProtectKernelModules: true,
  ProtectKernelTunables: true,
  ProtectProc: 'invisible',
  LockPersonality: true,
  RestrictNamespaces: true,
  RestrictRealtime: true,
  RestrictSUIDSGID: true,
  SystemCallArchitectures: 'native',
  // Where system calls are limited, a call that nobody thought of fails; it does not end the service.
  SystemCallErrorNumber: 'EPERM',
};
