/**
 * A controller that can be killed: brings the host in its first argument (JSON) to the version in its second, as
 * `lab run` does, and prints the outcome.
 */
import type { Playbook } from '../../src/playbook/contract.ts';
import type { StartedHost } from '../support/host.ts';
import { runOn } from '../support/run-on.ts';
import { type Checksums, everyResource, type Version } from './every-resource.ts';

/** What a controller in a process of its own is told. */
export interface ControllerTask {
  readonly host: Pick<StartedHost, 'address' | 'connection' | 'hostKeys'>;
  readonly version: Version;
  readonly checksums: Checksums;
  readonly guardSeconds: number;
  readonly onDisconnect: Playbook['onDisconnect'];
}

const { host, version, checksums, ...options } = JSON.parse(process.argv[2] ?? '') as ControllerTask;
const { finished } = await runOn(host as StartedHost, () => everyResource(version, checksums), options);
process.stdout.write(JSON.stringify(finished));
