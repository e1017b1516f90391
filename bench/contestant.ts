/** A host as a contestant reaches it: past the delay proxy, or through it. */
export interface Target {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export interface Field {
  readonly targets: readonly Target[];
  readonly identityFile: string;
  readonly knownHostsFile: string;
  /** A folder of the contestant's own for this field. */
  readonly folder: string;
}

export const kinds = ['first', 'converged', 'check'] as const;
export type Kind = (typeof kinds)[number];

/** A process to start; all of one run start together, and the run lasts until the last has ended. */
export interface Started {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export interface Contestant {
  readonly name: string;
  /** Those it can do; the floor only reads. */
  readonly kinds: readonly Kind[];
  /** Writes what it needs into the field's folder. */
  prepare(field: Field): Promise<void>;
  processes(field: Field, kind: Kind): readonly Started[];
  /** Throws when the output tells that it did not do what was asked, e.g. that a converged run changed something. */
  verify(kind: Kind, outputs: readonly string[]): void;
}

/** Options of OpenSSH that all contestants over it share. */
export function sshOptions({ identityFile, knownHostsFile }: Field): string[] {
  const options = {
    ...{ BatchMode: 'yes', IdentitiesOnly: 'yes', StrictHostKeyChecking: 'yes' },
    ...{ IdentityFile: identityFile, UserKnownHostsFile: knownHostsFile },
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
