import { LabError } from '../shared/errors.ts';
import { unreachable } from './dial.ts';
import { type Endpoint, formatAddress, formatEndpoint } from './endpoint.ts';
import { changedFromKnownHosts, changedFromLock, type KnownHostKeys } from './host-keys.ts';

/** What `ssh` writes to stderr is not translated and has been stable for decades: it is all there is to tell by. */

export function isUnknownHostKey(stderr: string): boolean {
  return /No \S+ host key is known for/.test(stderr) && !isChanged(stderr);
}

/** sshd ended it before its banner: MaxStartups. */
export function isDropped(stderr: string): boolean {
  return /kex_exchange_identification: .*(closed by remote host|reset by peer)|Exceeded MaxStartups/i.test(stderr);
}

function isChanged(stderr: string): boolean {
  return /REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY/.test(stderr);
}

const systemErrors: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/Could not resolve hostname.*Temporary failure/, 'EAI_AGAIN'],
  [/Could not resolve hostname/, 'ENOTFOUND'],
  [/Connection refused/, 'ECONNREFUSED'],
  [/timed out/, 'ETIMEDOUT'],
  [/No route to host/, 'EHOSTUNREACH'],
  [/Network is unreachable/, 'ENETUNREACH'],
];

/** The error for a master process that ended before it was logged in. */
export function problemOf(endpoint: Endpoint, known: KnownHostKeys, stderr: string): LabError {
  if (isChanged(stderr)) {
    const [, type = '', shown = ''] =
      /fingerprint for the (\S+) key sent by the remote host is\s+(\S+?)\.?\s/.exec(stderr) ?? [];
    const found = `${type} ${shown}`.trim();
    return known.pinned.length > 0
      ? changedFromLock(endpoint, known.pinned, found)
      : changedFromKnownHosts(endpoint, known.entries, found);
  }
  if (/Host key verification failed/.test(stderr)) {
    return new LabError('HOST_KEY_UNKNOWN', `a host key on the way to ${formatAddress(endpoint)} is not known`, {
      output: stderr,
      hint: 'log in once with ssh, also to its jump hosts, and compare the fingerprints',
    });
  }
  const denied = /Permission denied \((?<methods>[^)]*)\)/.exec(stderr)?.groups?.methods;
  if (denied !== undefined || /Too many authentication failures/.test(stderr)) {
    return new LabError('AUTH_FAILED', `cannot log in as ${formatEndpoint(endpoint)}`, {
      expected: 'a key or certificate that the host accepts',
      ...(denied === undefined ? {} : { found: `ssh tried its keys; the host accepts: ${denied}` }),
      output: stderr,
      hint: 'see what ssh offers: ssh -v; a key with a passphrase must be in the agent (ssh-add)',
    });
  }
  const code = systemErrors.find(([pattern]) => pattern.test(stderr))?.[1];
  if (code !== undefined) return unreachable(endpoint, code, new Error(stderr.trim()));
  return new LabError('UNREACHABLE', `ssh does not reach ${formatAddress(endpoint)}`, {
    output: stderr,
    hint: 'see more with: ssh -v',
  });
}
