import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import { reveal, type Secret } from '../shared/secret.ts';
import type { Notification, Notifier } from './notification.ts';

/** ntfy takes 4096 bytes as a message, and what is longer as an attachment or not at all. */
const longestBody = 4000;

const pauseMilliseconds = 1000;

/** How urgent each outcome is, in the words of ntfy (https://docs.ntfy.sh/publish/#message-priority). */
const urgency = {
  'as-declared': { priority: 'low', tags: 'white_check_mark' },
  drifted: { priority: 'default', tags: 'warning' },
  unreachable: { priority: 'high', tags: 'rotating_light' },
  failed: { priority: 'high', tags: 'rotating_light' },
  error: { priority: 'high', tags: 'rotating_light' },
  interrupted: { priority: 'default', tags: 'warning' },
} as const;

interface UrlOptions {
  readonly token?: Secret | undefined;
  /** Of each of the two attempts. */
  readonly deadlineSeconds?: number;
  /** The option that asked for it. */
  readonly option?: string;
}

/**
 * An HTTP POST of the text, with the headers `Title`, `Priority` and `Tags` that ntfy reads. Tried twice.
 *
 * @throws LabError USAGE for an address that cannot be used
 */
export function notifyUrl(
  address: string,
  { token, deadlineSeconds = 10, option = '--notify-url' }: UrlOptions = {},
): Notifier {
  const url = parseAddress(address, option);
  return {
    option,
    async send(notification) {
      const request = requestOf(notification, token);
      const first = await post(url, request, deadlineSeconds);
      if (first === undefined) return;
      if (!first.mayPass) throw new Error(first.why);
      await sleep(pauseMilliseconds);
      const second = await post(url, request, deadlineSeconds);
      if (second !== undefined) throw new Error(second.why);
    },
  };
}

/** The address itself is shown nowhere: the path of a webhook is as good as a password. */
function parseAddress(address: string, option: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new LabError('USAGE', `${option} is no address to post to`, { expected: 'http://… or https://…' });
  }
  if (url.username === '' && url.password === '') return url;
  throw new LabError('USAGE', `${option} holds a user name or password, which every user of this machine can see`, {
    hint: 'give a token in a file: --notify-token-file FILE',
  });
}

function requestOf({ title, text, report }: Notification, token: Secret | undefined): RequestInit {
  const { priority, tags } = urgency[report.status];
  return {
    method: 'POST',
    // A redirected POST arrives as a GET without its body.
    redirect: 'manual',
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      Title: headerText(title),
      Priority: priority,
      Tags: tags,
      ...(token && { Authorization: `Bearer ${reveal(token)}` }),
    },
    body: shortened(text),
  };
}

/** A header is ASCII; other text goes as RFC 2047 has it, which ntfy decodes. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
}

/** Whole lines, as many as fit. */
function shortened(text: string): string {
  if (Buffer.byteLength(text) <= longestBody) return text;
  const lines = text.split('\n');
  let kept = '';
  let number = 0;
  for (const line of lines) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(line) > longestBody) break;
    kept += `${line}\n`;
    number++;
  }
  return `${kept}… ${lines.length - number} more lines`;
}

interface Refusal {
  readonly why: string;
  /** Another attempt may do better. */
  readonly mayPass: boolean;
}

/** @returns undefined when it arrived */
async function post(url: URL, request: RequestInit, deadlineSeconds: number): Promise<Refusal | undefined> {
  try {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(deadlineSeconds * 1000) });
    await response.body?.cancel();
    if (response.ok) return undefined;
    const why = `${url.origin} answers ${response.status} ${response.statusText}`.trimEnd();
    return { why, mayPass: response.status >= 500 || response.status === 429 };
  } catch (thrown) {
    return { why: `${url.origin} ${failureOf(thrown as Error, deadlineSeconds)}`, mayPass: true };
  }
}

/** fetch says "fetch failed", and why in its cause. */
function failureOf(error: Error, deadlineSeconds: number): string {
  if (error.name === 'TimeoutError') return `did not answer within ${deadlineSeconds} s`;
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return `cannot be reached: ${cause?.code ?? cause?.message ?? error.message}`;
}
