import { command, directory, file, packages, type ResourceTree, timer } from '../../../src/index.ts';

/** Where others look for it, too. */
const settings = '/etc/aide/aide.conf';
const database = '/var/lib/aide/lab.db';

/** aide.conf(5): what packages do not vouch for. Times and inodes say nothing that content, owner and mode do not. */
const configuration = `# Managed by lab (role base).
database_in=file:${database}
database_out=file:${database}.new
gzip_dbout=no
database_attrs=sha256
Content = ftype+p+u+g+l+sha256
/etc Content
/usr/local Content
/var/spool/cron Content
/root/\\.ssh Content
/home/[^/]+/\\.ssh Content
!/etc/mtab$
!/etc/resolv\\.conf$
`;

/** What is new is told once, and is from then on what the next time is held against. AIDE exits with 1 to 7 for changes. */
const update = `aide --config=${settings} --update || [ $? -lt 8 ] || exit; mv -f ${database}.new ${database}`;

/** A week's changes of settings, keys, jobs and own programs in the journal: `journalctl -u lab-file-changes`. */
export function fileChanges(): ResourceTree {
  return [
    packages({ names: ['aide'], recommends: false }),
    directory({ path: '/etc/aide' }),
    file({ path: settings, content: configuration }),
    directory({ path: '/var/lib/aide', mode: '0700' }),
    timer({
      name: 'lab-file-changes',
      description: 'Tells what changed beside packages',
      schedule: 'Sun *-*-* 02:00',
      randomizedDelaySeconds: 3600,
      argv: ['/bin/sh', '-c', update],
      service: { Nice: 19, IOSchedulingClass: 'idle' },
    }),
    command({
      id: 'first record of files',
      argv: ['sh', '-c', `aide --config=${settings} --init >/dev/null && mv -f ${database}.new ${database}`],
      creates: database,
      revert: ['rm', '-f', database],
    }),
  ];
}
