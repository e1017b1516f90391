import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../support/host.ts';
import { HostNetwork } from '../support/host-network.ts';
import { readPage, root } from '../support/markdown.ts';
import { minimalDebian } from '../support/minimal-debian.ts';

// The first ten minutes of the README, command by command, as somebody does them who has nothing but Node, ssh and a key: on a
// machine without this repository, with the packed package, for two bare hosts.

vi.setConfig({ testTimeout: 1_800_000 });

const heading = '## The first ten minutes with your own hosts';
const commands = commandsUnder(heading);

const folder = mkdtempSync(join(tmpdir(), 'first-ten-minutes-'));
let network: HostNetwork;
let packed: string;
beforeAll(async () => {
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root, stdio: 'pipe' });
  packed = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'no tarball');
  network = await HostNetwork.create();
}, 120_000);
afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ['a server that lets root in', false],
  ['a server fresh from its provider', true],
])('%s, and a machine at home', (_, fresh) => {
  let me: StartedHost;
  let vps: StartedHost;
  let nas: StartedHost;
  beforeAll(async () => {
    // The upper half of the network is the home; the lower one is the internet, with the machine at which one types.
    [vps, nas, me] = await Promise.all([
      startHost({ hostname: 'vps', network: network.place(10), restart: true }),
      startHost({ hostname: 'nas', network: network.place(130) }),
      startHost({
        hostname: 'laptop',
        network: network.place(20),
        image: await minimalDebian('bookworm'),
        readOnlyMounts: nodeOfThisMachine(packed),
      }),
    ]);
    await Promise.all([settle(me), behindRouter(nas, vps, network.place(60).address)]);
  }, 600_000);
  afterAll(() => Promise.all([me, vps, nas].map((host) => host?.remove())));

  it('are in one tunnel by the commands of the README alone', async () => {
    const began = Date.now();
    const say = (command: string) => said(me, command, { vps, nas });
    const take = async (...names: readonly string[]) => {
      const outcomes: string[] = [];
      for (const command of commands.filter((line) => names.some((name) => line.includes(name)))) {
        const start = Date.now();
        const { exitCode, output } = await say(command);
        console.log(`${Math.round((Date.now() - start) / 1000)} s  ${command}`);
        // A check that finds changes says so by its exit code (docs/cli.md).
        expect(exitCode, `${command}${output.slice(-4000)}`).toBe(command.includes('--check') ? 2 : 0);
        outcomes.push(output);
      }
      return outcomes;
    };

    await take('npm init', 'lab init');
    await me.sh(
      `sed -i ${substitutions(vps, nas)
        .map(([from, to]) => `-e 's#${from}#${to}#g'`)
        .join(' ')} /home/ada/homelab/inventory/index.ts`,
    );
    if (fresh) {
      await me.sh("sed -i '/^    vps: /d' /home/ada/homelab/inventory/index.ts");
      const [made = ''] = await take('lab bootstrap');
      expect(made.match(/✔ vps has never been seen/g)).toHaveLength(1);
    }
    await take('lab doctor', 'run site.ts --check');
    const runs = await take('run site.ts\n');
    expect(runs.at(-1)).toMatch(/\b0 changed/);
    const [status, ping] = await take('status wireguard', 'ping');
    expect(status).toMatch(/(vps – nas|nas – vps)\s+up/);
    expect(ping).toContain(' 0% packet loss');
    console.log(`two hosts in one tunnel after ${Math.round((Date.now() - began) / 1000)} s`);

    const ends = [
      [nas, '10.80.0.2'],
      [vps, '10.80.0.1'],
    ] as const;
    for (const [host, other] of ends) {
      expect(await host.sh('wg show wg0 latest-handshakes')).toMatch(/\t[1-9]\d+\n$/);
      expect(await host.sh(`ip route get ${other}`)).toContain('dev wg0');
      expect(await host.sh(`ping -c 3 -W 5 ${other}`)).toContain(' 0% packet loss');
    }
    expect((await vps.sh('wg show wg0 listen-port')).trim()).toBe('51820');

    const [, shown] = await take('lab history', 'rollback wireguard --check');
    expect(shown).toContain('wg0');
    expect(await say('npx lab rollback wireguard')).toMatchObject({ exitCode: 0 });
    for (const [host] of ends) expect((await host.exec(['ip', 'link', 'show', 'wg0'])).exitCode).not.toBe(0);
  });
});

