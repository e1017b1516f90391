import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LockFile, lockFilePath } from '../../model/lock-file.ts';
import type { Inventory } from '../../model/types.ts';
import { isEncrypted } from '../../secrets/age.ts';
import { readIdentities } from '../../secrets/identity.ts';
import { secretsPaths } from '../../secrets/paths.ts';
import { asLabError } from '../../shared/errors.ts';
import { packageRoot, packageVersion } from '../../shared/own-package.ts';
import { quote } from '../../shared/quote.ts';
import { bad, type Finding, good, warning } from './finding.ts';
import { packageOf } from './programs.ts';

/** What is in a project folder, whether its inventory can be loaded or not. */
export async function folderFindings(root: string): Promise<Finding[]> {
  return [...(await identityFindings(root)), ...typeFindings(root), ...(await gitFindings(root))];
}

/** An age identity is needed where there are secrets. */
async function identityFindings(root: string): Promise<Finding[]> {
  if (!existsSync(secretsPaths(root).file)) return [];
  try {
    // A protected one is for a person at a terminal to open: that it is there is enough.
    await readIdentities({ askPassphrase: () => Promise.reject(new Protected()) });
    return [good('identity', 'an age identity for the secrets')];
  } catch (thrown) {
    if (thrown instanceof Protected) return [good('identity', 'an age identity for the secrets, with a passphrase')];
    const { message, details } = asLabError(thrown);
    const id = /others/.test(message)
      ? 'identity-readable'
      : /no age identity to open/.test(message)
        ? 'identity-missing'
        : 'identity-unreadable';
    const where = details.at === undefined ? '' : `: ${details.at.file}`;
    return [
      bad(
        id,
        `${message}${where}`,
        'what is in inventory/secrets.yml.age cannot be opened without it',
        details.hint ?? 'restore the file from a backup; lab secrets init makes a new one',
      ),
    ];
  }
}

class Protected extends Error {}

/** Whether an editor and the compiler find the types, and those of the version that runs. */
function typeFindings(root: string): Finding[] {
  const hasTypes = ['inventory', 'playbooks', 'roles'].some((folder) => holdsTypeScript(join(root, folder)));
  if (!hasTypes || realpathSync(root) === realpathSync(packageRoot)) return [];
  const findings: Finding[] = [];
  const installed = nearestInstalled(root);
  if (installed === undefined)
    findings.push(
      warning(
        'package-missing',
        `labwright is not installed in ${root}`,
        'an editor finds no types, and npx takes whatever version there is',
        `cd ${quote(root)} && npm install`,
      ),
    );
  else if (installed.version !== packageVersion())
    findings.push(
      warning(
        'version-differs',
        `the project has labwright ${installed.version}, and ${packageVersion()} runs`,
        'the types that an editor shows are those of the other version',
        `call it as npx lab there, or: cd ${quote(root)} && npm install labwright@${packageVersion()}`,
      ),
    );
  if (!existsSync(join(root, 'tsconfig.json')))
    findings.push(
      warning(
        'no-tsconfig',
        `there is no tsconfig.json in ${root}`,
        'an editor checks less than lab does before a run',
        'lab init in an empty folder writes one to copy',
      ),
    );
  return findings;
}

function nearestInstalled(root: string): ReturnType<typeof packageOf> {
  for (let folder = root; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', 'labwright');
    if (existsSync(join(found, 'package.json'))) return packageOf(found);
    if (folder === dirname(folder)) return undefined;
  }
}

function holdsTypeScript(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith('.ts'));
}

const privateKey = '^(AGE-SECRET-KEY-1|-----BEGIN ([A-Z]+ )?PRIVATE KEY-----)';

/** Nothing secret may be in the repository, or get there by accident. */
async function gitFindings(root: string): Promise<Finding[]> {
  const git = (...argv: readonly string[]) => run('git', ['-C', root, ...argv]);
  if ((await git('rev-parse', '--is-inside-work-tree')).code !== 0) return [];
  const findings: Finding[] = [];
  for (const [path, what] of [
    ['.lab/x', 'state of this machine, with keys of the sandbox'],
    ['phone.conf', 'configurations of devices, with private keys'],
  ] as const) {
    if ((await git('check-ignore', '-q', path)).code !== 1) continue;
    const line = path === '.lab/x' ? '.lab/' : '/*.conf';
    findings.push(
      warning(
        'git-not-ignored',
        `git does not ignore ${line}`,
        `that is ${what}: the next "git add" takes it along`,
        `echo '${line}' >> ${quote(join(root, '.gitignore'))}`,
      ),
    );
  }
  const tracked = await git('grep', '--cached', '-I', '-l', '-E', '-e', privateKey);
  for (const file of tracked.stdout.split('\n').filter((line) => line !== ''))
    findings.push(
      bad(
        'git-secret',
        `${file} is in the repository, and holds a private key`,
        'whoever gets a copy of the repository has it',
        `git rm --cached ${quote(file)}, make a new key, and take the old one away wherever it opens something`,
      ),
    );
  const { file } = secretsPaths(root);
  const staged = await git('show', `:./${file.slice(root.length + 1)}`);
  if (staged.code === 0 && !isEncrypted(Buffer.from(staged.stdout)))
    findings.push(
      bad(
        'git-secret',
        `${file} is in the repository, and is not encrypted`,
        'whoever gets a copy of the repository has the secrets',
        'change them, and write them with: lab secrets edit',
      ),
    );
  return findings;
}

/** The lock file beside the inventory: readable, writable, and about the hosts that there are. */
export async function lockFindings(inventory: Inventory, file: string): Promise<Finding[]> {
  const path = lockFilePath(inventory.source?.file ?? file);
  if (!isWritable(path))
    return [
      bad(
        'lock-unwritable',
        `${path} cannot be written`,
        'host keys and assigned addresses are kept there',
        `sudo chown "$(id -un)" ${quote(path)} ${quote(dirname(path))}`,
      ),
    ];
  try {
    const gone = (await LockFile.read(path)).hosts.filter((name) => !inventory.hosts.has(name));
    if (gone.length === 0) return [good('lock', `${path} is readable and writable`)];
    return [
      warning(
        'lock-outdated',
        `${path} still has ${gone.join(', ')}`,
        'the inventory has no such host: when it is a new name of another one, its pinned key is not found',
        'take the entry out of the file, or give it the new name there',
      ),
    ];
  } catch (thrown) {
    const { message, details } = asLabError(thrown);
    return [
      bad(
        'lock-unreadable',
        `${path}: ${message}`,
        'no host is reached without its pinned keys',
        details.hint ?? `git checkout ${quote(path)}`,
      ),
    ];
  }
}

/** The file, and its folder, as it is replaced as a whole. */
function isWritable(path: string): boolean {
  try {
    accessSync(existsSync(dirname(path)) ? dirname(path) : '.', constants.W_OK);
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function run(program: string, argv: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  return new Promise((resolve) => {
    execFile(program, argv, { encoding: 'utf8', maxBuffer: 2 ** 24 }, (error, stdout) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 128, stdout });
    });
  });
}
