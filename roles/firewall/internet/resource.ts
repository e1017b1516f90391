import { type Change, defineResource, LabError, z } from '../../../src/index.ts';
import { AddressSet } from '../address-set.ts';
import { script, stateOf } from '../resources.ts';

export const wayOutFile = '/etc/lab/internet.nft';

/**
 * The switch of a host to the tunnel for all that leaves for the internet: rules of ip-rule(8), and a table of nftables that lets
 * nothing out by another way, also while the tunnel is down.
 *
 * @throws LabError PLAN_IMPOSSIBLE when the login in use comes from outside
 */
export const tunnelInternet = defineResource({
  type: 'firewall-internet',
  props: z.strictObject({
    /** As `renderWayOut` makes it; null is the host's own line. */
    content: z.string().nullable(),
    /** Addresses to which the way stays what it is. */
    inside: z.array(z.string()),
  }),
  id: () => 'inet lab_internet',
  paths: ({ content }) => [{ path: wayOutFile, wants: content === null ? 'nothing' : 'something' }],
  async read(host) {
    const [content, all] = await Promise.all([host.content(wayOutFile), stateOf(host)]);
    const said = all('internet').map(([word]) => word);
    return {
      before: content === null ? null : Buffer.from(content).toString(),
      isLoaded: said.includes('loaded'),
      isPresent: said.includes('present'),
      client: all('login')[0]?.[0] ?? null,
    };
  },
  diff({ content, inside }, { before, isLoaded, isPresent, client }): readonly Change[] {
    const load = script('internet');
    const risk = 'connectivity' as const;
    if (content === null) {
      if (before === null && !isPresent) return [];
      return [
        {
          attribute: 'way to the internet',
          before: before ?? 'through the tunnel',
          after: null,
          apply: [{ do: 'remove', path: wayOutFile }, load],
          revert: [{ do: 'restore', path: wayOutFile }, load],
          risk,
        },
      ];
    }
    if (before === content && isLoaded) return [];
    if (client !== null && !AddressSet.of(inside).has(client))
      throw new LabError('PLAN_IMPOSSIBLE', 'this would cut the connection that lab itself is using', {
        expected: 'a login from inside: from a network of the inventory that is not public, or through the tunnel',
        found: `one from ${client}, which the answers would no longer reach by the way it came`,
        hint: "manage this host through the tunnel or from its own network, or leave it at internet: 'direct'",
      });
    const write = {
      ...{ do: 'write' as const, path: wayOutFile, content, mode: '0600', owner: 'root', group: 'root' },
      validate: ['nft', '-c', '-f', '%s'],
    };
    return [
      {
        attribute: before === content ? 'way to the internet in the kernel' : 'way to the internet',
        before: before === content ? 'not as in the file' : before,
        after: before === content ? 'as in the file' : content,
        apply: before === content ? [load] : [write, load],
        revert: before === content ? [load] : [{ do: 'restore', path: wayOutFile }, load],
        risk,
      },
    ];
  },
});
