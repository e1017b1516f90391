import { describe, expect, it } from 'vitest';
import { hardened, saysTheSame } from '../../../roles/containers/daemon.ts';
import { params } from '../../../roles/containers/params.ts';
import { risksOf } from '../../../roles/containers/risks.ts';

const settings = (before: string | null, given: object = {}) => JSON.parse(hardened(before, params.parse(given)));

describe('the settings of the daemon', () => {
  it('are made where there are none', () => {
    expect(settings(null)).toEqual({
      'no-new-privileges': true,
      'live-restore': true,
      icc: false,
      'log-opts': { 'max-size': '10m', 'max-file': '3' },
    });
  });

  it('keep what else is in them, and say the same the second time however they are written', () => {
    const before = '{"bip":"172.26.0.1/16","icc":true,"log-opts":{"compress":"true"}}';
    const after = settings(before);
    expect(after).toMatchObject({
      bip: '172.26.0.1/16',
      icc: false,
      'log-opts': { compress: 'true', 'max-size': '10m' },
    });
    const shuffled = JSON.stringify(Object.fromEntries(Object.entries(after).reverse()));
    expect(saysTheSame(shuffled, hardened(shuffled, params.parse({})))).toBe(true);
  });

  it('leave the logs of a driver alone that takes no such bounds', () => {
    expect(settings('{"log-driver":"journald"}')).not.toHaveProperty('log-opts');
  });

  it('have no TCP socket, and other sockets as they were', () => {
    expect(settings('{"hosts":["unix:///run/docker.sock","tcp://0.0.0.0:2375"]}').hosts).toEqual([
      'unix:///run/docker.sock',
    ]);
    expect(settings('{"hosts":["tcp://0.0.0.0:2375"]}')).not.toHaveProperty('hosts');
  });

  it('move the ids of containers only when asked to', () => {
    expect(settings(null)).not.toHaveProperty('userns-remap');
    expect(settings(null, { usernsRemap: 'default' })['userns-remap']).toBe('default');
  });

  it.each(['{"icc": }', '[]', '"text"'])('are refused when they are none: %s', (text) => {
    expect(() => settings(text)).toThrow(/daemon\.json cannot be read/);
  });
});

describe('what leads from a container to its host', () => {
  const inspected = (config: object, more: object = {}) =>
    JSON.stringify([
      { Name: '/web', HostConfig: { NetworkMode: 'bridge', CapAdd: null, ...config }, Mounts: [], ...more },
    ]);
  const kinds = (text: string) => risksOf(text).map(({ kind }) => kind);

  it.each([
    ['nothing', {}, {}, []],
    ['privilege', { Privileged: true }, {}, ['privileged']],
    [
      'namespaces',
      { NetworkMode: 'host', PidMode: 'host', IpcMode: 'host', UsernsMode: 'host' },
      {},
      ['host-network', 'host-pid', 'host-ipc', 'host-users'],
    ],
    [
      'namespaces of other containers, which are none',
      { NetworkMode: 'container:abc', PidMode: 'container:abc', IpcMode: 'private' },
      {},
      [],
    ],
    ['the socket', {}, { Mounts: [{ Source: '/run/docker.sock', RW: false }] }, ['engine-socket']],
    [
      'files of the host',
      {},
      {
        Mounts: [
          { Source: '/', RW: true },
          { Source: '/etc', RW: true },
        ],
      },
      ['host-files', 'host-files'],
    ],
    [
      'files that it can read alone, and its own',
      {},
      {
        Mounts: [
          { Source: '/etc', RW: false },
          { Source: '/srv/photos', RW: true },
        ],
      },
      [],
    ],
    ['capabilities', { CapAdd: ['CAP_NET_ADMIN', 'SYS_PTRACE'] }, {}, ['capabilities']],
    ['no seccomp', { SecurityOpt: ['seccomp=unconfined'] }, {}, ['unconfined']],
    ['a device', { Devices: [{ PathOnHost: '/dev/sda' }] }, {}, ['devices']],
  ])('%s', (_, config, more, expected) => {
    expect(kinds(inspected(config, more))).toEqual(expected);
  });
});
