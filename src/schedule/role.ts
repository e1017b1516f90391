import { z } from 'zod';
import { defineRole } from '../playbook/define-role.ts';
import { archive } from '../resources/archive.ts';
import { command } from '../resources/command.ts';
import type { ResourceTree } from '../resources/contract.ts';
import { directory } from '../resources/directory.ts';
import { file } from '../resources/file.ts';
import { packages } from '../resources/package.ts';
import { unit } from '../resources/unit.ts';
import { unitFile } from '../resources/unit-file.ts';
import { user } from '../resources/user.ts';
import type { Secret } from '../shared/secret.ts';
import { type Job, jobsFolder, keyComment, manifestText, placesOf, programsFolder } from './job.ts';
import { jobKey, type KeyRights, restrictedKey } from './job-key.ts';
import { foldersOf, type RepositoryFile } from './repository.ts';
import { notifySections, serviceSections, timerSections } from './units.ts';

/** A job with everything that it takes to the control host. */
export interface Delivery {
  readonly job: Job;
  /** Host that the job logs in to → what its key may do there. */
  readonly rights: ReadonlyMap<string, KeyRights>;
  /** Patterns of sshd(8) that connections of the job come from. */
  readonly from: readonly string[];
  readonly repository: readonly RepositoryFile[];
  readonly lockFile: { readonly path: string; readonly content: string };
  /** Archives on this machine. */
  readonly program: string;
  /** Of the packages that the project depends on; null when it depends on none. */
  readonly modules: string | null;
  /** Node to copy, of this machine, and what it says of its version. */
  readonly node: { readonly file: string; readonly version: string };
  readonly token?: Secret | undefined;
  readonly identity?: Secret | undefined;
  /** Hosts on which the job shall have no key: those that it logged in to before, and the control host → as whom. */
  readonly formerLogins: ReadonlyMap<string, string>;
}

export const roleName = 'scheduled-job';

/** The job on its control host, and its key on the hosts that it logs in to. One host can be both. */
export function jobRole(delivery: Delivery, control: string) {
  const { job, rights, from, formerLogins } = delivery;
  const places = placesOf(job.name);
  const comment = keyComment(job.name, job.control);
  return defineRole({
    name: roleName,
    description: `The scheduled job ${job.name}`,
    params: z.object({}),
    async exports({ host, facts }) {
      const key = host.name === control ? await facts.content(`${places.key}.pub`) : null;
      return key === null ? null : { key: Buffer.from(key).toString().trim() };
    },
    resources({ host, withExports }): ResourceTree {
      const login = job.logins[host.name];
      const granted = rights.get(host.name);
      const former = formerLogins.get(host.name);
      return [
        host.name === control && controlResources(delivery),
        login !== undefined &&
          granted !== undefined &&
          withExports([control], (known) => {
            const sources = host.name === control ? [...from, '127.0.0.1', '::1'] : from;
            const key = restrictedKey(known.get(control)?.key ?? '', sources, granted);
            return key !== undefined && jobKey({ user: login.user, comment, key });
          }),
        former !== undefined && jobKey({ user: former, comment, key: null }),
      ];
    },
  })();
}

function controlResources(delivery: Delivery): ResourceTree {
  const { job } = delivery;
  return [
    job.node.from === 'package' && packages({ names: ['nodejs'] }),
    account(job),
    job.node.from === 'copy' && copiedNode(delivery),
    repository(delivery),
    settings(delivery),
    key(job),
    units(delivery),
  ];
}

function account({ name }: Job): ResourceTree {
  const { user: jobUser, folder, home } = placesOf(name);
  const own = { owner: jobUser, group: jobUser };
  return [
    user({ name: jobUser, system: true, home, shell: '/usr/sbin/nologin', comment: `lab schedule ${name}` }),
    directory({ path: jobsFolder }),
    directory({ path: folder, mode: '0750', group: jobUser }),
    directory({ path: home, mode: '0700', ...own }),
    directory({ path: `${home}/.ssh`, mode: '0700', ...own }),
  ];
}

/** It takes its place only if it runs there: another libc is found out before anything depends on it. */
function copiedNode({ job, node }: Delivery): ResourceTree {
  const { nodeFolder, node: path } = placesOf(job.name);
  const runs = '[ "$("$1" --version)" = "$2" ]';
  return [
    directory({ path: programsFolder }),
    directory({ path: nodeFolder }),
    file({ path, source: node.file, mode: '0755', validate: ['sh', '-c', runs, 'lab', '%s', node.version] }),
  ];
}