/** The lines of the blocks for a shell in a section of the README, each with its end. */
function commandsUnder(title: string): string[] {
  const page = readPage('README.md');
  const start = page.prose.indexOf(title);
  const end = page.prose.findIndex((line, index) => index > start && line.startsWith('## '));
  const blocks = page.blocks.filter(({ language, line }) => language === 'sh' && line > start && line < end);
  return blocks.flatMap(({ text }) => text.split('\n')).flatMap((line) => (line === '' ? [] : [`${line}\n`]));
}

/** What the README has in place of what a reader puts in. */
function substitutions(vps: StartedHost, nas: StartedHost): [string, string][] {
  const [internet, home] = ['0/25', '128/25'].map((half) => vps.address.replace(/\d+$/, half)) as [string, string];
  return [
    ['203\\.0\\.113\\.10/32', internet],
    ['203\\.0\\.113\\.10', vps.address],
    ['192\\.168\\.1\\.0/24', home],
    ['192\\.168\\.1\\.10', nas.address],
  ];
}

/** Node and npm as they are here, and the package; path in the container → path on this machine. */
function nodeOfThisMachine(tarball: string): Record<string, string> {
  const modules = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim();
  const authorities = npmSettings().npm_config_cafile;
  return {
    '/usr/bin/node': process.execPath,
    '/usr/lib/node_modules/npm': join(modules, 'npm'),
    '/labwright.tgz': tarball,
    ...(authorities !== undefined && { [authorities]: authorities }),
  };
}

/** How this machine reaches the registry, as variables: `npm_config_registry` and what belongs to it. */
function npmSettings(): Record<string, string> {
  const settings = ['registry', 'cafile', 'proxy', 'https-proxy'].map((name) => [
    `npm_config_${name.replace('-', '_')}`,
    execFileSync('npm', ['config', 'get', name], { cwd: tmpdir(), encoding: 'utf8' }).trim(),
  ]);
  return Object.fromEntries(settings.filter(([, value]) => value !== '' && value !== 'null'));
}

/** What the home's router does for a machine behind it: the server sees the router's address. */
async function behindRouter(nas: StartedHost, vps: StartedHost, router: string): Promise<void> {
  await nas.sh(`ip address add ${router}/24 dev eth0
nft 'table ip router { chain out { type nat hook postrouting priority srcnat; ip daddr ${vps.address} snat to ${router}; }; }'`);
}

/** A user with a key that both hosts let in, and an empty folder. */
async function settle(me: StartedHost): Promise<void> {
  await me.sh(`ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/bin/npm
ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/bin/npx
useradd --create-home --shell /bin/bash ada
mkdir -m 700 /home/ada/.ssh /home/ada/homelab`);
  const key = readFileSync(me.identityFile, 'utf8');
  await me.exec(['sh', '-c', 'umask 077; cat >/home/ada/.ssh/id_ed25519'], key);
  await me.exec(['sh', '-c', 'cat >/home/ada/.ssh/id_ed25519.pub'], `${me.publicKey}\n`);
  await me.sh('chown -R ada: /home/ada');
}

/** A line of the README, said at a terminal by ada, who agrees to the host keys she is shown. */
async function said(
  me: StartedHost,
  line: string,
  { vps, nas }: { readonly vps: StartedHost; readonly nas: StartedHost },
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const command = substitutions(vps, nas)
    .reduce((text, [from, to]) => text.replace(new RegExp(from, 'g'), to), line.trim())
    .replace('npm install labwright', 'npm install /labwright.tgz');
  const env = Object.entries({
    ...npmSettings(),
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS ?? '',
    TERM: 'xterm',
  });
  const argv = [
    'exec',
    '--interactive',
    '--user=ada',
    '--workdir=/home/ada/homelab',
    ...['HOME=/home/ada', ...env.map(([name, value]) => `${name}=${value}`)].map((one) => `--env=${one}`),
    me.container,
    ...['script', '--quiet', '--return', '--flush', '--command', `stty cols 250 rows 50; ${command}`, '/dev/null'],
  ];
  const child = spawn('docker', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let agreed = 0;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += stripVTControlCharacters(text);
      const answered = [...output.matchAll(/Is that its key\? Yes/g)].length;
      const open = output.slice(output.lastIndexOf('Is that its key? Yes') + 1).includes('(y/N)');
      if (!open || agreed > answered) return;
      agreed++;
      child.stdin.write('y\r');
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ exitCode: code ?? 255, output }));
  });
}
