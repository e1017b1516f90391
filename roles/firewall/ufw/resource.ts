import { type Change, defineResource, LabError, type Step, z } from '../../../src/index.ts';
import { type Family, families } from '../address-set.ts';
import { admitted, refuseLockOut } from '../admitted.ts';
import { script, stateOf } from '../resources.ts';
import type { UfwRule } from './rules.ts';
import { listedAs, ownRulesIn, userLinesIn, userRulesFile, withOwnRules } from './user-rules.ts';

const rule = z.custom<UfwRule>();

/**
 * The rules that ufw(8) keeps for its user, as far as they are ours: written where ufw has them, and loaded without a moment
 * without rules. Those of others stay, before ours.
 *
 * @throws LabError PLAN_IMPOSSIBLE when ufw is not there, or Docker is, its files are not its own, or the rules would not let in the login in use
 */
export const ufwRules = defineResource({
  type: 'ufw-rules',
  props: z.strictObject({
    /** Null takes ours away, and leaves ufw as it is. */
    rules: z.strictObject({ ipv4: z.array(rule), ipv6: z.array(rule) }).nullable(),
    admitted,
  }),
  id: () => 'ufw',
  async read(host) {
    const [all, defaults, ...files] = await Promise.all([
      stateOf(host),
      host.content('/etc/default/ufw'),
      ...families.map((family) => host.content(userRulesFile[family])),
    ]);
    const textOf = (content: Uint8Array | null | undefined) =>
      content === null || content === undefined ? null : Buffer.from(content).toString();
    return {
      texts: { ipv4: textOf(files[0]), ipv6: textOf(files[1]) },
      policies: policiesIn(textOf(defaults) ?? ''),
      isActive: all('other').some(([name]) => name === 'ufw'),
      isHooked: all('ufw').some(([word]) => word === 'hooked'),
      hasDocker: all('docker').length > 0,
      live: {
        ipv4: all('ufw4').map((words) => words.join(' ')),
        ipv6: all('ufw6').map((words) => words.join(' ')),
      },
      login: all('login')[0] ?? null,
    };
  },
  diff({ rules, admitted }, { texts, policies, isActive, isHooked, hasDocker, live, login }): readonly Change[] {
    if (texts.ipv4 === null || texts.ipv6 === null) {
      if (rules === null) return [];
      throw new LabError('PLAN_IMPOSSIBLE', 'ufw is not installed on this host', {
        expected: 'a host that uses ufw',
        found: `no ${userRulesFile.ipv4}`,
        hint: "apt install ufw, or leave params.firewall.backend at 'nftables'",
      });
    }
    if (rules !== null && hasDocker)
      throw new LabError('PLAN_IMPOSSIBLE', 'ports that Docker publishes go past ufw: nothing would hold them', {
        expected: 'no Docker daemon on a host whose rules ufw holds',
        found: 'dockerd',
        hint: "take params.firewall.backend: 'nftables' for this host, and: ufw disable",
      });
    if (rules !== null) refuseLockOut(admitted, login);
    const before: Record<Family, string> = { ipv4: texts.ipv4, ipv6: texts.ipv6 };
    const after = {
      ipv4: withOwnRules(before.ipv4, 'ipv4', rules?.ipv4 ?? []),
      ipv6: withOwnRules(before.ipv6, 'ipv6', rules?.ipv6 ?? []),
    };
    const own = (text: Record<Family, string>) =>
      families.flatMap((family) => ownRulesIn(text[family], family)).join('\n') || null;
    const changed = families.filter(
      (family) => ownRulesIn(before[family], family) !== ownRulesIn(after[family], family),
    );
    const changes: Change[] = [];
    if (changed.length > 0)
      changes.push({
        attribute: 'rules',
        before: own(before),
        after: own(after),
        apply: [
          ...changed.map(
            (family): Step => ({
              ...{ do: 'write', path: userRulesFile[family], content: after[family], mode: '0640' },
              ...{ owner: 'root', group: 'root' },
            }),
          ),
          script('ufw'),
        ],
        revert: [...changed.map((family): Step => ({ do: 'restore', path: userRulesFile[family] })), script('ufw')],
        risk: 'connectivity',
      });
    if (rules === null) return changes;
    for (const [name, direction] of [
      ['INPUT', 'incoming'],
      ['FORWARD', 'routed'],
    ] as const) {
      const policy = policies.get(name) ?? 'DROP';
      if (policy === 'DROP' || policy === 'REJECT') continue;
      changes.push({
        attribute: `what is not named, ${direction}`,
        before: 'allow',
        after: 'deny',
        apply: [{ do: 'run', argv: ['ufw', 'default', 'deny', direction], timeoutSeconds: 60 }],
        revert: [{ do: 'run', argv: ['ufw', 'default', 'allow', direction], timeoutSeconds: 60 }],
        risk: 'connectivity',
      });
    }
    if (!isActive)
      changes.push({
        attribute: 'ufw',
        before: 'inactive',
        after: 'active',
        apply: [{ do: 'run', argv: ['ufw', '--force', 'enable'], timeoutSeconds: 120 }],
        revert: [{ do: 'run', argv: ['ufw', 'disable'], timeoutSeconds: 120 }],
        risk: 'connectivity',
      });
    else if (
      changed.length === 0 &&
      !(isHooked && families.every((family) => isLoaded(rules[family], family, before[family], live[family])))
    )
      changes.push({
        attribute: 'rules in the kernel',
        before: 'not as in its files',
        after: 'as in its files',
        apply: [script('ufw')],
        revert: [script('ufw')],
        risk: 'connectivity',
      });
    return changes;
  },
});

/** Ours are there in their order, and nobody has put more or fewer than the file has. */
function isLoaded(rules: readonly UfwRule[], family: Family, text: string, live: readonly string[]): boolean {
  // Where IPv6 is off for ufw there is nothing of it in the kernel.
  if (family === 'ipv6' && live.length === 0) return true;
  if (live.length !== userLinesIn(text, family).length) return false;
  let at = 0;
  const wanted = rules.map((one) => listedAs(one, family));
  for (const line of live) if (line === wanted[at]) at++;
  return at === wanted.length;
}

/** `INPUT` → `DROP` */
function policiesIn(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY="?([A-Z]+)"?/gm)].map(([, name = '', policy = '']) => [
      name,
      policy,
    ]),
  );
}
