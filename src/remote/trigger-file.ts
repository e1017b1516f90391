import { createHash } from 'node:crypto';

/** Name of the file on a host that remembers a trigger, `restart unit:nginx.service`; its content is the key itself. */
export function triggerFile(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}
