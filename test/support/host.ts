import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type DockerResult, tryCommand } from '../../src/sandbox/docker.ts';
import { knownHostsLines, parsePublicKeys } from '../../src/sandbox/host-key-lines.ts';
import { ensureKeyPair, type KeyPair } from '../../src/sandbox/key-pair.ts';
import type { ConnectionSettings, HostKey } from '../../src/transport/contract.ts';
import { type HostVariant, testImage } from './images.ts';
import { wayInto } from './inside.ts';
import { ownerOfThisProcess, testLabel } from './sweep.ts';

export interface StartHostOptions {
  /** `debian` (default): systemd, dash, apt. `busybox`: nothing but a static busybox and sshd. */
  readonly variant?: HostVariant;
  /** Debian packages to have from the start; the image with them is kept for the next time. */
  readonly packages?: readonly string[];
  /** Capabilities beyond those of a sandbox host, e.g. `LINUX_IMMUTABLE` for `chattr +i`. */
  readonly capabilities?: readonly string[];
  /** Path in the host → options, e.g. `{ '/srv': 'size=1m' }` for a disk that fills up. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /** Path in the host → path on this machine, mounted read-only. */
  readonly readOnlyMounts?: Readonly<Record<string, string>>;
  /** A user to log in as, who gets the same key. Default: none but root. */
  readonly user?: { readonly name: string; readonly password?: string; readonly sudo?: 'none' | 'password' | 'free' };
  /** Password of root, and logging in with it. Default: keys only. */
  readonly rootPassword?: string;
  /** A network of the engine, and the address there, which the host keeps when it is started again. Default: the bridge of all. */
  readonly network?: { readonly name: string; readonly address: string };
  /** Starts again after `reboot` inside. Default false. */
  readonly restart?: boolean;
  readonly hostname?: string;
  /** Name of the container. Default: a random one. */
  readonly name?: string;
  /** An image made from such a host, `docker commit`, instead of the variant's own. */
  readonly image?: string;
}

/** A running host; `await using` removes it. */
export interface StartedHost extends AsyncDisposable {
  /** Id of the container. */
  readonly container: string;
  readonly address: string;
  readonly port: 22;
  readonly identityFile: string;
  /** Line for `authorized_keys`. */
  readonly publicKey: string;
  readonly hostKeys: readonly HostKey[];
  readonly knownHostsFile: string;
  /** To log in over ssh2 as root, or as the user that was asked for (`become: 'sudo'` unless it may not). */
  readonly connection: ConnectionSettings;
  /** Runs a command past SSH, as root: an independent look at the host. */
  exec(argv: readonly string[], input?: string): Promise<DockerResult>;
  /** `sh -c script`; throws when it fails; gives its output. */
  sh(script: string): Promise<string>;
  /** After `reboot` inside: waits until the host has started once more and sshd answers; the address may be another. */
  waitUntilBack(): Promise<StartedHost>;
  /** Takes the power away and gives it back: every process dies at once, and the host boots. The address may be another. */
  powerCycle(): Promise<StartedHost>;
  /** The same after an orderly shutdown. */
  reboot(): Promise<StartedHost>;
  remove(): Promise<void>;
}

/**
 * Boots a host as a container, with systemd and sshd answering, in two to four seconds.
 *
 * @example
 * await using host = await startHost();
 * await host.sh('systemctl is-system-running');
 */
export async function startHost(options: StartHostOptions = {}): Promise<StartedHost> {
  const variant = options.variant ?? 'debian';
  const image = options.image ?? (await testImage(variant, options.packages ?? []));
  // The library is heavy, and its reaper's image cannot be pulled everywhere: sweep.ts does that work.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  const { HostContainer } = await import('./host-container.ts');
  const started = await new HostContainer(image, {
    labels: { [testLabel]: ownerOfThisProcess() },
    name: options.name,
    hostname: options.hostname ?? 'testhost',
    capabilities: options.capabilities ?? [],
    tmpfs: options.tmpfs ?? {},
    readOnlyMounts: options.readOnlyMounts ?? {},
    network: options.network,
    restart: options.restart ?? false,
    systemd: variant === 'debian',
  }).start();
  return await describe(started.getId(), options, ownKeyPair());
}

