import type { riskKinds } from './params.ts';

export type RiskKind = (typeof riskKinds)[number];

/** Something by which a container can get at its host. */
export interface Risk {
  readonly container: string;
  readonly kind: RiskKind;
  /** What it is, for a person: `mounts /run/docker.sock`. */
  readonly detail: string;
}

/** Of what `docker inspect` and `podman inspect` print, that which is judged. */
interface Inspected {
  readonly Name?: string;
  readonly HostConfig?: {
    readonly Privileged?: boolean;
    readonly NetworkMode?: string;
    readonly PidMode?: string;
    readonly IpcMode?: string;
    readonly UsernsMode?: string;
    readonly CapAdd?: readonly string[] | null;
    readonly SecurityOpt?: readonly string[] | null;
    readonly Devices?: readonly { readonly PathOnHost?: string }[] | null;
  };
  readonly Mounts?: readonly { readonly Source?: string; readonly RW?: boolean }[] | null;
}

const sockets = /\/(docker|podman|containerd|crio)\.sock$/;
/** Whoever can write there is root on the host, or soon will be. */
const hostFiles =
  /^\/(|etc|usr|bin|sbin|lib|lib64|boot|root|proc|sys|dev|var|var\/lib|var\/lib\/(docker|containers)|home)$/;

/**
 * What running containers have that leads to their host (CIS Docker Benchmark, 5: container runtime). Pure.
 *
 * @param text the JSON that `docker inspect` prints: an array
 * @throws SyntaxError when it is none
 */
export function risksOf(text: string): readonly Risk[] {
  const all = JSON.parse(text) as readonly Inspected[];
  return all.flatMap(({ Name = '', HostConfig = {}, Mounts }) => {
    const container = Name.replace(/^\//, '');
    const risk = (kind: RiskKind, detail: string): Risk => ({ container, kind, detail });
    const { Privileged, NetworkMode, PidMode, IpcMode, UsernsMode, CapAdd, SecurityOpt, Devices } = HostConfig;
    const mounts = (Mounts ?? []).flatMap(({ Source, RW }) => (Source === undefined ? [] : [{ source: Source, RW }]));
    // Docker adds the label by itself where processes or memory are the host's.
    const ownLabel = PidMode !== 'host' && IpcMode !== 'host';
    const opened = (SecurityOpt ?? []).filter(
      (option) => option.includes('unconfined') || (ownLabel && /^label[=:]disable$/.test(option)),
    );
    return [
      ...(Privileged === true ? [risk('privileged', 'is privileged: it is root on the host')] : []),
      ...(NetworkMode === 'host' ? [risk('host-network', "has the host's network: no firewall lies between")] : []),
      ...(PidMode === 'host' ? [risk('host-pid', "sees the host's processes")] : []),
      ...(IpcMode === 'host' ? [risk('host-ipc', "shares the host's memory segments")] : []),
      ...(UsernsMode === 'host' ? [risk('host-users', "has the host's user ids")] : []),
      ...mounts
        .filter(({ source }) => sockets.test(source))
        .map(({ source }) => risk('engine-socket', `mounts ${source}: it can begin any container`)),
      ...mounts
        .filter(({ source, RW }) => RW !== false && hostFiles.test(source))
        .map(({ source }) => risk('host-files', `can write to ${source} of the host`)),
      ...(CapAdd === null || CapAdd === undefined || CapAdd.length === 0
        ? []
        : [risk('capabilities', `has the capabilities ${CapAdd.map((name) => name.replace(/^CAP_/, '')).join(', ')}`)]),
      ...(opened.length === 0 ? [] : [risk('unconfined', `runs with ${opened.join(', ')}`)]),
      ...(Devices ?? []).flatMap(({ PathOnHost }) =>
        PathOnHost === undefined ? [] : [risk('devices', `has the device ${PathOnHost}`)],
      ),
    ];
  });
}