function repository({ job, repository: files, lockFile, program, modules }: Delivery): ResourceTree {
  const { user: jobUser, program: programPath, repository: root } = placesOf(job.name);
  // lab replaces the lock file as a whole, for which its folder has to be the job's.
  const lockFolder = lockFile.path.split('/').slice(0, -1).join('/');
  const own = { owner: jobUser, group: jobUser };
  const folders = new Set([...foldersOf(files), ...(lockFolder === '' ? [] : [lockFolder])]);
  return [
    archive({ path: programPath, source: program }),
    directory({ path: root, ...(lockFolder === '' && own) }),
    [...folders].map((path) => directory({ path: `${root}/${path}`, ...(path === lockFolder && own) })),
    files
      .filter(({ path }) => path !== lockFile.path)
      .map(({ path, file: source, executable }) =>
        file({ path: `${root}/${path}`, source, mode: executable ? '0755' : '0644' }),
      ),
    file({ path: `${root}/${lockFile.path}`, content: lockFile.content, mode: '0600', ...own }),
    modules !== null && archive({ path: `${root}/node_modules`, source: modules }),
  ];
}

function settings({ job, token, identity }: Delivery): ResourceTree {
  const places = placesOf(job.name);
  const own = { owner: places.user, group: places.user };
  return [
    // The address to notify can be as good as a password.
    file({ path: places.manifest, content: manifestText(job), mode: '0640', group: places.user, sensitive: true }),
    token !== undefined && file({ path: places.token, content: token, mode: '0600', ...own }),
    identity !== undefined && file({ path: places.identity, content: identity, mode: '0600', ...own }),
  ];
}

function key(job: Job): ResourceTree {
  const { user: jobUser, key: path } = placesOf(job.name);
  const comment = keyComment(job.name, job.control);
  return command({
    argv: ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path],
    creates: path,
    runAs: jobUser,
    revert: ['rm', '-f', '--', path, `${path}.pub`],
  });
}

function units({ job, lockFile }: Delivery): ResourceTree {
  const { service, timer, notifyService, repository: root } = placesOf(job.name);
  const lockFolder = `${root}/${lockFile.path}`.replace(/\/[^/]*$/, '');
  const when = unitFile({ name: timer, sections: timerSections(job) });
  return [
    job.notify !== undefined && unitFile({ name: notifyService, sections: notifySections(job) }),
    unitFile({ name: service, sections: serviceSections(job, lockFolder) }),
    when,
    unit({ name: timer, state: 'running', enabled: true }, { restartOn: [when] }),
    job.notify === undefined && unitFile({ name: notifyService, state: 'absent' }),
  ];
}

/** Takes a job back: units first, so that nothing starts what is half gone. */
export function removalRole(
  job: { readonly name: string; readonly control: string },
  control: string,
  users: ReadonlyMap<string, string>,
) {
  const comment = keyComment(job.name, job.control);
  return defineRole({
    name: roleName,
    description: `Removes the scheduled job ${job.name}`,
    params: z.object({}),
    resources({ host }): ResourceTree {
      const login = users.get(host.name);
      return [
        host.name === control && removal(job.name),
        login !== undefined && jobKey({ user: login, comment, key: null }),
      ];
    },
  })();
}

function removal(name: string): ResourceTree {
  const { timer, service, notifyService, user: jobUser, folder, nodeFolder } = placesOf(name);
  const gone = (path: string) => command({ id: `remove ${path}`, argv: ['rm', '-rf', '--', path], removes: path });
  return [
    unitFile({ name: timer, state: 'absent' }),
    unitFile({ name: service, state: 'absent' }),
    unitFile({ name: notifyService, state: 'absent' }),
    // A unit that failed is remembered by systemd after its file is gone.
    [service, notifyService].map((unit) =>
      command({
        argv: ['systemctl', 'reset-failed', '--', unit],
        unless: ['sh', '-c', '! systemctl is-failed --quiet -- "$1"', 'lab', unit],
      }),
    ),
    // No pre-image of these is kept: among them is a private key.
    gone(folder),
    gone(nodeFolder),
    user({ name: jobUser, state: 'absent' }),
    // Empty when this was the last job.
    [jobsFolder, programsFolder].map((path) =>
      command({
        id: `remove ${path} when it is empty`,
        argv: ['rmdir', '--', path],
        unless: ['sh', '-c', '[ ! -d "$1" ] || [ -n "$(ls -A "$1")" ]', 'lab', path],
      }),
    ),
    // systemd remembers when a persistent timer last ran.
    gone(`/var/lib/systemd/timers/stamp-${timer}`),
  ];
}
