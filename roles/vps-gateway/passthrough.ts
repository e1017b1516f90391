import { file, packages, type ResourceTree, unit, unitFile } from '../../src/index.ts';
import { haproxyConfiguration, passthroughUnit } from './units.ts';

const name = 'lab-passthrough.service';

/**
 * What tells connections apart by the name that TLS asks for; null takes it away. A unit of its own: on a host that passes on
 * nothing, HAProxy may be somebody else's.
 *
 * @param content as `renderHaproxy` makes it
 */
export function passthrough(content: string | null): ResourceTree {
  if (content === null)
    return [unitFile({ name, state: 'absent' }), file({ path: haproxyConfiguration, state: 'absent' })];
  const service = unitFile({ name, sections: passthroughUnit });
  const configuration = file({
    path: haproxyConfiguration,
    content,
    mode: '0640',
    group: 'haproxy',
    validate: ['haproxy', '-c', '-q', '-f', '%s'],
  });
  return [
    packages({ names: ['haproxy'], recommends: false }),
    // The package starts one of its own, as root, that carries nothing.
    unit({ name: 'haproxy', state: 'stopped', enabled: false }),
    configuration,
    service,
    unit({ name, state: 'running', enabled: true }, { restartOn: [service], reloadOn: [configuration] }),
  ];
}
