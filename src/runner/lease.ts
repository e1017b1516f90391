import { setTimeout as pause } from 'node:timers/promises';
import type { Host } from '../model/types.ts';
import { parsePairs } from '../remote/facts/parse-system.ts';
import { asLabError, exitCodes, LabError } from '../shared/errors.ts';
import { readOwnFile } from '../shared/own-package.ts';
import { quote } from '../shared/quote.ts';
import { whoAmI } from './apply/control-script.ts';
import { type Connect, HostLink } from './link.ts';

const script = ['remote/process.sh', 'remote/lease.sh']
  .map(readOwnFile)
  .join('\n')
  .replaceAll(/^\s*#.*\n/gm, '');

const beatMs = 20_000;
const retryMs = 500;

/** A choreography has its name on these hosts for itself, for as long as its controller is there. */
export class Lease implements AsyncDisposable {
  readonly #held: { readonly link: HostLink; readonly timer: NodeJS.Timeout }[] = [];

  /**
   * A host that cannot be reached is left out.
   *
   * @param patienceMs how long to wait for a name that is taken: the shell of a controller that was just killed is about to end
   * @throws LabError HOST_LOCKED when another controller has it
   */
  static async take(
    name: string,
    hosts: readonly Host[],
    connect: (host: Host) => Connect,
    patienceMs = 5000,
  ): Promise<Lease> {
    const lease = new Lease();
    try {
      for (const host of hosts) await lease.#hold(name, host, connect(host), patienceMs);
      return lease;
    } catch (thrown) {
      await lease[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  async #hold(name: string, host: Host, connect: Connect, patienceMs: number): Promise<void> {
    const link = await HostLink.open(host, connect).catch((thrown: unknown) => {
      const error = asLabError(thrown);
      if (error.exitCode === exitCodes.usage) throw error;
      return undefined;
    });
    if (link === undefined) return;
    try {
      await waitForName(link, name, patienceMs);
    } catch (thrown) {
      await link[Symbol.asyncDispose]();
      throw thrown;
    }
    const beat = () => void link.session.send('lab_lease_beat').catch(() => {});
    this.#held.push({ link, timer: setInterval(beat, beatMs) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { link, timer } of this.#held.splice(0)) {
      clearInterval(timer);
      await link.session.exchange('lab_lease_end', () => {}).catch(() => {});
      await link[Symbol.asyncDispose]().catch(() => {});
    }
  }
}

async function waitForName(link: HostLink, name: string, patienceMs: number): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    let status = 1;
    const said: string[] = [];
    await link.session.exchange(`${script}\nlab_lease ${quote(name)} ${quote(whoAmI())}`, (token) => {
      if (token.kind === 'data') said.push(token.bytes.toString());
      else if (token.fields[0] === 'e' && token.fields[1] === 'lease') status = Number(token.fields[2]);
    });
    if (status === 0) return;
    if (Date.now() > deadline) {
      const holder = new Map(parsePairs(Buffer.from(said.join(''))));
      throw new LabError('HOST_LOCKED', `another ${name} is under way`, {
        host: link.host.name,
        found: `${holder.get('who') ?? 'somebody'}, since ${holder.get('since') ?? 'a moment ago'}`,
        hint: 'watch it where it was started; a controller that has not been heard for a minute counts as gone',
      });
    }
    await pause(retryMs);
  }
}
