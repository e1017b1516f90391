import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import type { Connection, ConnectionSettings, HostKey, HostKeyPolicy, Transport } from './contract.ts';
import { Deadline } from './deadline.ts';
import { type Endpoint, formatAddress } from './endpoint.ts';
import { askAboutHostKey, judgeHostKey, type KnownHostKeys, readKnownHostKeys } from './host-keys.ts';
import { parseKnownHosts } from './known-hosts.ts';
import { OpensshConnection } from './openssh-connection.ts';
import { isDropped, isUnknownHostKey, problemOf } from './openssh-errors.ts';
import { type Failed, OpensshMaster } from './openssh-master.ts';
import { resolveEndpoint } from './ssh-config.ts';

/** sshd that sheds load drops at random. */
const dropRetries = 4;

/**
 * The system's own `ssh`, for what ssh2 lacks: certificates, security keys, PKCS#11, GSSAPI, newer algorithms. One master
 * process for each host, in a private directory; every command is a client of it. It never asks: keys with a passphrase
 * belong into an agent.
 */
export const opensshTransport: Transport = {
  async connect(host, settings, { hostKeys, signal }) {
    refusePasswords(host, settings);
    try {
      const endpoint = await resolveEndpoint({ ...settings, name: host });
      using deadline = new Deadline(endpoint.connectTimeoutSeconds, signal);
      const known = await readKnownHostKeys(endpoint, hostKeys);
      const master = await OpensshMaster.create(endpoint, settings, known);
      try {
        return await connectMaster(host, master, { endpoint, known, hostKeys, deadline });
      } catch (error) {
        await master.dispose();
        throw error;
      }
    } catch (error) {
      throw error instanceof LabError ? error.with({ host }) : error;
    }
  },
};

interface Attempt {
  readonly endpoint: Endpoint;
  readonly known: KnownHostKeys;
  readonly hostKeys: HostKeyPolicy;
  readonly deadline: Deadline;
}

async function connectMaster(host: string, master: OpensshMaster, attempt: Attempt): Promise<Connection> {
  const { endpoint, hostKeys, deadline } = attempt;
  let { known } = attempt;
  let asked = false;
  for (let drops = 0; ; ) {
    const failed = await master.start(deadline.signal);
    if (failed === undefined) {
      if (master.presented !== undefined) await hostKeys.loggedIn?.(host, master.presented, endpoint.address);
      return new OpensshConnection(host, endpoint, master);
    }
    if (deadline.signal.aborted) throw deadline.timedOut ? tooSlow(endpoint, deadline, failed) : deadline.signal.reason;
    if (isUnknownHostKey(failed.stderr) && !asked) {
      asked = true;
      const key = await meet(master, attempt);
      known = { ...known, pinned: [key] };
    } else if (isDropped(failed.stderr) && drops < dropRetries) {
      await delay((0.5 + Math.random()) * 150 * 2 ** drops++, undefined, { signal: deadline.signal });
    } else {
      const verdict = master.presented && judgeHostKey(endpoint, known, master.presented);
      throw verdict instanceof LabError ? verdict : problemOf(endpoint, known, failed.stderr);
    }
  }
}

/** First contact: fetches the key without logging in, and asks about it; gives the key that was accepted. */
async function meet(master: OpensshMaster, { endpoint, known, hostKeys, deadline }: Attempt): Promise<HostKey> {
  const line = endpoint.refuseUnknownKeys ? '' : await master.fetchHostKey(deadline.signal);
  const key = parseKnownHosts(line, '')[0]?.key;
  if (key === undefined) {
    throw new LabError('HOST_KEY_UNKNOWN', `the host key of ${formatAddress(endpoint)} is not known`, {
      expected: 'a key pinned in the lock file or in known_hosts',
      hint: 'log in once with ssh and compare the fingerprint',
    });
  }
  const verdict = judgeHostKey(endpoint, known, key);
  if (verdict instanceof LabError) throw verdict;
  await deadline.pausedFor(() => askAboutHostKey(endpoint, known, key, hostKeys));
  await master.trust(endpoint, key);
  return key;
}

function tooSlow(endpoint: Endpoint, { seconds }: Deadline, { stderr }: Failed): LabError {
  return new LabError('UNREACHABLE', `${formatAddress(endpoint)} does not let lab in within ${seconds} s`, {
    output: stderr,
    hint: 'is the host switched on, and does a firewall drop the packets? A security key may wait to be touched',
  });
}

function refusePasswords(host: string, { password, passphrase }: ConnectionSettings): void {
  if (password === undefined && passphrase === undefined) return;
  throw new LabError('SSH_CONFIG', 'the openssh transport takes neither password nor passphrase', {
    host,
    expected: 'keys without a passphrase, or held by an agent',
    hint: 'unlock the key with ssh-add, or use "transport: ssh"',
  });
}
