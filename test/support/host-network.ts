import { randomBytes, randomInt } from 'node:crypto';
import { tryCommand } from '../../src/sandbox/docker.ts';
import { ownerOfThisProcess, testLabel } from './sweep.ts';

/** A network of the engine whose hosts keep their addresses, also while one of them is down. */
export class HostNetwork implements AsyncDisposable {
  readonly name: string;
  readonly #prefix: string;

  private constructor(name: string, prefix: string) {
    this.name = name;
    this.#prefix = prefix;
  }

  /** @param options.ipv6 its hosts have an address of IPv6 as well, which the engine chooses */
  static async create({ ipv6 = false } = {}): Promise<HostNetwork> {
    const label = `${testLabel}=${ownerOfThisProcess()}`;
    let problem = '';
    // A prefix that somebody else has is refused by the engine.
    for (let tries = 0; tries < 20; tries++) {
      const name = `labtest-${randomBytes(4).toString('hex')}`;
      const prefix = `172.30.${randomInt(256)}`;
      const second = ipv6 ? ['--ipv6', `--subnet=fd77:${randomBytes(2).toString('hex')}::/64`] : [];
      const argv = ['docker', 'network', 'create', `--subnet=${prefix}.0/24`, ...second, `--label=${label}`, name];
      const { exitCode, stderr } = await tryCommand(argv);
      if (exitCode === 0) return new HostNetwork(name, prefix);
      problem = stderr;
    }
    throw new Error(`no network: ${problem}`);
  }

  /** For `startHost`. @param number from 2 on */
  place(number: number): { readonly name: string; readonly address: string } {
    return { name: this.name, address: `${this.#prefix}.${number}` };
  }

  /** When its hosts are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await tryCommand(['docker', 'network', 'rm', this.name]);
  }
}