async function describe(container: string, options: StartHostOptions, keyPair: KeyPair): Promise<StartedHost> {
  const exec = async (argv: readonly string[], input?: string) =>
    await tryCommand([...(await wayInto(container)), ...argv], input);
  const sh = async (script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await exec(['sh', '-c', script]);
    if (exitCode !== 0) throw new Error(`exit code ${exitCode} from the host's shell: ${script}\n${stdout}${stderr}`);
    return stdout;
  };
  const remove = async () => {
    await tryCommand(['docker', 'rm', '--force', '--volumes', container]);
  };
  const bootAfter = async (end: 'kill' | 'stop') => {
    for (const verb of [end, 'start']) {
      const { exitCode, stderr } = await tryCommand(['docker', verb, container]);
      if (exitCode !== 0) throw new Error(`docker ${verb}: ${stderr}`);
    }
    return await describe(container, options, keyPair);
  };
  try {
    const hostKeys = parsePublicKeys(await sh(provisioning(options, keyPair.publicKey)));
    const { address, starts } = await inspect(container);
    const knownHostsFile = join(ownDirectory(), `known_hosts_${container.slice(0, 12)}`);
    writeFileSync(knownHostsFile, knownHostsLines([address], hostKeys));
    return {
      container,
      address,
      port: 22,
      ...keyPair,
      hostKeys,
      knownHostsFile,
      connection: {
        transport: 'ssh',
        address,
        port: 22,
        user: options.user?.name ?? 'root',
        identityFile: keyPair.identityFile,
        become: options.user === undefined || options.user.sudo === 'none' ? 'none' : 'sudo',
      },
      exec,
      sh,
      waitUntilBack: async () => {
        const deadline = Date.now() + 30_000;
        for (;;) {
          const now = await inspect(container);
          if (now.starts > starts && now.running) return await describe(container, options, keyPair);
          if (Date.now() > deadline) throw new Error('the host did not start again within 30 seconds');
          await setTimeout(100);
        }
      },
      powerCycle: () => bootAfter('kill'),
      reboot: () => bootAfter('stop'),
      remove,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    const { stdout, stderr } = await tryCommand(['docker', 'logs', '--tail', '20', container]);
    await remove();
    throw new Error(`the host did not come up: ${String(error)}\n${stdout}${stderr}`, { cause: error });
  }
}

/** Authorizes the key, waits for sshd's port and for the end of booting, and prints the host keys. */
function provisioning(options: StartHostOptions, publicKey: string): string {
  const { user, rootPassword } = options;
  const lines = [
    'set -eu',
    `authorize() { mkdir -p "$1/.ssh"; printf '%s\\n' ${word(publicKey)} >"$1/.ssh/authorized_keys"; chmod 700 "$1/.ssh"; chmod 600 "$1/.ssh/authorized_keys"; }`,
    'authorize /root',
  ];
  if (rootPassword !== undefined) {
    lines.push(`printf 'root:%s\\n' ${word(rootPassword)} | chpasswd`);
    lines.push(`mkdir -p /etc/ssh/sshd_config.d && echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/00-test.conf`);
  }
  if (user !== undefined) {
    const name = word(user.name);
    lines.push(
      `id ${name} >/dev/null 2>&1 || if command -v useradd >/dev/null; then useradd --create-home --shell /bin/sh ${name}; else adduser -D ${name}; fi`,
      `authorize /home/${name}; chown -R ${name}: /home/${name}`,
    );
    if (user.password !== undefined) lines.push(`printf '%s:%s\\n' ${name} ${word(user.password)} | chpasswd`);
    if (user.sudo !== undefined && user.sudo !== 'none') {
      lines.push(
        `echo ${name} 'ALL=(ALL:ALL)${user.sudo === 'free' ? ' NOPASSWD:' : ''} ALL' >/etc/sudoers.d/test-user`,
        'chmod 440 /etc/sudoers.d/test-user',
      );
    }
  }
  lines.push(
    // 0016 is port 22, 0A the state LISTEN (proc(5), /proc/net/tcp).
    `tries=0; until grep -q ':0016 .* 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null; do tries=$((tries + 1)); [ "$tries" -lt 300 ] || { echo 'sshd does not listen' >&2; exit 1; }; sleep 0.1; done`,
    // A host that is still booting holds back whoever logs in (pam_nologin) and has units still to start.
    'if [ -d /run/systemd/system ]; then systemctl is-system-running --wait >/dev/null || systemctl is-system-running | grep -qx degraded; fi',
    'cat /etc/ssh/ssh_host_*.pub',
  );
  return lines.join('\n');
}

async function inspect(container: string): Promise<{ address: string; starts: number; running: boolean }> {
  const format = '{{.RestartCount}} {{.State.Status}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  const { stdout } = await tryCommand(['docker', 'inspect', '--format', format, container]);
  const [starts, status, address] = stdout.trim().split(' ');
  return { address: address ?? '', starts: Number(starts), running: status === 'running' && address !== undefined };
}

/** One word of `sh`; the tests' own quoting, so that a mistake in the product's does not hide itself here. */
function word(value: string): string {
  return `'${value.split("'").join(`'"'"'`)}'`;
}

let directory: string | undefined;

function ownDirectory(): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'labwright-test-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  return directory;
}

/** One key pair for all hosts of a process. */
function ownKeyPair(): KeyPair {
  return ensureKeyPair(ownDirectory());
}
