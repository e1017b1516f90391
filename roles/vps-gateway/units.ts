import { sandbox } from '../../src/resources/systemd/sandbox.ts';
import { adminSocket, caddyfile } from './render-caddy.ts';

/** Added to the unit that the package brings. */
export const caddyDropIn = {
  Service: {
    ...sandbox,
    MemoryDenyWriteExecute: true,
    // A log that begins anew is given the owner of the one before (@chown), which takes no right when it is the same.
    SystemCallFilter: ['@system-service', '~@privileged @resources', '@chown'],
    RemoveIPC: true,
    UMask: '0027',
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
