import type { ResourceTree } from '../../../src/index.ts';

/** A way to read and change the records of a zone, from the host that publishes it. */
export interface Provider {
  /** What a person calls it: `10.77.0.53 port 53`. */
  readonly title: string;
  /** A program for `sh`, with the verbs `look`, `push` and `back`: see `rfc2136.sh`. */
  readonly program: string;
  /** Words after `VERB ZONE LEDGER SECRETFILE`. */
  readonly settings: readonly string[];
  /** Where the host keeps what it proves itself with. */
  readonly secretFile: string;
  /** What it needs on the host: packages, files. */
  readonly needs: ResourceTree;
}
