import { type ResourceTree, unit, unitFile } from '../../src/index.ts';

/** A script of a role that loads its own table of nftables: `SCRIPT load`, and `SCRIPT back` for what its file says, or nothing. */
export interface Loader {
  /** Of the unit and of the drop-in, without a type: `lab-firewall`. */
  readonly name: string;
  readonly description: string;
  /** Absolute path. */
  readonly script: string;
}

const nftables = 'nftables.service';

/** The table is loaded at boot before the network, and again when Debian's nftables.service has taken every table away. */
export function loadedAtBoot({ name, description, script }: Loader): ResourceTree {
  return [
    unitFile({
      name: `${name}.service`,
      sections: {
        Unit: {
          Description: description,
          Documentation: 'man:nft(8)',
          DefaultDependencies: false,
          Wants: 'network-pre.target',
          Before: 'network-pre.target shutdown.target',
          After: `local-fs.target ${nftables}`,
          Conflicts: 'shutdown.target',
        },
        Service: {
          Type: 'oneshot',
          RemainAfterExit: true,
          ExecStart: `${script} load`,
          ExecReload: `${script} load`,
        },
        Install: { WantedBy: 'sysinit.target' },
      },
    }),
    unit({ name: `${name}.service`, enabled: true }),
    unitFile({
      name: nftables,
      dropIn: name,
      sections: {
        Service: {
          ExecStartPost: `-${script} back`,
          ExecReload: `-${script} back`,
          ExecStopPost: `-${script} back`,
        },
      },
    }),
  ];
}

/** @param table the resource of the table, which goes while nobody would load it again */
export function withoutLoader({ name }: Pick<Loader, 'name'>, table: ResourceTree): ResourceTree {
  return [
    unitFile({ name: nftables, dropIn: name, state: 'absent' }),
    table,
    unit({ name: `${name}.service`, enabled: false }),
    unitFile({ name: `${name}.service`, state: 'absent' }),
  ];
}
