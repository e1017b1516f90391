import { readdirSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** Keywords that change nothing about how `lab` reaches a host; Debian's own `/etc/ssh/ssh_config` holds only such. */
const irrelevant = new Set([
  'host',
  'sendenv',
  'setenv',
  'hashknownhosts',
  'forwardagent',
  'forwardx11',
  'forwardx11trusted',
  'visualhostkey',
  'controlmaster',
  'controlpath',
  'controlpersist',
]);

/** The account as ssh sees it: from the password database, not from `$HOME`. */
export function account(): { readonly user: string; readonly home: string } {
  try {
    const { username, homedir: home } = userInfo();
    return { user: username, home };
  } catch {
    // A uid without an entry, as in some containers.
    return { user: process.env.USER ?? String(process.getuid?.() ?? ''), home: homedir() };
  }
}

/**
 * Whether any of ssh's own configuration files says something that matters for a connection. In doubt true: then
 * `ssh -G`, which knows, is asked.
 */
export function hasRelevantConfig(
  files: readonly string[] = [join(account().home, '.ssh', 'config'), '/etc/ssh/ssh_config'],
): boolean {
  return files.some(isRelevant);
}

function isRelevant(file: string): boolean {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
  return text.split('\n').some((line) => {
    const match = /^\s*(?<keyword>[A-Za-z0-9]+)(?:\s*=\s*|\s+)"?(?<rest>.*?)"?\s*$/.exec(line);
    if (match?.groups === undefined) return /^\s*[^#\s]/.test(line);
    const keyword = match.groups.keyword?.toLowerCase() ?? '';
    if (keyword === 'include') return includesRelevant(match.groups.rest ?? '', dirname(file));
    return !irrelevant.has(keyword) && !keyword.startsWith('gssapi');
  });
}

/** Only the common form `DIRECTORY/*.conf` is looked into. */
function includesRelevant(pattern: string, directory: string): boolean {
  const suffix = /^(?<path>[^*?[\]~\s]+)\/\*(?<extension>\.[a-z]+)$/.exec(pattern)?.groups;
  if (suffix?.path === undefined || suffix.extension === undefined) return true;
  const path = isAbsolute(suffix.path) ? suffix.path : join(directory, suffix.path);
  try {
    const names = readdirSync(path).filter((name) => name.endsWith(suffix.extension ?? ''));
    return names.some((name) => isRelevant(join(path, name)));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
