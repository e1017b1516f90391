/**
 * A controller that can be killed: brings the host in its first argument (JSON) behind a firewall that lets nobody in, and
 * prints `changed` when that is done.
 */
import { file } from '../../src/resources/file.ts';
import { unit } from '../../src/resources/unit.ts';
import type { StartedHost } from './host.ts';
import { runOn } from './run-on.ts';

const { host, guardSeconds } = JSON.parse(process.argv[2] ?? '') as { host: StartedHost; guardSeconds: number };
const content =
  'flush ruleset\ntable inet t {\n  chain i {\n    type filter hook input priority 0; policy drop;\n  }\n}\n';

await runOn(
  host,
  () => {
    const conf = file({ path: '/etc/nftables.conf', content, mode: '0755' });
    return [conf, unit({ name: 'nftables', state: 'running' }, { reloadOn: [conf] })];
  },
  {
    guardSeconds,
    onEvent: (event) => {
      if (event.event === 'resource-started' && event.resource === 'unit:nftables.service')
        process.stdout.write('changed\n');
    },
  },
);
