/**
 * `npm run bench:wireguard`: what a rotation of keys costs those who use the tunnel, beside the naive way (a new key, and a
 * restart), and how long one hub with many peers takes. Options are described in docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { rotateKeys } from '../roles/wireguard/role.ts';
import type { Procedure } from '../src/playbook/procedure.ts';
// jiti gives whoever imports it at the same time a module that is half loaded.
import '../test/support/host-container.ts';
import { Traffic } from '../test/support/traffic.ts';
import { TunnelHosts } from '../test/support/tunnel.ts';
import { raiseInotifyLimit, restoreInotifyLimit } from './inotify.ts';

const { values } = parseArgs({
  options: { peers: { type: 'string', default: '100' }, only: { type: 'string' } },
});

const say = (line: string) => process.stdout.write(`${line}\n`);
const rotate = (tunnel: TunnelHosts<string>, drain: string) =>
  tunnel.proceed((inventory) => rotateKeys({ inventory, maxAge: '0s', drain }) as unknown as Procedure);

if (values.only !== 'peers') await loss();
if (values.only !== 'loss') await peers(Number(values.peers));

/** One host alone first: jiti gives whoever imports a module at the same time one that is half loaded. */
async function loadAll(tunnel: TunnelHosts<string>): Promise<void> {
  await succeeded(tunnel.apply({ only: tunnel.names.slice(0, 1) }));
}

async function succeeded(work: ReturnType<TunnelHosts<string>['apply']>, expected = 0): Promise<void> {
  const { result, finished } = await work;
  if (result.exitCode === expected) return;
  const failures = finished.flatMap(({ host, failure }) =>
    failure === undefined ? [] : `${host}: ${JSON.stringify(failure)}`,
  );
  throw new Error(`exit code ${result.exitCode}, not ${expected}: ${failures.join('\n')}`);
}

/** A packet every 10 ms in both directions on every link, during either way of changing all keys. */
async function loss(): Promise<void> {
  const tunnel = await TunnelHosts.start(['gateway', 'nas', 'node']);
  try {
    await loadAll(tunnel);
    await succeeded(tunnel.apply());
    await tunnel.reachesAll();
    say('100 packets a second in both directions on every link, while all keys change:\n');
    say(`${'way'.padEnd(28)}  sent    lost  longest wait`);
    await measured(tunnel, 'lab run rotate-keys.ts', async () => {
      const { exitCode, text } = await rotate(tunnel, '5s');
      if (exitCode !== 0) throw new Error(text);
    });
    await tunnel.reachesAll();
    await measured(tunnel, 'new key, restart everywhere', () => naively(tunnel));
  } finally {
    await tunnel.remove();
  }
}

async function measured(tunnel: TunnelHosts<string>, way: string, change: () => Promise<void>): Promise<void> {
  const pairs = [
    ['gateway', 'nas'],
    ['nas', 'gateway'],
    ['gateway', 'node'],
    ['node', 'gateway'],
  ] as const;
  const traffic = await Promise.all(
    pairs.map(([from, to]) => Traffic.start(tunnel.hosts[from] as never, tunnel.inside(to))),
  );
  await change();
  await tunnel.reachesAll();
  const outcomes = await Promise.all(traffic.map((each) => each.end()));
  const sum = (of: 'sent' | 'lost') => outcomes.reduce((total, outcome) => total + outcome[of], 0);
  const longest = Math.max(...outcomes.map(({ longestMs }) => longestMs));
  say(
    `${way.padEnd(28)}  ${String(sum('sent')).padEnd(6)}  ${String(sum('lost')).padEnd(4)}  ${Math.round(longest)} ms`,
  );
}

/** As a playbook does it that writes new keys into every configuration and restarts the service. */
async function naively(tunnel: TunnelHosts<string>): Promise<void> {
  const hosts = Object.values(tunnel.hosts);
  const interfaceName = (await (hosts[0]?.sh('wg show interfaces') ?? '')).trim();
  const keys = await Promise.all(
    hosts.map(async (host) => {
      const before = (await host.sh(`wg show ${interfaceName} public-key`)).trim();
      const after = await host.sh(
        `umask 077; wg genkey >/etc/wireguard/${interfaceName}.key && wg pubkey </etc/wireguard/${interfaceName}.key`,
      );
      return { before, after: after.trim() };
    }),
  );
  const edits = keys.map(({ before, after }) => `-e 's#${before}#${after}#'`).join(' ');
  await Promise.all(
    hosts.map((host) =>
      host.sh(`sed -i ${edits} /etc/wireguard/${interfaceName}.conf && systemctl restart wg-quick@${interfaceName}`),
    ),
  );
}

/** One hub with many peers: each step once, with the peak of memory so far. */
async function peers(count: number): Promise<void> {
  const names = ['hub', ...Array.from({ length: count }, (_, index) => `peer${index + 1}`)];
  raiseInotifyLimit();
  say(`\n${count} peers on one hub, all on this machine: booting them`);
  const tunnel = await TunnelHosts.start(names);
  const timed = async (title: string, work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const peak = Math.round(process.resourceUsage().maxRSS / 1024);
    say(`${title.padEnd(34)}  ${seconds.padStart(6)} s  ${peak} MiB at most`);
  };
  try {
    await loadAll(tunnel);
    await timed('plan, nothing there yet', () => succeeded(tunnel.apply({ mode: 'check' }), 2));
    await timed('apply', () => succeeded(tunnel.apply(), 0));
    await timed('plan, as declared', () => succeeded(tunnel.apply({ mode: 'check' }), 0));
    await timed('apply, as declared', () => succeeded(tunnel.apply(), 0));
    await timed('rotation of all keys (drain 5s)', async () => {
      const { exitCode, text } = await rotate(tunnel, '5s');
      if (exitCode !== 0) throw new Error(text);
    });
  } finally {
    await tunnel.remove();
    restoreInotifyLimit();
  }
}
