import { type Change, defineResource, LabError, type Step, z } from '../../../../src/index.ts';
import { readRoleFile } from '../../../../src/shared/own-package.ts';
import { configFile, includedKey, listensIn } from './render.ts';

const script = (...words: string[]): Step => ({
  do: 'run',
  argv: ['sh', '-c', readRoleFile('dns/public/authoritative/knot.sh'), 'lab-dns-knot', ...words],
  timeoutSeconds: 120,
});
const unsettled = [{ fact: 'unsettled' as const, by: 'the DNS server of this host' }];

/** A key by which the host changes its own zones; made on the host, and never anywhere else. */
export const localKey = defineResource({
  type: 'dns-local-key',
  props: z.strictObject({ path: z.string() }),
  id: ({ path }) => path,
  paths: ({ path }) => [{ path, wants: 'something' }],
  async read(host, { path }) {
    const found = await Promise.all([path, includedKey].map((one) => host.file(one)));
    return found.every(({ kind }) => kind === 'file');
  },
  diff({ path }, isThere): readonly Change[] {
    if (isThere) return [];
    return [
      {
        attribute: 'key',
        before: null,
        after: 'made on the host',
        apply: [script('key', path, includedKey)],
        revert: [
          { do: 'remove', path },
          { do: 'remove', path: includedKey },
        ],
        redo: [script('key', path, includedKey)],
        predicts: unsettled,
      },
    ];
  },
});

/**
 * Knot with its zones. The configuration is checked before it takes its place, and taken up by a reload; a zone that has not
 * begun gets SOA and NS. The keys of DNSSEC stay when all of it is taken back: the parent may point at them.
 *
 * @throws LabError READ_FAILED
 */
export const knot = defineResource({
  type: 'dns-knot',
  props: z.strictObject({
    config: z.string(),
    zones: z.array(z.strictObject({ name: z.string(), nameservers: z.array(z.string()), contact: z.string() })),
  }),
  id: () => configFile,
  paths: () => [{ path: configFile, wants: 'something' }],
  async read(host, { zones }) {
    const [content, answer] = await Promise.all([
      host.content(configFile, { packagesMayCreate: true }),
      host.run([
        'sh',
        '-c',
        readRoleFile('dns/public/authoritative/knot.sh'),
        'lab-dns-knot',
        'look',
        ...zones.map(({ name }) => name),
      ]),
    ]);
    if (answer.exitCode !== 0)
      throw new LabError('READ_FAILED', 'the DNS server of this host does not say what it has', {
        output: answer.stdout,
        hint: 'on the host: systemctl status knot',
      });
    const lines = answer.stdout.split('\n');
    return {
      before: content === null ? null : Buffer.from(content).toString(),
      isRunning: lines.includes('running'),
      isKept: lines.includes('kept'),
      servers: new Map(
        lines.flatMap((line) => {
          const [word, zone = '', ...names] = line.trim().split(' ');
          return word === 'zone' ? [[zone, names.join(' ')] as const] : [];
        }),
      ),
    };
  },
  diff({ config, zones }, { before, isRunning, isKept, servers }): readonly Change[] {
    const changes: Change[] = [];
    if (before !== config) {
      const verb = listensIn(before) === listensIn(config) ? 'reload' : 'restart';
      changes.push({
        attribute: 'configuration',
        before,
        after: config,
        apply: [
          {
            ...{ do: 'write', path: configFile, content: config, mode: '0640', owner: 'root', group: 'knot' },
            validate: ['knotc', '-c', '%s', 'conf-check'],
          },
          script(verb),
        ],
        revert: [{ do: 'restore', path: configFile }, script(verb)],
        predicts: unsettled,
      });
    } else if (!isRunning)
      changes.push({
        attribute: 'server',
        before: 'does not run',
        after: 'runs',
        apply: [script('restart')],
        revert: [],
        predicts: unsettled,
      });
    for (const { name, nameservers, contact } of zones) {
      const has = servers.get(name) ?? '';
      if (has === [...nameservers].sort().join(' ')) continue;
      changes.push({
        attribute: `zone ${name}`,
        before: has !== '' ? `name servers ${has}` : isKept ? 'what is kept of it, told when the server runs' : null,
        after: `name servers ${nameservers.join(' ')}`,
        apply: [script('make', name, contact, ...nameservers)],
        // What others may rely on by now stays: the zone is empty then, and its keys are those that the parent knows.
        revert:
          has === ''
            ? [{ do: 'restore', path: `/etc/lab/dns/${name}.ds` }]
            : [script('make', name, contact, ...has.split(' '))],
        predicts: unsettled,
      });
    }
    return changes;
  },
});
