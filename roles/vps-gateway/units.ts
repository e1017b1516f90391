import { adminSocket, caddyfile } from './render-caddy.ts';

/** What a server that strangers talk to does not need (systemd.exec(5)). */
const sandbox = {
  NoNewPrivileges: true,
  ProtectSystem: 'strict',
  ProtectHome: true,
  PrivateTmp: true,
  PrivateDevices: true,
  ProtectClock: true,
  ProtectHostname: true,
  ProtectKernelTunables: true,
  ProtectKernelModules: true,
  ProtectKernelLogs: true,
  ProtectControlGroups: true,
  ProtectProc: 'invisible',
  RestrictNamespaces: true,
  RestrictRealtime: true,
  RestrictSUIDSGID: true,
  LockPersonality: true,
  MemoryDenyWriteExecute: true,
  SystemCallArchitectures: 'native',
  SystemCallFilter: ['@system-service', '~@privileged @resources'],
  RemoveIPC: true,
  UMask: '0027',
};

/** Added to the unit that the package brings. */
export const caddyDropIn = {
  Service: {
    ...sandbox,
    // Its own process, with no right but to listen below 1024.
    CapabilityBoundingSet: 'CAP_NET_BIND_SERVICE',
    RestrictAddressFamilies: 'AF_INET AF_INET6 AF_UNIX AF_NETLINK',
    RuntimeDirectory: 'caddy',
    RuntimeDirectoryMode: '0750',
    StateDirectory: 'caddy',
    LogsDirectory: 'caddy',
    LogsDirectoryMode: '0750',
    ExecReload: ['', `/usr/bin/caddy reload --config ${caddyfile} --address unix/${adminSocket} --force`],
    Restart: 'on-failure',
    RestartSec: 2,
  },
};
