import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { ChildConnection } from './child-process.ts';
import type { Transport } from './contract.ts';

/** This machine. A shell starts the command, so that one that does not exist exits with 127, as everywhere else. */
export const localTransport: Transport = {
  async connect(host, _settings, { signal }) {
    signal?.throwIfAborted();
    const home = homedir();
    return new ChildConnection(host, (argv) => ['sh', '-c', 'exec "$@"', 'sh', ...argv], existsSync(home) ? home : '/');
  },
};
