import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contestant, type Field, type Kind, type Started, sshOptions } from './contestant.ts';
import * as workload from './workload.ts';

export type Flavour = 'default' | 'tuned' | 'mitogen';

const names = { default: 'ansible', tuned: 'ansible-tuned', mitogen: 'ansible-mitogen' } as const;
/** Where Debian's `ansible-mitogen` puts its strategies. */
const mitogenStrategies = '/usr/lib/python3/dist-packages/ansible_mitogen/plugins/strategy';

type Task = Record<string, unknown>;

/** `ansible.posix` is no part of Debian's ansible-core: keys and sysctl drop-ins are files, with a handler for the latter. */
function tasks(flavour: Flavour): Task[] {
  const copy = (path: string, content: string, more: Task = {}) => ({
    copy: { dest: path, content, mode: '0644', ...more },
  });
  return [
    ...workload.directories.map((path) => ({ file: { path, state: 'directory', mode: '0755' } })),
    { apt: { name: workload.packages, state: 'present' } },
    ...workload.templatedFiles('HOST').map(({ path, mode }, number) =>
      // Mitogen 0.3.3 cannot send the text that a template makes: it gets the finished files.
      flavour === 'mitogen'
        ? { copy: { src: `files/{{ inventory_hostname }}/${number}`, dest: path, mode } }
        : { template: { src: `templates/${number}.j2`, dest: path, mode } },
    ),
    ...workload.lineEdits.map(({ path, match, line }) => ({ lineinfile: { path, regexp: match, line } })),
    ...Object.entries(workload.sysctls).map(([key, value]) => ({
      ...copy(`/etc/sysctl.d/60-bench-${key}.conf`, `${key} = ${value}\n`),
      notify: 'sysctl',
    })),
    ...workload.users.flatMap(({ name, shell, key }) => [
      { user: { name, shell } },
      { file: { path: `/home/${name}/.ssh`, state: 'directory', owner: name, group: name, mode: '0700' } },
      copy(`/home/${name}/.ssh/authorized_keys`, `${key}\n`, { owner: name, group: name, mode: '0600' }),
    ]),
    copy(workload.ruleset.path, workload.ruleset.content, { validate: workload.validateRuleset.join(' ') }),
    copy(`/etc/cron.d/${workload.cronJob.name}`, `${workload.cronJob.schedule} root ${workload.cronJob.command}\n`),
    ...workload.services.map((name) => ({ systemd: { name, state: 'started', enabled: true } })),
  ];
}

function configuration(field: Field, flavour: Flavour): string {
  const tuned = flavour === 'default' ? [] : ['forks = 25'];
  const strategy =
    flavour === 'mitogen' ? [`strategy_plugins = ${mitogenStrategies}`, 'strategy = mitogen_linear'] : [];
  const ssh =
    flavour === 'default'
      ? []
      : [
          'pipelining = True',
          'ssh_args = -o ControlMaster=auto -o ControlPersist=600s -o PreferredAuthentications=publickey',
        ];
  return [
    '[defaults]',
    'inventory = hosts.json',
    'retry_files_enabled = False',
    'interpreter_python = /usr/bin/python3',
    ...tuned,
    ...strategy,
    '[ssh_connection]',
    `ssh_common_args = ${sshOptions(field).join(' ')}`,
    ...ssh,
    '',
  ].join('\n');
}

export function ansible(flavour: Flavour): Contestant {
  return {
    name: names[flavour],
    kinds: ['first', 'converged', 'check'],
    prepare: async (field) => {
      const at = (path: string) => join(field.folder, path);
      mkdirSync(at('templates'), { recursive: true });
      for (const number of workload.templatedFiles('').keys())
        writeFileSync(at(`templates/${number}.j2`), workload.renderFile('{{ inventory_hostname }}', number));
      for (const { name } of field.targets) {
        mkdirSync(at(`files/${name}`), { recursive: true });
        for (const number of workload.templatedFiles('').keys())
          writeFileSync(at(`files/${name}/${number}`), workload.renderFile(name, number));
      }
      const hosts = field.targets.map(({ name, address, port }) => [
        name,
        { ansible_host: address, ansible_port: port, ansible_user: 'root' },
      ]);
      writeFileSync(at('hosts.json'), JSON.stringify({ all: { hosts: Object.fromEntries(hosts) } }));
      const reload = { name: 'sysctl', command: 'sysctl --system' };
      const facts = flavour === 'default' ? {} : { gather_subset: ['!all', 'min'] };
      const play = { hosts: 'all', gather_facts: true, ...facts, tasks: tasks(flavour), handlers: [reload] };
      writeFileSync(at('bench.yml'), JSON.stringify([play], null, 2)); // JSON is YAML
      writeFileSync(at('ansible.cfg'), configuration(field, flavour));
    },
    processes: (field, kind) => [play(field, kind)],
    verify: (kind, [output = '']) => {
      if (/(failed|unreachable)=[1-9]/.test(output)) throw new Error(`ansible failed:\n${output.slice(-4000)}`);
      if (kind !== 'first' && /changed=[1-9]/.test(output))
        throw new Error(`ansible was not converged:\n${output.slice(-4000)}`);
    },
  };
}

/** Control sockets of an earlier run are not used: every run is that of somebody who comes back after a pause. */
function play({ folder }: Field, kind: Kind): Started {
  const sockets = mkdtempSync('/tmp/bench-cp-');
  return {
    argv: ['ansible-playbook', 'bench.yml', ...(kind === 'check' ? ['--check'] : [])],
    cwd: folder,
    env: { ANSIBLE_SSH_CONTROL_PATH_DIR: sockets, ANSIBLE_CONFIG: join(folder, 'ansible.cfg'), ANSIBLE_NOCOLOR: '1' },
  };
}
