import { sandbox } from '../../src/resources/systemd/sandbox.ts';
import { adminSocket, caddyfile } from './render-caddy.ts';
import { haproxyRuntime } from './render-haproxy.ts';

export const haproxyConfiguration = '/etc/haproxy/lab-passthrough.cfg';

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

const haproxy = `/usr/sbin/haproxy -f ${haproxyConfiguration}`;

/** HAProxy as a master that gives its sockets to a new worker with each reload. It needs no right but to ask Caddy under the client's address. */
export const passthroughUnit = {
  Unit: { Description: 'TLS passed on by name, by lab', Documentation: 'man:haproxy(1)', After: 'network.target' },
  Service: {
    ...sandbox,
    Type: 'notify',
    User: 'haproxy',
    Group: 'haproxy',
    MemoryDenyWriteExecute: true,
    SystemCallFilter: ['@system-service', '~@privileged'],
    RemoveIPC: true,
    UMask: '0077',
    // IP_TRANSPARENT (ip(7)).
    AmbientCapabilities: 'CAP_NET_RAW',
    CapabilityBoundingSet: 'CAP_NET_RAW',
    RestrictAddressFamilies: 'AF_INET AF_INET6 AF_UNIX',
    RuntimeDirectory: haproxyRuntime,
    RuntimeDirectoryMode: '0700',
    ExecStart: `${haproxy} -Ws -p /run/${haproxyRuntime}/pid`,
    ExecReload: [`${haproxy} -c -q`, '/bin/kill -USR2 $MAINPID'],
    // It takes no more connections, and those that stand have some seconds to end.
    KillMode: 'mixed',
    KillSignal: 'SIGUSR1',
    TimeoutStopSec: 10,
    Restart: 'always',
    RestartSec: 1,
    LogRateLimitIntervalSec: 30,
    LogRateLimitBurst: 3000,
  },
  Install: { WantedBy: 'multi-user.target' },
};
