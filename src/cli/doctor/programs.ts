import { accessSync, existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { packageRoot, packageVersion } from '../../shared/own-package.ts';
import { agentKeys } from '../../transport/agent.ts';
import { bad, type Finding, good, warning } from './finding.ts';

/** What this machine needs of programs; nothing of a project. */
export async function programFindings(environment: NodeJS.ProcessEnv = process.env): Promise<Finding[]> {
  return [
    nodeFinding(process.versions.node),
    sshFinding(environment),
    await agentFinding(environment.SSH_AUTH_SOCK),
    ...otherPrograms(environment),
  ];
}

/** As package.json has it in `engines`. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return good('node', `Node ${version}`);
  return bad(
    'node-old',
    `Node ${version} is too old`,
    'lab is written for Node 20.19 and newer',
    'install Node 20.19 or newer from https://nodejs.org, or by: nvm install 22',
  );
}

function sshFinding({ PATH = '' }: NodeJS.ProcessEnv): Finding {
  const isThere = PATH.split(delimiter).some((folder) => canRun(join(folder, 'ssh')));
  if (isThere) return good('ssh-client', 'the OpenSSH client is installed: ~/.ssh/config is read');
  return warning(
    'no-ssh-client',
    'no OpenSSH client',
    'without it ~/.ssh/config is not read',
    'apt-get install openssh-client',
  );
}

/** @param socket of the agent, if one is named */
export async function agentFinding(socket: string | undefined): Promise<Finding> {
  if (!socket) return good('agent', 'no SSH agent: keys are read from files');
  const keys = await agentKeys(socket);
  if (keys !== undefined)
    return good('agent', `an SSH agent with ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`);
  return warning(
    'agent-dead',
    `no SSH agent answers at ${socket}`,
    'SSH_AUTH_SOCK names it, and keys with a passphrase come from there',
    'eval "$(ssh-agent)" && ssh-add; or: unset SSH_AUTH_SOCK',
  );
}

/** Other copies of this package that are called by the same name. */
function otherPrograms({ PATH = '' }: NodeJS.ProcessEnv): Finding[] {
  const copies = new Map<string, string>();
  for (const folder of PATH.split(delimiter)) {
    const program = join(folder, 'lab');
    if (!canRun(program)) continue;
    const root = packageOf(realpathSync(program));
    if (root !== undefined && root.folder !== realpathSync(packageRoot)) copies.set(root.folder, root.version);
  }
  const others = [...copies].filter(([, version]) => version !== packageVersion());
  return others.map(([folder, version]) =>
    warning(
      'other-version',
      `"lab" of your PATH is labwright ${version} in ${folder}; this is ${packageVersion()}`,
      'which one runs depends on how it is called',
      'call it as npx lab in the project, or bring both to one version: npm install --global labwright',
    ),
  );
}

/** The package labwright that a file belongs to. */
export function packageOf(file: string): { readonly folder: string; readonly version: string } | undefined {
  for (let folder = file; folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    try {
      const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string; version?: string };
      return name === 'labwright' && version !== undefined ? { folder, version } : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

function canRun(file: string): boolean {
  try {
    accessSync(file, 1);
    return true;
  } catch {
    return false;
  }
}
