import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryCommand } from '../../src/sandbox/docker.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { type LabProject, labProject } from '../support/lab-project.ts';
import { minimalDebian } from '../support/minimal-debian.ts';

// The smallest image of each Debian that is supported: no sudo, no firewall, package lists of nobody, updates pending.

const inventory = `networks:
  office:
    prefixes: 172.16.0.0/12
hosts:
  nas:
    address: 192.0.2.20
`;

/** As a person at another machine, by key. A host makes its own host keys anew at the first boot: which they are is not asked here. */
const over = (host: Pick<StartedHost, 'address' | 'identityFile'>, user: string, command: string) =>
  tryCommand([
    ...['ssh', '-F', 'none', '-i', host.identityFile, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
    `${user}@${host.address}`,
    command,
  ]);

describe.each(['bullseye', 'bookworm', 'trixie'])('Debian %s with nothing but sshd', (suite) => {
  let host: StartedHost;
  let project: LabProject;
  beforeAll(async () => {
    host = await startHost({ image: await minimalDebian(suite), restart: true });
    project = labProject({ 'inventory/index.yml': inventory });
  }, 600_000);
  afterAll(async () => {
    project?.remove();
    await host?.remove();
  });
  const bootstrap = () =>
    project.lab([
      'bootstrap',
      `root@${host.address}`,
      '--name',
      'vps1',
      '--admin',
      'ada',
      '--identity',
      host.identityFile,
      '--accept-new-host-key',
    ]);

  it('is a host after one command, and the command says nothing else the second time', async () => {
    expect((await host.exec(['sh', '-c', 'command -v sudo nft'])).stdout).toBe('');
    const { exitCode, stdout, stderr } = await bootstrap();
    expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
    expect((await over(host, 'ada', 'sudo -n id -u')).stdout).toBe('0\n');
    expect((await over(host, 'root', 'true')).exitCode).not.toBe(0);
    expect(await host.sh('apt-get -s full-upgrade | grep -c ^Inst || true')).toBe('0\n');
    expect(await host.sh('nft list table inet lab')).toContain('administration, by key');
    const again = await bootstrap();
    expect({ exitCode: again.exitCode, said: again.stdout }).toMatchObject({
      exitCode: 0,
      said: expect.stringContaining('0 changed'),
    });
  });
});

describe('user-data of --cloud-init', () => {
  let host: StartedHost;
  let project: LabProject;
  beforeAll(async () => {
    host = await startHost({ packages: ['cloud-init', 'locales', 'sudo', 'nftables'], restart: true });
    project = labProject({ 'inventory/index.yml': inventory, 'ada.pub': `${host.publicKey}\n` });
  }, 600_000);
  afterAll(async () => {
    project?.remove();
    await host?.remove();
  });

  it('does at the first boot what bootstrap does, which then has nothing to do but the rest', async () => {
    const { exitCode, stdout, stderr } = await project.lab([
      'bootstrap',
      '--cloud-init',
      '--name',
      'vps1',
      '--admin',
      'ada',
      '--key',
      'ada.pub',
      '--no-upgrade',
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    await host.exec(
      [
        'sh',
        '-c',
        'mkdir -p /var/lib/cloud/seed/nocloud; cd /var/lib/cloud/seed/nocloud; cat >user-data; echo "instance-id: i-1" >meta-data',
      ],
      stdout,
    );
    expect(await host.sh('cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data 2>&1')).toMatch(
      /Valid/i,
    );
    await host.sh(
      'rm -f /root/.ssh/authorized_keys; cloud-init clean; mkdir -p /etc/cloud/cloud.cfg.d; printf "datasource_list: [NoCloud]\\nlocale: false\\n" >/etc/cloud/cloud.cfg.d/90_dpkg.cfg',
    );
    const booted = await host.reboot();
    await host.sh('cloud-init status --wait >/dev/null || { cloud-init status --long; false; }');
    expect((await over(booted, 'ada', 'id -un; sudo -n id -u; uname -n')).stdout).toBe('ada\n0\nvps1\n');
    const methods = { exitCode: 255, stderr: expect.stringMatching(/Permission denied \(publickey\)/) };
    expect(await over(booted, 'root', 'true')).toMatchObject(methods);
    expect(await over(booted, 'nobody', 'true')).toMatchObject(methods);
    expect(await host.sh('passwd --status ada')).toMatch(/^ada L /);
    expect(await host.sh('sshd -T | grep -E "^(permitrootlogin|passwordauthentication) " | sort')).toBe(
      'passwordauthentication no\npermitrootlogin no\n',
    );
    const then = await project.lab([
      'bootstrap',
      `ada@${booted.address}`,
      '--name',
      'vps1',
      '--identity',
      host.identityFile,
      '--accept-new-host-key',
      '--no-upgrade',
    ]);
    expect({ exitCode: then.exitCode, said: then.stdout + then.stderr }).toMatchObject({ exitCode: 0 });
    // Who can come in is as it was; an admin whom the role knows by now.
    expect((await over(booted, 'ada', 'sudo -n cat /etc/sudoers.d/lab-admins')).stdout).toMatch(/^ada /m);
    expect(await over(booted, 'root', 'true')).toMatchObject(methods);
    expect(await host.sh('nft list table inet lab')).toContain('administration, by key');
  });
});
