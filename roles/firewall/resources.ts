import { type Change, defineResource, type Facts, LabError, type Step, z } from '../../src/index.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';
import { admitted, refuseLockOut } from './admitted.ts';

export const hostScript = '/usr/local/sbin/lab-firewall';
export const rulesFile = '/etc/lab/firewall.nft';

export const script = (word: string): Step => ({ do: 'run', argv: [hostScript, word], timeoutSeconds: 120 });

/** What the script of the host says of it; asked by its text, as the first run has to know as much as later ones. */
export async function stateOf(host: Facts): Promise<(word: string) => readonly (readonly string[])[]> {
  const { stdout } = await host.run(['sh', '-c', readRoleFile('firewall/host.sh'), 'lab-firewall', 'state']);
  const lines = stdout.split('\n').map((line) => line.split(' '));
  return (word) => lines.flatMap(([first, ...rest]) => (first === word ? [rest] : []));
}

/**
 * The table of rules of a host: loaded as a whole, now and at boot. Other tables are not touched.
 *
 * @throws LabError PLAN_IMPOSSIBLE when another firewall is in charge, or when the rules would not let in the login in use
 */
export const firewallRules = defineResource({
  type: 'firewall-rules',
  props: z.strictObject({
    /** For nft(8); null takes the table away. */
    content: z.string().nullable(),
    admitted,
  }),
  id: () => 'inet lab',
  paths: ({ content }) => [{ path: rulesFile, wants: content === null ? 'nothing' : 'something' }],
  async read(host) {
    const [content, all] = await Promise.all([host.content(rulesFile), stateOf(host)]);
    return {
      before: content === null ? null : Buffer.from(content).toString(),
      isLoaded: all('loaded').length > 0,
      isPresent: all('table').some((table) => table.join(' ') === 'inet lab'),
      others: all('other').flat(),
      login: all('login')[0] ?? null,
    };
  },
  diff({ content, admitted }, { before, isLoaded, isPresent, others, login }): readonly Change[] {
    const back = [script('back')];
    if (content === null) {
      if (before === null && !isPresent) return [];
      const { apply, revert } = {
        apply: [{ do: 'remove' as const, path: rulesFile }, ...back],
        revert: [{ do: 'restore' as const, path: rulesFile }, ...back],
      };
      return [{ attribute: 'rules', before, after: null, apply, revert, risk: 'connectivity' }];
    }
    refuseOthers(others);
    refuseLockOut(admitted, login);
    if (before !== content)
      return [
        {
          attribute: 'rules',
          before,
          after: content,
          apply: [
            {
              ...{ do: 'write', path: rulesFile, content, mode: '0600', owner: 'root', group: 'root' },
              validate: ['nft', '-c', '-f', '%s'],
            },
            script('load'),
          ],
          revert: [{ do: 'restore', path: rulesFile }, ...back],
          risk: 'connectivity',
        },
      ];
    if (isLoaded) return [];
    return [
      {
        attribute: 'rules in the kernel',
        before: isPresent ? 'not as in the file' : null,
        after: 'as in the file',
        apply: [script('load')],
        revert: back,
        risk: 'connectivity',
      },
    ];
  },
});

function refuseOthers(others: readonly string[]): void {
  const [other] = others;
  if (other === undefined) return;
  throw new LabError('PLAN_IMPOSSIBLE', `${other} is in charge of this host's firewall`, {
    expected: 'one firewall for a host: each would take away or overrule what the other has',
    found: `${other} is active`,
    hint:
      other === 'ufw'
        ? "let the role write its rules with params.firewall.backend: 'ufw' for this host, or: ufw disable"
        : `systemctl disable --now ${other}`,
  });
}
