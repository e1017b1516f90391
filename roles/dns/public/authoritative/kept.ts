import type { KeptState } from '../../../../src/index.ts';
import { ledgersFolder } from '../resource.ts';
import { includedKey } from './render.ts';
import { keyFile } from './server.ts';

/**
 * What Knot has of its zones: the keys of DNSSEC, to which the parent points, and the records, of which others may have made
 * some. Its databases (LMDB) are whole at any moment at which nobody writes; the files that say who reads are not kept.
 */
export const serverState: readonly KeptState[] = [
  {
    paths: ['keys', 'journal', 'timers'].map((name) => `/var/lib/knot/${name}`),
    except: ['/var/lib/knot/*/lock.mdb'],
    stops: ['knot'],
  },
  { paths: [keyFile, includedKey, '/etc/lab/dns/*.ds'] },
  // Which records are ours.
  { paths: [ledgersFolder] },
];
