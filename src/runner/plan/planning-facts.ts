import {
  type FactOptions,
  type FactPrediction,
  type Facts,
  type FileFact,
  type GroupFact,
  KnownAfterApply,
  type PackageFact,
  type RunFact,
  type SystemFact,
  type UnitFact,
  type UserFact,
} from '../../remote/facts/contract.ts';
import { PredictedAccounts } from './predicted-accounts.ts';
import { PredictedPaths } from './predicted-paths.ts';

/**
 * The facts of a host as the changes planned so far will leave it: predictions first, then what was read. What is absent
 * while an installation is planned may come with it, and is known only after that.
 */
export class PlanningFacts implements Facts {
  readonly #read: Facts;
  readonly #paths = new PredictedPaths();
  readonly #accounts: PredictedAccounts;
  readonly #predicted = new Map<string, unknown>();
  #unsettledBy: string | undefined;

  constructor(read: Facts) {
    this.#read = read;
    this.#accounts = new PredictedAccounts(read);
  }

  predict(prediction: FactPrediction): void {
    switch (prediction.fact) {
      case 'unsettled':
        this.#unsettledBy ??= prediction.by;
        break;
      case 'file':
        this.#paths.predict(prediction.value, prediction.content);
        break;
      case 'tree':
        this.#paths.predictTree(prediction.path, prediction.by);
        break;
      case 'package':
      case 'unit':
        this.#predicted.set(`${prediction.fact} ${prediction.value.name}`, prediction.value);
        break;
      case 'user':
        this.#accounts.predictUser(prediction.name, prediction.value);
        break;
      case 'group':
        this.#accounts.predictGroup(prediction.name, prediction.value);
        break;
      case 'sysctl':
        this.#predicted.set(`sysctl ${prediction.key}`, prediction.value);
        break;
    }
  }

  system(): Promise<SystemFact> {
    return this.#read.system();
  }
  async file(path: string, options?: FactOptions): Promise<FileFact> {
    const fact = await this.#accounts.ownersOf(this.#paths.file(path) ?? (await this.#read.file(path)));
    if (fact.kind === 'absent') this.#mayCome(options, path);
    return fact;
  }
  async content(path: string, options?: FactOptions): Promise<Uint8Array | null> {
    const predicted = this.#paths.content(path);
    const content = predicted === undefined ? await this.#read.content(path) : predicted;
    if (content === null) this.#mayCome(options, path);
    return content;
  }
  package(name: string): Promise<PackageFact> {
    return this.#of('package', name, () => this.#read.package(name));
  }
  async unit(name: string): Promise<UnitFact> {
    const fact = await this.#of('unit', name, () => this.#read.unit(name));
    if (fact.load === 'not-found') this.#mayCome({ packagesMayCreate: true }, name);
    return fact;
  }
  async user(name: string, options?: FactOptions): Promise<UserFact | null> {
    const fact = await this.#accounts.user(name);
    if (fact === null) this.#mayCome(options, `the user ${name}`);
    return fact;
  }
  async group(name: string, options?: FactOptions): Promise<GroupFact | null> {
    const fact = await this.#accounts.group(name);
    if (fact === null) this.#mayCome(options, `the group ${name}`);
    return fact;
  }
  sysctl(key: string): Promise<string | null> {
    return this.#of('sysctl', key, () => this.#read.sysctl(key));
  }
  async run(argv: readonly string[], options?: { user?: string; timeoutSeconds?: number }): Promise<RunFact> {
    // What a command would say depends on everything; after an installation nobody can know.
    if (this.#unsettledBy !== undefined) throw new KnownAfterApply(`after ${this.#unsettledBy}`);
    return this.#read.run(argv, options);
  }

  async #of<Value>(kind: string, key: string, read: () => Promise<Value>): Promise<Value> {
    const id = `${kind} ${key}`;
    return this.#predicted.has(id) ? (this.#predicted.get(id) as Value) : read();
  }

  #mayCome(options: FactOptions | undefined, what: string): void {
    if (options?.packagesMayCreate && this.#unsettledBy !== undefined) {
      throw new KnownAfterApply(`${what} may come with ${this.#unsettledBy}`);
    }
  }
}
