import { type Change, defineResource, LabError, z } from '../../src/index.ts';
import { daemonFile, hardened, saysTheSame } from './daemon.ts';
import { params } from './params.ts';

/** What is there: the daemon, and whether its command line makes it listen on TCP. Without a daemon nothing. */
const look = `command -v dockerd >/dev/null || exit 0
echo docker
command -v systemctl >/dev/null && systemctl show --property=ExecStart docker.service 2>/dev/null | grep -o 'tcp://[^ ;]*' | sed 's/^/listens /'
exit 0`;

/** dockerd(8) learnt to look at its settings without starting in 23.0. */
const validate = [
  'sh',
  '-c',
  'dockerd --help | grep -q -e --validate || exit 0; dockerd --validate --config-file "$1"',
  'sh',
  '%s',
];

/**
 * A restart with live-restore in force leaves containers running: the reload brings it in (dockerd(8) takes it on SIGHUP). Where
 * the daemon does not run, it reads its settings when it starts. Its unit gives up after three starts a minute; this one counts anew.
 */
const takeUp = `systemctl -q is-active docker.service || exit 0
systemctl reload docker.service
sleep 1
systemctl reset-failed docker.service
systemctl restart docker.service
docker version >/dev/null`;

const run = { do: 'run' as const, argv: ['sh', '-ec', takeUp], timeoutSeconds: 180 };

/**
 * The settings of the Docker daemon of a host, where there is one: what is not ours in them stays.
 *
 * @throws LabError PLAN_IMPOSSIBLE when the settings are no JSON, or when the daemon's command line opens a TCP socket
 */
export const dockerDaemon = defineResource({
  type: 'docker-daemon',
  props: z.strictObject({ params }),
  id: () => daemonFile,
  paths: () => [{ path: daemonFile, wants: 'something' }],
  async read(host) {
    const [content, { stdout }] = await Promise.all([host.content(daemonFile), host.run(['sh', '-c', look])]);
    const lines = stdout.trim().split('\n');
    return {
      before: content === null ? null : Buffer.from(content).toString(),
      isThere: lines[0] === 'docker',
      listens: lines.flatMap((line) => (line.startsWith('listens ') ? [line.slice(8)] : [])),
    };
  },
  diff({ params }, { before, isThere, listens }): readonly Change[] {
    if (!isThere) return [];
    const [address] = listens;
    if (address !== undefined)
      throw new LabError(
        'PLAN_IMPOSSIBLE',
        'the Docker daemon listens on TCP: whoever reaches it is root on the host',
        {
          expected: 'its socket /run/docker.sock alone',
          found: `${address} in the command line of docker.service`,
          hint: 'take it out of the unit or its drop-ins; to use the daemon from elsewhere, take ssh: docker -H ssh://host',
        },
      );
    const after = hardened(before, params);
    if (saysTheSame(before, after)) return [];
    return [
      {
        attribute: 'settings',
        before,
        after,
        apply: [
          {
            ...{ do: 'write', path: daemonFile, content: after, mode: '0644', owner: 'root', group: 'root' },
            validate,
          },
          run,
        ],
        revert: [{ do: 'restore', path: daemonFile }, run],
      },
    ];
  },
});
