import { type Change, defineResource, directory, file, type ResourceTree, type Step, z } from '../../src/index.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';
import { loadedAtBoot, withoutLoader } from '../firewall/boot-unit.ts';

const hostScript = '/usr/local/sbin/lab-gateway';
const forwardingFile = '/etc/lab/gateway.nft';
const loader = { name: 'lab-gateway', description: 'Forwarding of packets by lab', script: hostScript };

/** All that forwards packets on a host; null takes it away. */
export function forwarding(content: string | null): ResourceTree {
  if (content === null)
    return [withoutLoader(loader, forwardingRules({ content })), file({ path: hostScript, state: 'absent' })];
  return [
    file({ path: hostScript, content: readRoleFile('vps-gateway/host.sh'), mode: '0755' }),
    directory({ path: '/etc/lab', mode: '0700' }),
    forwardingRules({ content }),
    loadedAtBoot(loader),
  ];
}

/** The table `inet lab_gateway` and the rules of ip-rule(8) that go with it. Connections that stand go on. */
const forwardingRules = defineResource({
  type: 'gateway-forwarding',
  props: z.strictObject({
    /** As `renderForwarding` makes it. */
    content: z.string().nullable(),
  }),
  id: () => 'inet lab_gateway',
  paths: ({ content }) => [{ path: forwardingFile, wants: content === null ? 'nothing' : 'something' }],
  async read(host) {
    const [content, { stdout }] = await Promise.all([
      host.content(forwardingFile),
      host.run(['sh', '-c', readRoleFile('vps-gateway/host.sh'), 'lab-gateway', 'state']),
    ]);
    const words = stdout.split('\n');
    return {
      before: content === null ? null : Buffer.from(content).toString(),
      isLoaded: words.includes('loaded'),
      isPresent: words.includes('present'),
    };
  },
  diff({ content }, { before, isLoaded, isPresent }): readonly Change[] {
    const load: Step = { do: 'run', argv: [hostScript, 'back'], timeoutSeconds: 60 };
    const risk = 'connectivity' as const;
    const revert: Step[] = [{ do: 'restore', path: forwardingFile }, load];
    if (content === null) {
      if (before === null && !isPresent) return [];
      const apply: Step[] = [{ do: 'remove', path: forwardingFile }, load];
      return [{ attribute: 'forwarding', before: before ?? 'in the kernel', after: null, apply, revert, risk }];
    }
    if (before !== content) {
      const write = {
        ...{ do: 'write' as const, path: forwardingFile, content, mode: '0600', owner: 'root', group: 'root' },
        validate: ['nft', '-c', '-f', '%s'],
      };
      return [{ attribute: 'forwarding', before, after: content, apply: [write, load], revert, risk }];
    }
    if (isLoaded) return [];
    return [
      {
        attribute: 'forwarding in the kernel',
        before: 'not as in the file',
        after: 'as in the file',
        apply: [load],
        revert: [load],
        risk,
      },
    ];
  },
});
