import { LabError } from '../../../src/index.ts';
import type { Family } from '../address-set.ts';
import { ownComment, type UfwRule } from './rules.ts';

export const userRulesFile = { ipv4: '/etc/ufw/user.rules', ipv6: '/etc/ufw/user6.rules' } as const;

const everywhere = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const;
const chainPrefix = { ipv4: 'ufw', ipv6: 'ufw6' } as const;
const begin = '### RULES ###';
const end = '### END RULES ###';

/**
 * The rules that ufw(8) keeps for its user, with these in place of those that are ours; everything else stays as it is, and before
 * ours. Each has a line for ufw and one for iptables-restore(8), as ufw itself writes them.
 *
 * @param text of user.rules, or user6.rules
 * @throws LabError PLAN_IMPOSSIBLE when it is nothing that ufw wrote
 */
export function withOwnRules(text: string, family: Family, rules: readonly UfwRule[]): string {
  const { before, blocks, after } = partsOf(text, family);
  const all = [...blocks.filter((block) => !isOwn(block)), ...rules.map((rule) => blockOf(rule, family))];
  return `${before}${begin}\n${all.map((block) => `\n${block}\n`).join('')}\n${end}${after}`;
}

/** Those that are ours, as they stand there. */
export function ownRulesIn(text: string, family: Family): string {
  return partsOf(text, family).blocks.filter(isOwn).join('\n');
}

/** The lines for iptables-restore(8) of its user, ours and those of others. */
export function userLinesIn(text: string, family: Family): string[] {
  const prefix = new RegExp(`^-A ${chainPrefix[family]}-user-(input|forward|output) `);
  return text.split('\n').filter((line) => prefix.test(line));
}

/** A rule as iptables(8) lists it with -S. */
export function listedAs(
  { route, action, protocol, ports, source, destination, through }: UfwRule,
  family: Family,
): string {
  const prefix = (text: string | null) => (text === everywhere[family] ? null : text);
  const several = /[,:]/.test(ports);
  return [
    `-A ${chainPrefix[family]}-user-${route ? 'forward' : 'input'}`,
    ...option('-s', prefix(source)),
    ...option('-d', prefix(destination)),
    ...option('-i', through),
    ...option('-p', protocol === 'any' ? null : protocol),
    ...(ports === 'any' ? [] : several ? [`-m multiport --dports ${ports}`] : [`-m ${protocol} --dport ${ports}`]),
    `-j ${action === 'allow' ? 'ACCEPT' : 'DROP'}`,
  ].join(' ');
}

function blockOf(rule: UfwRule, family: Family): string {
  return `${tupleOf(rule, family)}\n${lineOf(rule, family)}`;
}

function partsOf(text: string, family: Family) {
  const start = text.indexOf(`${begin}\n`);
  const stop = text.indexOf(end, start);
  // As it is installed, before anybody has added a rule.
  if (start >= 0 && stop < 0 && !text.includes('### tuple ###'))
    return { before: text.slice(0, start), blocks: [], after: text.slice(start + begin.length) };
  if (start < 0 || stop < 0)
    throw new LabError('PLAN_IMPOSSIBLE', `${userRulesFile[family]} is not as ufw writes it`, {
      expected: `the lines "${begin}" and "${end}"`,
      found: text === '' ? 'an empty file' : 'none',
      hint: 'ufw reset writes it anew',
    });
  const blocks = text
    .slice(start + begin.length, stop)
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '');
  return { before: text.slice(0, start), blocks, after: text.slice(stop + end.length) };
}

function isOwn(block: string): boolean {
  const [, hex = ''] = / comment=([0-9a-f]+)$/m.exec(block.split('\n')[0] ?? '') ?? [];
  return Buffer.from(hex, 'hex').toString().startsWith(ownComment);
}

function tupleOf(
  { route, action, protocol, ports, source, destination, through, comment }: UfwRule,
  family: Family,
): string {
  const where = through === null ? 'in' : `in_${through}`;
  const words = [
    `${route ? 'route:' : ''}${action}`,
    protocol,
    ports,
    host(destination, family) ?? everywhere[family],
    'any',
    host(source, family) ?? everywhere[family],
    where,
    `comment=${Buffer.from(comment).toString('hex')}`,
  ];
  return `### tuple ### ${words.join(' ')}`;
}

function lineOf({ route, action, protocol, ports, source, destination, through }: UfwRule, family: Family): string {
  const several = /[,:]/.test(ports);
  const to = option('-d', host(destination, family));
  const words = [
    `-A ${chainPrefix[family]}-user-${route ? 'forward' : 'input'}`,
    ...option('-i', through),
    ...option('-p', protocol === 'any' ? null : protocol),
    ...(several
      ? [`-m multiport --dports ${ports}`, ...to]
      : [...to, ...option('--dport', ports === 'any' ? null : ports)]),
    ...option('-s', host(source, family)),
    `-j ${action === 'allow' ? 'ACCEPT' : 'DROP'}`,
  ];
  return words.join(' ');
}

function option(name: string, value: string | null): string[] {
  return value === null ? [] : [`${name} ${value}`];
}

/** A single address without its length; everywhere is nothing. */
function host(prefix: string | null, family: Family): string | null {
  if (prefix === null || prefix === everywhere[family]) return null;
  return prefix.replace(family === 'ipv4' ? /\/32$/ : /\/128$/, '');
}
