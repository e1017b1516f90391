import { readFileSync } from 'node:fs';
import { type StartedHost, startHost } from './host.ts';
import { HostNetwork } from './host-network.ts';
import { inventoryFiles, type LabProject, roleProject } from './lab-project.ts';

const repository = readFileSync(new URL('./apt-repository.sh', import.meta.url), 'utf8');

const playbook = (params: string) => `import { upgrade } from 'labwright/roles/upgrade';
import inventory from '../inventory/index.ts';
export default upgrade({ inventory, ${params} });
`;

/** Two hosts that start again after a reboot, each with a package that its repository has in a newer version. */
export class UpgradingHosts implements AsyncDisposable {
  readonly first: StartedHost;
  readonly second: StartedHost;
  readonly project: LabProject;
  readonly #network: HostNetwork;

  private constructor(first: StartedHost, second: StartedHost, network: HostNetwork, params: string) {
    this.first = first;
    this.second = second;
    this.#network = network;
    this.project = roleProject({
      ...inventoryFiles({ first, second }),
      'playbooks/upgrade.ts': playbook(params),
      'playbooks/nightly.ts': playbook(`onlyWhenWell: true, ${params}`),
    });
  }

  /** @param params of the procedure, as TypeScript */
  static async start(params: string): Promise<UpgradingHosts> {
    const network = await HostNetwork.create();
    const start = async (hostname: string, place: number) => {
      const host = await startHost({ hostname, restart: true, network: network.place(place) });
      await host.sh(`${repository}\napt-get -q update && apt-get -y -q install lab-app=1.0`);
      return host;
    };
    const [first, second] = await Promise.all([start('first', 2), start('second', 3)]);
    return new UpgradingHosts(first, second, network, params);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.project.remove();
    await Promise.all([this.first.remove(), this.second.remove()]);
    await this.#network[Symbol.asyncDispose]();
  }
}

/** The version of the package that is upgraded. */
export function versionOn(host: StartedHost): Promise<string> {
  return host.sh(`dpkg-query -W -f '\${Version}' lab-app`);
}

/** When the first process began: another one after every boot. */
export async function bootOf(host: StartedHost): Promise<string> {
  return (await host.sh("sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20")).trim();
}
