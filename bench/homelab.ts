/**
 * `npm run bench:homelab`: from six bare containers to a homelab that answers, with lab and with Ansible roles as people write them
 * (`bench/homelab`), and the run after it that finds nothing to do. Options are described in docs/benchmarks.md.
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type LabProject, labProject } from '../test/support/lab-project.ts';
import { addresses, homelabProblems, internet, sixHosts, sixHostsFiles } from '../test/support/six-hosts.ts';
import { ownSandboxName } from '../test/support/sweep.ts';
import { installAnsible, start } from './processes.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: 'lab,ansible' }, rounds: { type: 'string', default: '1' } },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const sandbox = ownSandboxName();

/** Connections are kept and commands piped, as whoever cares for speed has it. */
const ansibleSettings = `[defaults]
inventory = hosts.json
forks = 25
interpreter_python = /usr/bin/python3
private_key_file = ../.lab/sandbox-${sandbox}/id_ed25519
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600s -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=../known_hosts
`;

interface Contestant {
  readonly name: string;
  /** Seconds of one command. */
  run(kind: 'first' | 'converged'): Promise<number>;
}

/** A repository with a playbook of each kind, and the key that the sandbox lets in. */
const project: LabProject = labProject(sixHostsFiles('standard'));
const all: readonly Contestant[] = [
  { name: 'lab', run: lab },
  { name: 'ansible', run: ansible },
];
const contestants = all.filter(({ name }) => values.only.split(',').includes(name));

try {
  if (contestants.some(({ name }) => name === 'ansible')) await installAnsible(['ansible-core']);
  const seconds = new Map<string, number[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contestant of contestants) {
      await bare();
      for (const kind of ['first', 'converged'] as const) {
        const took = await contestant.run(kind);
        say(`${contestant.name}, ${kind}: ${took.toFixed(1)} s`);
        const key = `${contestant.name} ${kind}`;
        seconds.set(key, [...(seconds.get(key) ?? []), took]);
      }
      const problems = await homelabProblems(sandbox);
      if (problems.length > 0) throw new Error(`${contestant.name} made no such homelab:\n${problems.join('\n')}`);
    }
  }
  say('\nsix bare hosts   first      ratio  nothing to do  ratio');
  const base = { first: median(seconds.get('lab first')), converged: median(seconds.get('lab converged')) };
  for (const { name } of contestants) {
    const [first, converged] = [median(seconds.get(`${name} first`)), median(seconds.get(`${name} converged`))];
    const ratio = (time: number, to: number) => (time / to).toFixed(1).padEnd(5);
    say(
      `${name.padEnd(15)}  ${`${first.toFixed(0)} s`.padEnd(9)}  ${ratio(first, base.first)}  ${`${converged.toFixed(1)} s`.padEnd(13)}  ${ratio(converged, base.converged)}`,
    );
  }
} finally {
  await project.lab(['sandbox', 'down', '--name', sandbox]);
  project.remove();
}

/** Hosts as a provider hands them out. Their images are made, and their keys known, before anybody's time begins. */
async function bare(): Promise<void> {
  await project.lab(['sandbox', 'down', '--name', sandbox]);
  const { exitCode, stdout, stderr } = await project.lab(['sandbox', 'up', '--name', sandbox]);
  if (exitCode !== 0) throw new Error(`${stdout}${stderr}`);
}

async function lab(kind: 'first' | 'converged'): Promise<number> {
  const began = performance.now();
  const { exitCode, stdout, stderr } = await project.lab([
    'run',
    'site.ts',
    '--accept-new-host-keys',
    '--output',
    'plain',
  ]);
  const took = (performance.now() - began) / 1000;
  if (exitCode !== 0 || (kind === 'converged' && !stdout.includes('0 changed')))
    throw new Error(`lab, ${kind}:\n${stdout.slice(-4000)}${stderr}`);
  return took;
}

async function ansible(kind: 'first' | 'converged'): Promise<number> {
  const folder = join(project.root, 'ansible');
  cpSync(fileURLToPath(new URL('homelab', import.meta.url)), folder, { recursive: true });
  writeFileSync(join(folder, 'hosts.json'), JSON.stringify(ansibleInventory(), null, 2)); // JSON is YAML
  writeFileSync(join(folder, 'ansible.cfg'), ansibleSettings);
  const began = performance.now();
  const output = await start({ argv: ['ansible-playbook', 'site.yml'], cwd: folder, env: { ANSIBLE_NOCOLOR: '1' } });
  const took = (performance.now() - began) / 1000;
  if (kind === 'converged' && /changed=[1-9]/.test(output))
    throw new Error(`ansible was not converged:\n${output.slice(-4000)}`);
  return took;
}

function ansibleInventory(): object {
  const hosts = Object.fromEntries(
    sixHosts.map((name) => {
      const { vpn, ...at } = addresses[name];
      const [address] = Object.values(at);
      return [name, { ansible_host: address, ansible_user: 'root', vpn_address: vpn }];
    }),
  );
  const group = (...names: string[]) => ({ hosts: Object.fromEntries(names.map((name) => [name, {}])) });
  return {
    all: {
      hosts,
      vars: { authority: join(project.root, `.lab/sandbox-${sandbox}/authority.pem`), internet },
      children: {
        outside: group('vps', 'backup'),
        resolvers: group('nas', 'node1'),
        services: group('nas', 'node1', 'media', 'node2', 'backup'),
        behind: { ...group('nas', 'node1'), vars: { leaves_by_tunnel: true } },
      },
    },
  };
}

function median(numbers: readonly number[] = []): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
