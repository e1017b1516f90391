import { configLabel, nameLabel, partLabel, projectLabel } from './commands.ts';
import { docker } from './docker.ts';

/** A container or network of the sandbox as it is, read from the engine and nowhere else. */
export interface Present {
  readonly name: string;
  readonly part: string;
  readonly config: string;
  readonly project: string;
  /** `running`, `exited`, …; empty for a network. */
  readonly state: string;
}

export async function presentContainers(sandbox: string): Promise<Present[]> {
  return parse(
    await docker(
      ['ps', '--all', '--filter', `label=${nameLabel}=${sandbox}`, '--format', format('{{.Names}}', '{{.State}}')],
      {
        purpose: 'list the containers',
      },
    ),
  );
}

export async function presentNetworks(sandbox: string): Promise<Present[]> {
  return parse(
    await docker(['network', 'ls', '--filter', `label=${nameLabel}=${sandbox}`, '--format', format('{{.Name}}', '')], {
      purpose: 'list the networks',
    }),
  );
}

function format(name: string, state: string): string {
  return [name, ...[partLabel, configLabel, projectLabel].map((label) => `{{.Label "${label}"}}`), state].join('\t');
}

function parse(output: string): Present[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', part = '', config = '', project = '', state = ''] = line.split('\t');
      return { name, part, config, project, state };
    });
}
