import { defineResource, z } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import { linesOf } from './record-set.ts';
import { recordSet } from './resource.ts';

/**
 * That every name server of a zone says what was published: asked after a change, until they do. It fails when one does not in
 * time; what was published stays, and the next run asks again.
 *
 * @example
 * dnsServers({ zone: 'example.dev', wanted, seconds: 60, primary: ['10.77.0.53', '53'] }, { runOn: [records] });
 */
export const dnsServers = defineResource({
  type: 'dns-servers',
  props: z.strictObject({
    zone: z.string(),
    wanted: z.array(recordSet).readonly(),
    seconds: z.int(),
    /** Address and port of the server that knows the others; none: as the host resolves it. */
    primary: z.array(z.string()).readonly(),
  }),
  id: ({ zone }) => zone,
  read: async () => null,
  diff: () => [],
  triggered: (_, { zone, wanted, seconds, primary }) => [
    {
      attribute: 'agreement',
      before: null,
      after: 'every name server of the zone says what is published',
      apply: [
        {
          do: 'run',
          argv: [
            'sh',
            '-c',
            readRoleFile('dns/public/agree.sh'),
            'lab-dns',
            'agree',
            zone,
            String(seconds),
            ...primary,
          ],
          stdin: wanted.flatMap(linesOf).join('\n'),
          timeoutSeconds: seconds + 120,
        },
      ],
      // Nothing was changed by asking.
      revert: [{ do: 'run', argv: ['true'] }],
    },
  ],
});
