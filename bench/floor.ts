import { quoteAll } from '../src/shared/quote.ts';
import { type Contestant, sshOptions } from './contestant.ts';
import * as workload from './workload.ts';

/** What a person would write by hand who knows exactly what to look at: one `ssh host sh -s`, nothing compared. */
export function readingScript(host: string): string {
  const files = [
    ...workload.templatedFiles(host).map(({ path }) => path),
    workload.ruleset.path,
    `/etc/cron.d/${workload.cronJob.name}`,
    ...Object.keys(workload.sysctls).map((key) => `/etc/sysctl.d/60-lab-${key}.conf`),
    ...workload.users.map(({ name }) => `/home/${name}/.ssh/authorized_keys`),
    ...new Set(workload.lineEdits.map(({ path }) => path)),
  ];
  const keys = Object.keys(workload.sysctls).map((key) => `/proc/sys/${key.replaceAll('.', '/')}`);
  return `stat -c '%f %u %g %s %Y %n' ${quoteAll([...files, ...workload.directories])}
sha256sum ${quoteAll(files)}
cat ${quoteAll([...new Set(workload.lineEdits.map(({ path }) => path))])} ${quoteAll(workload.users.map(({ name }) => `/home/${name}/.ssh/authorized_keys`))}
grep -H '' ${quoteAll(keys)}
dpkg-query -W -f='\${Package} \${Version} \${db:Status-Abbrev}\\n' ${quoteAll(workload.packages)}
systemctl show -p LoadState -p ActiveState -p UnitFileState ${quoteAll(workload.services)}
getent passwd ${quoteAll(workload.users.map(({ name }) => name))}
getent group
getent shadow ${quoteAll(workload.users.map(({ name }) => name))}
`;
}

export const floor: Contestant = {
  name: 'floor',
  kinds: ['converged'],
  prepare: async () => {},
  processes: (field) =>
    field.targets.map(({ name, address, port }) => ({
      argv: ['ssh', ...sshOptions(field), '-p', String(port), `root@${address}`, 'sh -s'],
      cwd: field.folder,
      input: readingScript(name),
    })),
  verify: (_, outputs) => {
    for (const output of outputs)
      if (!output.includes('bench-ada')) throw new Error(`the floor did not read:\n${output}`);
  },
};
