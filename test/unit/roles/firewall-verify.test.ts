import { describe, expect, it } from 'vitest';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { judge, type Notes, parseNotes, type SentProbe } from '../../../roles/firewall/verify/judge.ts';
import { areNeighbours, probesOf } from '../../../roles/firewall/verify/probes.ts';
import { portList } from '../../../src/cli/port-list.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Host } from '../../../src/model/types.ts';
import { verdictLines } from '../../../src/report/verdict-table.ts';

const inventory = resolveInventory(
  {
    networks: { public: { prefixes: '198.51.100.0/24', public: true }, home: { prefixes: '10.77.1.0/24' } },
    hosts: {
      vps: { addresses: { public: '198.51.100.10' } },
      nas: { addresses: { home: '10.77.1.10' } },
      node: { addresses: { home: '10.77.1.11' } },
    },
    services: { git: { host: 'nas', port: 2222, mode: 'tcp', public: 'git.example.dev', gateways: 'vps' } },
    flows: [
      { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
      { from: 'node', to: 'nas', ports: '8000-8010', protocol: 'udp', reason: 'backups' },
    ],
  },
  { at: undefined },
);
const policy = policyOf(inventory);

describe('what is tried on a host', () => {
  const ports = (name: string, more: readonly number[] = []) => [
    ...new Set(probesOf(inventory.hosts.get(name) as Host, policy, more).map(({ port }) => port)),
  ];

  it('is the ends of what is declared, their neighbours, what is often open, and what is asked for', () => {
    expect(ports('nas', [4711])).toEqual(expect.arrayContaining([7999, 8000, 8010, 8011, 6379, 4711]));
    expect(ports('nas')).not.toContain(8005);
    expect(ports('vps')).toEqual(expect.arrayContaining([21, 22, 23]));
  });

  it('is tried over both protocols, at every address', () => {
    const probes = probesOf(inventory.hosts.get('nas') as Host, policy, []);
    expect(probes.filter(({ port }) => port === 8000)).toEqual([
      { host: 'nas', destination: '10.77.1.10', protocol: 'tcp', port: 8000 },
      { host: 'nas', destination: '10.77.1.10', protocol: 'udp', port: 8000 },
    ]);
  });

  it('comes from a known source only within a network', () => {
    expect(areNeighbours('10.77.1.11', '10.77.1.10', inventory)).toBe(true);
    expect(areNeighbours('10.77.1.11', '198.51.100.10', inventory)).toBe(false);
  });
});

describe('what a host noted', () => {
  const probe = (port: number, more: Partial<SentProbe> = {}): SentProbe => ({
    from: 'node',
    source: '10.77.1.11',
    host: 'nas',
    destination: '10.77.1.10',
    protocol: 'udp',
    port,
    ...more,
  });
  const notes = (came: readonly string[], entered: readonly string[]): Notes => ({
    came: new Set(came),
    entered: new Set(entered),
    login: null,
    others: [],
  });
  const note = (port: number, source = '10.77.1.11') => `${source} > 10.77.1.10 udp ${port}`;
  const verdict = (probes: readonly SentProbe[], found: Notes) =>
    judge('nas', policy, probes, found, (address) => (address === '10.77.1.11' ? 'node' : address));

  it('is as declared when all with a flow was let in, and nothing else', () => {
    const found = verdict([probe(8000), probe(8011)], notes([note(8000), note(8011)], [note(8000)]));
    expect(found).toEqual({
      host: 'nas',
      declared: { sent: 1, entered: 1 },
      others: { came: 1, entered: 0 },
      findings: [],
      tables: [],
    });
    expect(verdictLines([found]).at(-1)).toBe('as declared');
  });

  it('tells what was let in without a flow, by the source that was seen, whoever sent it', () => {
    const found = verdict([probe(8000, { source: null })], notes([note(8000, '192.0.2.7')], [note(8000, '192.0.2.7')]));
    expect(found.findings).toMatchObject([{ kind: 'open', from: '192.0.2.7', packet: { port: 8000 } }]);
  });

  it('says in one sentence what is the same for many ports', () => {
    const strange = [note(9001), note(9000), note(53)];
    const found = verdict([probe(9001), probe(9000), probe(53)], notes(strange, strange));
    expect(verdictLines([found]).at(-1)).toBe(
      'open: node (10.77.1.11) → nas (10.77.1.10) 53, 9000, 9001/udp are let in without a flow',
    );
  });

  it('tells apart what was blocked there and what never came', () => {
    const found = verdict([probe(8000), probe(8010)], notes([note(8000)], []));
    expect(found.findings.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['blocked', 'backups'],
      ['lost', 'backups'],
    ]);
    expect(verdictLines([found]).slice(-2)).toEqual([
      'blocked: node (10.77.1.11) → nas (10.77.1.10) 8000/udp is not let in, though a flow allows it: backups',
      'lost: node (10.77.1.11) → nas (10.77.1.10) 8010/udp did not come, though a flow allows it: backups',
    ]);
  });

  it('says nothing of a probe whose source may have been translated, nor of what nobody tried', () => {
    const found = verdict([probe(8000, { source: null })], notes([note(9999)], [note(9999)]));
    expect(found).toMatchObject({ declared: { sent: 0 }, others: { came: 0 }, findings: [] });
  });

  it('takes what a gateway passes on for what its flow allows', () => {
    const note = (port: number) => `192.0.2.7 > 198.51.100.10 tcp ${port}`;
    const probes = [2222, 2223].map((port) =>
      probe(port, { host: 'vps', destination: '198.51.100.10', protocol: 'tcp', source: null }),
    );
    const both = new Set([2222, 2223].map(note));
    const found = judge(
      'vps',
      policy,
      probes,
      { came: both, entered: both, login: null, others: [] },
      () => 'somebody',
    );
    expect(found.findings).toMatchObject([{ kind: 'open', packet: { port: 2223 } }]);
  });

  it('is read as nft(8) prints it', () => {
    const text =
      'came 10.77.1.11 . 10.77.1.10 . 17 . 8000\nentered fd80::1 . fd80::10 . 6 . 22\n\nother ip nat\nlogin 192.0.2.7 50000 10.77.1.10 22\n';
    expect(parseNotes(text)).toEqual({
      came: new Set(['10.77.1.11 > 10.77.1.10 udp 8000']),
      entered: new Set(['fd80::1 > fd80::10 tcp 22']),
      login: { from: '192.0.2.7', to: '10.77.1.10' },
      others: ['ip nat'],
    });
  });
});

describe('a list of ports', () => {
  it('has ports and ranges', () => {
    expect(portList('22, 8000-8002')).toEqual([22, 8000, 8001, 8002]);
  });

  it.each(['', '0', '65536', '9-8', 'ssh', '1-65535', '22,,23'])('is refused when it is "%s"', (text) => {
    expect(() => portList(text)).toThrow(/port/i);
  });
});
