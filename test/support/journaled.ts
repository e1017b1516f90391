import type { StartedHost } from './host.ts';
import type { LabProject } from './lab-project.ts';

/** A playbook of two roles whose contents come from the environment: TEXT, and the secret TOKEN. */
export const twoRoles = `import * as lab from 'labwright';
import inventory from '../inventory/index.ts';

declare const process: { env: Record<string, string | undefined> };

const web = lab.defineRole({
  name: 'web',
  params: lab.z.object({}),
  resources: () => [
    lab.file({ path: '/srv/page', content: \`page \${process.env.TEXT}\\n\`, mode: '0640' }),
    lab.file({ path: '/srv/was-here', content: \`ours \${process.env.TEXT}\\n\` }),
  ],
});
const keys = lab.defineRole({
  name: 'keys',
  params: lab.z.object({}),
  resources: () => [lab.file({ path: '/srv/token', content: lab.secret.fromEnvironment('TOKEN') })],
});

export default lab.definePlaybook({ inventory, keepRuns: 3, plays: [{ name: 'all', hosts: 'all', roles: [web(), keys()] }] });
`;

/** As if no run had ever been here. */
export async function forget(...hosts: readonly StartedHost[]): Promise<void> {
  await Promise.all(
    hosts.map((host) => host.sh("rm -rf /var/lib/lab /srv/* /run/go; printf 'before\\n' >/srv/was-here")),
  );
}

export interface RunRecord {
  readonly run: string;
  readonly state: string;
  readonly mode: string;
  readonly roles: readonly string[];
  readonly undoes: readonly string[];
  readonly damaged: string | null;
  readonly done: number;
}

/** What `lab history` tells of one host. */
export async function runsOf(project: LabProject, host: string): Promise<readonly RunRecord[]> {
  const { stdout } = await project.lab(['history', host, '--output', 'json']);
  return JSON.parse(stdout).hosts[host];
}

/** The name of the last run on a host. */
export async function lastRunOf(project: LabProject, host: string): Promise<string> {
  return (await runsOf(project, host)).at(-1)?.run ?? '';
}
