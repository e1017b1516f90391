import {
  type Change,
  defineResource,
  directory,
  file,
  type ResourceTree,
  type Step,
  unit,
  unitFile,
  z,
} from '../../src/index.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';

const hostScript = '/usr/local/sbin/lab-gateway';
const forwardingFile = '/etc/lab/gateway.nft';
const unitName = 'lab-gateway.service';

/** All that forwards packets on a host; null takes it away. */
export function forwarding(content: string | null): ResourceTree {
  if (content === null)
    return [
      unitFile({ name: 'nftables.service', dropIn: 'lab-gateway', state: 'absent' }),
      forwardingRules({ content }),
      unit({ name: unitName, enabled: false }),
      unitFile({ name: unitName, state: 'absent' }),
      file({ path: hostScript, state: 'absent' }),
    ];
  return [
    file({ path: hostScript, content: readRoleFile('vps-gateway/host.sh'), mode: '0755' }),
    directory({ path: '/etc/lab', mode: '0700' }),
    forwardingRules({ content }),
    unitFile({ name: unitName, sections: unitSections }),
    unit({ name: unitName, enabled: true }),
    unitFile({ name: 'nftables.service', dropIn: 'lab-gateway', sections: nftablesSections }),
  ];
}

const unitSections = {
  Unit: {
    Description: 'Forwarding of packets by lab',
    Documentation: 'man:nft(8)',
    DefaultDependencies: false,
    Wants: 'network-pre.target',
    Before: 'network-pre.target shutdown.target',
    After: 'local-fs.target nftables.service',
    Conflicts: 'shutdown.target',
  },
  Service: {
    Type: 'oneshot',
    RemainAfterExit: true,
    ExecStart: `${hostScript} load`,
    ExecReload: `${hostScript} load`,
  },
  Install: { WantedBy: 'sysinit.target' },
};

/** Debian's nftables.service takes every table away whenever it is started, reloaded or stopped. */
const nftablesSections = {
  Service: {
    ExecStartPost: `-${hostScript} back`,
    ExecReload: `-${hostScript} back`,
    ExecStopPost: `-${hostScript} back`,
  },
};

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
