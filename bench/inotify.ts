import { readFileSync, writeFileSync } from 'node:fs';

const limit = '/proc/sys/fs/inotify/max_user_instances';
/** systemd and sshd in a container take about eight. */
const needed = 8192;
let before: string | undefined;

/** For more than a dozen hosts. */
export function raiseInotifyLimit(): void {
  const now = readFileSync(limit, 'utf8').trim();
  if (Number(now) >= needed) return;
  before = now;
  writeFileSync(limit, String(needed));
}

export function restoreInotifyLimit(): void {
  if (before !== undefined) writeFileSync(limit, before);
  before = undefined;
}
