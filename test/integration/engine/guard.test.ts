import { describe, expect, it } from 'vitest';
import { absent } from '../../../src/resources/absent.ts';
import { authorizedKeys } from '../../../src/resources/authorized-keys.ts';
import { command } from '../../../src/resources/command.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { file } from '../../../src/resources/file.ts';
import { unit } from '../../../src/resources/unit.ts';
import { user } from '../../../src/resources/user.ts';
import { expectAtRest, expectTakenBack, lastRunState, logInAnew, stateOf } from '../../support/guarded.ts';
import { type StartedHost, type StartHostOptions, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

const guardSeconds = 8;
/** Where the login must come in time, however busy the machine is. */
const longGuard = 60;

const otherKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ somebody';

/** Before the run: a firewall that lets SSH in. */
const firewallInUse = `
cat >/etc/nftables.conf <<'RULES'
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    tcp dport 22 accept
  }
}
RULES
systemctl enable --now nftables`;

function firewall(rules: string): ResourceTree {
  const content = `flush ruleset\ntable inet filter {\n  chain input {\n    type filter hook input priority 0;\n${rules}  }\n}\n`;
  const conf = file({ path: '/etc/nftables.conf', content, mode: '0755' });
  return [conf, unit({ name: 'nftables', state: 'running', enabled: true }, { reloadOn: [conf] })];
}

function sshd(content: string): ResourceTree {
  const conf = file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content });
  return [conf, unit({ name: 'ssh', state: 'running' }, { restartOn: [conf] })];
}

/** A way to lose a host: what is declared, on what host. */
interface Vector {
  readonly host?: StartHostOptions;
  readonly before?: string;
  readonly resources: (host: StartedHost) => ResourceTree;
}

const admin: StartHostOptions = { user: { name: 'ada', sudo: 'free' } };
const gatewayOf = (host: StartedHost) => host.address.replace(/\d+$/, '1');

const vectors: Readonly<Record<string, Vector>> = {
  'a firewall that drops everything': {
    before: firewallInUse,
    resources: () => firewall('    drop\n'),
  },
  'a firewall that rejects new logins only': {
    resources: () => firewall('    ct state established accept\n    tcp dport 22 reject with tcp reset\n'),
  },
  'sshd on another port than the inventory says': { resources: () => sshd('Port 2222\n') },
  'AllowUsers without the login': { resources: () => sshd('AllowUsers nobody\n') },
  'sshd stopped and disabled': { resources: () => unit({ name: 'ssh', state: 'stopped', enabled: false }) },
  'a file that keeps sshd from starting': {
    resources: () => {
      const switchOff = file({ path: '/etc/ssh/sshd_not_to_be_run', content: '' });
      return [switchOff, unit({ name: 'ssh' }, { restartOn: [switchOff] })];
    },
  },
  'tcp wrappers that deny sshd': { resources: () => file({ path: '/etc/hosts.deny', content: 'sshd: ALL\n' }) },
  'a PAM stack that lets nobody in': {
    host: admin,
    resources: () => file({ path: '/etc/pam.d/sshd', content: 'account required pam_deny.so\n' }),
  },
  "the login's key removed": {
    resources: () => authorizedKeys({ user: 'root', keys: [otherKey], exclusive: true }),
  },
  'sudo removed from the login': { host: admin, resources: () => absent({ path: '/etc/sudoers.d/test-user' }) },
  "the login's shell set to nologin": {
    host: admin,
    resources: () => user({ name: 'ada', shell: '/usr/sbin/nologin' }),
  },
  'a policy route into nothing': {
    resources: (host) =>
      command({
        argv: ['sh', '-c', 'ip rule add to "$1" blackhole priority 10', 'route', gatewayOf(host)],
        revert: ['sh', '-c', 'ip rule del priority 10 2>/dev/null; :'],
        unless: ['sh', '-c', 'ip rule | grep -q ^10:'],
        risk: 'connectivity',
      }),
  },
};

describe.concurrent('what locks the controller out is taken back', { timeout: 90_000 }, () => {
  for (const [name, vector] of Object.entries(vectors)) {
    it(name, async () => {
      await using host = await startHost(vector.host);
      if (vector.before !== undefined) await host.sh(vector.before);
      const before = await stateOf(host);
      const outcome = await runOn(host, () => vector.resources(host), { guardSeconds });
      await expectTakenBack(host, before, outcome);
    });
  }
});

describe.concurrent('a step that fails takes the whole of the guarded stage with it', { timeout: 90_000 }, () => {
  it('a syntax error in the configuration of sshd, which then does not start', async () => {
    await using host = await startHost();
    const before = await stateOf(host);
    const outcome = await runOn(host, () => sshd('Prot 22\n'), { guardSeconds: longGuard });
    await logInAnew(host);
    expect(outcome.finished).toMatchObject({ status: 'failed', failure: { code: 'STEP_FAILED' } });
    expect(outcome.result.exitCode).toBe(1);
    expect(await lastRunState(host)).toBe('failed');
    await expectAtRest(host);
    expect(await stateOf(host)).toBe(before);
  });

  it('the removal of the user who is logged in, which the host refuses', async () => {
    await using host = await startHost(admin);
    const before = await stateOf(host);
    const resources = () => user({ name: 'ada', state: 'absent', removeHome: true });
    const outcome = await runOn(host, resources, { guardSeconds: longGuard });
    await logInAnew(host);
    expect(outcome.finished.failure).toMatchObject({ code: 'STEP_FAILED', output: expect.stringContaining('used by') });
    expect(outcome.result.exitCode).toBe(1);
    await expectAtRest(host);
    expect(await stateOf(host)).toBe(before);
  });
});

describe('a guarded stage right after another', { timeout: 120_000 }, () => {
  it('has a guardian of its own', async () => {
    await using host = await startHost();
    // A guardian that looks every three seconds is still there when the next stage begins.
    const slowGuardian = `printf '#!/bin/sh\\n[ "$1" != 1 ] || set -- 3\\nexec /usr/bin/sleep "$@"\\n' >/usr/local/bin/sleep
chmod +x /usr/local/bin/sleep`;
    const rules = (rest: string) =>
      `flush ruleset\ntable inet filter {\n  chain input {\n    type filter hook input priority 0;\n${rest}  }\n}\n`;
    const write = (content: string) => `cat >/etc/nftables.conf <<'RULES'\n${content}RULES\n`;
    // What was there before the first run, and comes back with the pruning, drops everything.
    await host.sh(`${write(rules(''))}systemctl enable --now nftables\n${write(rules('    drop\n'))}`);
    await runOn(host, () => firewall('    tcp dport 22 accept\n'), { guardSeconds: longGuard });
    await host.sh(slowGuardian);
    const before = await stateOf(host);
    const other = () => file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content: 'LogLevel VERBOSE\n' });
    // Long enough for the login that confirms the first stage, as nobody confirms the second.
    const outcome = await runOn(host, other, { guardSeconds: 20, prune: true, unforeseen: true });
    expect(outcome.finished.failure).toMatchObject({ code: 'GUARD_REVERTED' });
    await logInAnew(host);
    await host.sh('rm /etc/ssh/sshd_config.d/10-lab.conf');
    await expectAtRest(host);
    expect(await stateOf(host)).toBe(before);
  });
});
