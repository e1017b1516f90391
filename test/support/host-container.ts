import { GenericContainer, type StartedTestContainer } from 'testcontainers';
import { hostCapabilities, hostStopSignal, tunDevice } from '../../src/sandbox/host-privileges.ts';

export interface ContainerSettings {
  readonly labels: Record<string, string>;
  readonly name: string | undefined;
  readonly hostname: string;
  readonly capabilities: readonly string[];
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly readOnlyMounts: Readonly<Record<string, string>>;
  readonly network: { readonly name: string; readonly address: string } | undefined;
  readonly restart: boolean;
  /** systemd wants its own signal and its own mounts; a host without it does not. */
  readonly systemd: boolean;
}

/**
 * A host as a container. Testcontainers has no builder for devices, the control group namespace and unmasked system
 * paths, so this sets the engine's own options.
 */
export class HostContainer extends GenericContainer {
  constructor(image: string, settings: ContainerSettings) {
    super(image);
    this.createOpts.Labels = { ...settings.labels };
    this.createOpts.Hostname = settings.hostname;
    if (settings.name !== undefined) this.createOpts.name = settings.name;
    if (settings.systemd) this.createOpts.StopSignal = hostStopSignal;
    const { network } = settings;
    if (network !== undefined)
      this.createOpts.NetworkingConfig = {
        EndpointsConfig: { [network.name]: { IPAMConfig: { IPv4Address: network.address } } },
      };
    Object.assign(this.hostConfig, {
      ...(network === undefined ? {} : { NetworkMode: network.name }),
      CapDrop: ['ALL'],
      CapAdd: [...hostCapabilities, ...settings.capabilities],
      CgroupnsMode: 'private',
      SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
      MaskedPaths: [],
      ReadonlyPaths: [],
      Devices: [{ PathOnHost: tunDevice, PathInContainer: tunDevice, CgroupPermissions: 'rwm' }],
      Tmpfs: { ...(settings.systemd ? { '/run': '', '/tmp': '' } : {}), ...settings.tmpfs },
      Binds: Object.entries(settings.readOnlyMounts).map(([inside, outside]) => `${outside}:${inside}:ro`),
      ...(settings.restart ? { RestartPolicy: { Name: 'unless-stopped' } } : {}),
    });
    this.withWaitStrategy(startedIsEnough);
  }
}

/** `startHost` waits for sshd itself, with one `docker exec` that also authorizes the key. */
const startedIsEnough = {
  waitUntilReady: async () => {},
  withStartupTimeout() {
    return this;
  },
  isStartupTimeoutSet: () => false,
  getStartupTimeout: () => 30_000,
};

export type { StartedTestContainer };
