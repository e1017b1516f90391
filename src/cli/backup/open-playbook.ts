import { selectHosts } from '../../model/select-hosts.ts';
import type { Host, Inventory } from '../../model/types.ts';
import type { Play } from '../../playbook/contract.ts';
import { LabError } from '../../shared/errors.ts';
import { withPasswords } from '../passwords.ts';
import type { ConnectOptions, LoadOptions } from '../run-options.ts';
import { loadChecked } from '../run-playbook.ts';

interface OpenedPlaybook {
  readonly inventory: Inventory;
  readonly file: string;
  readonly hosts: readonly Host[];
  readonly playsOf: (host: Host) => readonly Play[];
}

/**
 * The playbook whose roles say what is kept, and the hosts that are meant.
 *
 * @throws LabError HOST_PATTERN, USAGE
 */
export async function openPlaybook(
  patterns: readonly string[],
  options: ConnectOptions & LoadOptions & { readonly playbook: string },
): Promise<OpenedPlaybook> {
  const { playbook, file } = await loadChecked(options.playbook, process.cwd(), options.typeCheck);
  if (playbook.kind === 'procedure')
    throw new LabError('USAGE', `${options.playbook} is a procedure, which has no roles`, {
      expected: 'a playbook, such as site.ts',
      hint: '--playbook names the one that the hosts are run with',
    });
  const { inventory, plays } = playbook;
  const selected = selectHosts(inventory, patterns.length > 0 ? patterns : ['all']);
  if (selected.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to work on', { found: patterns.join(',') });
  const hosts = await withPasswords(selected, options);
  const playsOf = (host: Host) =>
    plays.filter((play) => selectHosts(inventory, play.hosts).some(({ name }) => name === host.name));
  return { inventory, file, hosts, playsOf };
}
