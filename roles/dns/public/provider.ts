import type { ResourceTree } from '../../../src/index.ts';

/** A way to read and change the records of a zone, from the host that publishes it. */
export interface Provider {
  /** A program for `sh`, with the verbs `look`, `push` and `back`: see `rfc2136.sh`. */
  readonly program: string;
  /** Words after `VERB ZONE LEDGER SECRETFILE`. */
  readonly settings: readonly string[];
  /** Address and port of the server that knows the name servers of the zone; empty: as the host resolves it. */
  readonly primary: readonly string[];
  /** Where the host keeps what it proves itself with. */
  readonly secretFile: string;
  /** What it needs on the host: packages, files. */
  readonly needs: ResourceTree;
}
