import { LabError } from '../../shared/errors.ts';
import { quoteAll } from '../../shared/quote.ts';
import type { Frame } from '../frames.ts';
import type { Session } from '../session.ts';
import type { Facts, FileFact, GroupFact, PackageFact, RunFact, SystemFact, UnitFact, UserFact } from './contract.ts';
import { parseAccounts } from './parse-accounts.ts';
import { parseFiles } from './parse-files.ts';
import { parsePackages } from './parse-packages.ts';
import { parsePairs, parseSystem } from './parse-system.ts';
import { parseUnits } from './parse-units.ts';
import { sysctlPath } from './sysctl-path.ts';

/** Largest content that a fact carries, in bytes. */
const contentLimit = 4 * 1024 * 1024;
const defaultRunSeconds = 60;

/** What `lab` itself left on the host. */
export interface StateFact {
  /** Id of the run that changed the host last; null before the first. */
  readonly lastRun: string | null;
  /** How that run ended, `complete 2026-11-23T…`; empty while it is under way or when it was cut short; null without one. */
  readonly ended: string | null;
  /** Triggers written down and not done yet: file name → first line of the key, `restart unit:nginx.service`. */
  readonly pending: ReadonlyMap<string, string>;
  /** Lines `key=value` of the lock, null when it is free. */
  readonly lock: ReadonlyMap<string, string> | null;
  /** Name of a file below `/var/lib/lab/owned` → its SHA-256. */
  readonly owned: ReadonlyMap<string, string>;
  /** The list that was asked for with `expectOwned`, when its checksum is not the expected one. */
  readonly ownedText: string | null;
}

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** Facts of one kind that wait for the next script. */
class Batch<Value> {
  readonly cache = new Map<string, Promise<Value>>();
  waiting = new Map<string, Waiting<Value>>();

  ask(key: string, schedule: () => void): Promise<Value> {
    const known = this.cache.get(key);
    if (known !== undefined) return known;
    const promise = new Promise<Value>((resolve, reject) => this.waiting.set(key, { resolve, reject }));
    promise.catch(() => {}); // whoever asked sees it; a fact nobody awaits must not end the process
    this.cache.set(key, promise);
    schedule();
    return promise;
  }

  take(): Map<string, Waiting<Value>> {
    const taken = this.waiting;
    this.waiting = new Map();
    return taken;
  }
}

/**
 * Collects the facts asked for in one turn of the event loop and reads them with one script: the way DataLoader groups
 * queries. Answers are kept for the loader's life; make a new one to read again.
 */
export class FactLoader implements Facts {
  readonly #session: Session;
  readonly #files = new Batch<FileFact>();
  readonly #contents = new Batch<Uint8Array | null>();
  readonly #packages = new Batch<PackageFact>();
  readonly #units = new Batch<UnitFact>();
  readonly #users = new Batch<UserFact | null>();
  readonly #groups = new Batch<GroupFact | null>();
  readonly #sysctls = new Batch<string | null>();
  readonly #runs = new Batch<RunFact>();
  readonly #system = new Batch<SystemFact>();
  readonly #state = new Batch<StateFact>();
  #scheduled = false;
  #expectedOwned: readonly string[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  readonly #schedule = (): void => {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  };

  system(): Promise<SystemFact> {
    return this.#system.ask('', this.#schedule);
  }
  /** With the state comes the list below `/var/lib/lab/owned`, when its SHA-256 is another one. To be said before `state`. */
  expectOwned(name: string, sha256: string): void {
    this.#expectedOwned = [name, sha256];
  }
  state(): Promise<StateFact> {
    return this.#state.ask('', this.#schedule);
  }
  file(path: string): Promise<FileFact> {
    return this.#files.ask(path, this.#schedule);
  }
  content(path: string): Promise<Uint8Array | null> {
    return this.#contents.ask(path, this.#schedule);
  }
  package(name: string): Promise<PackageFact> {
    return this.#packages.ask(name, this.#schedule);
  }
  unit(name: string): Promise<UnitFact> {
    return this.#units.ask(name, this.#schedule);
  }
  user(name: string): Promise<UserFact | null> {
    return this.#users.ask(name, this.#schedule);
  }
  group(name: string): Promise<GroupFact | null> {
    return this.#groups.ask(name, this.#schedule);
  }
  sysctl(key: string): Promise<string | null> {
    return this.#sysctls.ask(key, this.#schedule);
  }
  run(argv: readonly string[], options: { user?: string; timeoutSeconds?: number } = {}): Promise<RunFact> {
    return this.#runs.ask(JSON.stringify([argv, options]), this.#schedule);
  }

  /** Every fact read so far, by kind and key, for the fingerprint of a saved plan. */
  async read(): Promise<Map<string, unknown>> {
    const batches = {
      file: this.#files,
      package: this.#packages,
      unit: this.#units,
      user: this.#users,
      group: this.#groups,
      sysctl: this.#sysctls,
      run: this.#runs,
    };
    const facts = new Map<string, unknown>();
    for (const [kind, batch] of Object.entries(batches)) {
      for (const [key, value] of batch.cache as Map<string, Promise<unknown>>) facts.set(`${kind} ${key}`, await value);
    }
    return facts;
  }

  async #flush(): Promise<void> {
    const parts = [
      this.#partOfSystem(),
      this.#partOfState(),
      this.#partOfFiles(),
      this.#partOfContents(),
      this.#partOfPackages(),
      this.#partOfUnits(),
      this.#partOfAccounts(),
      this.#partOfSysctls(),
      this.#partOfRuns(),
    ].filter((part) => part !== undefined);
    try {
      const frames = await this.#session.request(parts.map((part) => part.script).join('\n'));
      for (const part of parts) part.answer(frames);
    } catch (error) {
      for (const part of parts) part.fail(error);
    }
  }

  #partOfSystem(): Part | undefined {
    return part(
      this.#system,
      () => 'lab_read_system',
      (_, frames) => parseSystem(frames.get('system')),
    );
  }

  #partOfState(): Part | undefined {
    return part(
      this.#state,
      () => `lab_read_state ${quoteAll(this.#expectedOwned)}`,
      (_, frames) => parseState(frames.get('state'), frames.get('owned')),
    );
  }

  #partOfFiles(): Part | undefined {
    const read = once((paths: readonly string[], frames: Frames) =>
      parseFiles(this.#session.host, this.#session.nonce, paths, frames),
    );
    return part(
      this.#files,
      (paths) => `lab_read_files ${quoteAll(paths)}`,
      (path, frames, paths) => found(read(paths, frames).get(path), path),
    );
  }

  #partOfContents(): Part | undefined {
    return part(
      this.#contents,
      (paths) =>
        paths.map((path, index) => `lab_read_content content.${index} ${quoteAll([path])} ${contentLimit}`).join('\n'),
      (path, frames, paths) => {
        const frame = frames.get(`content.${paths.indexOf(path)}`);
        if (frame === undefined) return null;
        if (frame.body.length <= contentLimit && frame.status === 0) return frame.body;
        const tooLarge = frame.body.length > contentLimit;
        throw new LabError('READ_FAILED', `${path} cannot be read${tooLarge ? ': it is too large' : ''}`, {
          host: this.#session.host,
          ...(tooLarge && { expected: `at most ${contentLimit} bytes`, found: 'more' }),
        });
      },
    );
  }

  #partOfPackages(): Part | undefined {
    const read = once(parsePackages);
    return part(
      this.#packages,
      (names) => `lab_read_packages ${quoteAll(names)}`,
      (name, frames, names) => found(read(names, frames).get(name), name),
    );
  }

  #partOfUnits(): Part | undefined {
    const read = once((names: readonly string[], frames: Frames) => parseUnits(names, frames.get('units')));
    return part(
      this.#units,
      (names) => `lab_read_units ${quoteAll(names)}`,
      (name, frames, names) => {
        const fact = read(names, frames)?.get(name);
        if (fact !== undefined) return fact;
        throw new LabError('READ_FAILED', `the unit ${name} cannot be read: systemd does not answer`, {
          host: this.#session.host,
          expected: 'a host that runs systemd',
          output: frames.get('units')?.body.toString() ?? '',
        });
      },
    );
  }

  #partOfAccounts(): Part | undefined {
    const users = this.#users.take();
    const groups = this.#groups.take();
    if (users.size + groups.size === 0) return undefined;
    return {
      // Without a user's name getent would list all of them.
      script: `lab_read_accounts ${quoteAll([...users.keys(), ...(users.size === 0 ? ['root'] : [])])}`,
      answer: (frames) => {
        const accounts = parseAccounts(frames);
        for (const [name, { resolve }] of users) resolve(accounts.users.get(name) ?? null);
        for (const [name, { resolve }] of groups) resolve(accounts.groups.get(name) ?? null);
      },
      fail: (error) => {
        for (const { reject } of [...users.values(), ...groups.values()]) reject(error);
      },
    };
  }

  #partOfSysctls(): Part | undefined {
    const read = once((_: readonly string[], frames: Frames) => {
      const lines = frames.get('sysctl')?.body.toString().split('\n') ?? [];
      return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
    });
    return part(
      this.#sysctls,
      (keys) => `lab_read_sysctls ${quoteAll(keys.map(sysctlPath))}`,
      (key, frames, keys) => read(keys, frames).get(sysctlPath(key))?.trim().replaceAll(/\s+/g, ' ') ?? null,
    );
  }

  #partOfRuns(): Part | undefined {
    return part(
      this.#runs,
      (keys) => keys.map((key, index) => runScript(index, key)).join('\n'),
      (key, frames, keys) => {
        const id = `run.${keys.indexOf(key)}`;
        const { status, body } = found(frames.get(id), key);
        // Half of an answer looks like a whole one.
        if (status !== 0 && frames.has(`${id}.late`)) throw cutOff(key);
        return { exitCode: status, stdout: body.toString() };
      },
    );
  }
}

type Frames = ReadonlyMap<string, Frame>;

/** One kind of fact in a script: what to send, and what to do with the answer. */
interface Part {
  readonly script: string;
  answer(frames: Frames): void;
  fail(error: unknown): void;
}

function part<Value>(
  batch: Batch<Value>,
  script: (keys: readonly string[]) => string,
  parse: (key: string, frames: Frames, keys: readonly string[]) => Value,
): Part | undefined {
  const waiting = batch.take();
  if (waiting.size === 0) return undefined;
  const keys = [...waiting.keys()];
  return {
    script: script(keys),
    answer: (frames) => {
      for (const [key, { resolve, reject }] of waiting) {
        try {
          resolve(parse(key, frames, keys));
        } catch (error) {
          reject(error);
        }
      }
    },
    fail: (error) => {
      for (const { reject } of waiting.values()) reject(error);
    },
  };
}

function runScript(index: number, key: string): string {
  const [argv, options] = JSON.parse(key) as [string[], { user?: string; timeoutSeconds?: number }];
  const as = options.user === undefined ? [] : ['runuser', '-u', options.user, '--'];
  return `lab_ask run.${index} ${options.timeoutSeconds ?? defaultRunSeconds} ${quoteAll([...as, ...argv])}`;
}

function cutOff(key: string): LabError {
  const [argv, options] = JSON.parse(key) as [string[], { timeoutSeconds?: number }];
  // Of a script its name is told, not its text.
  const [program = '', ...words] = argv[0] === 'sh' && argv[1] === '-c' ? argv.slice(3) : argv;
  return new LabError('READ_FAILED', 'the host takes too long to tell something', {
    expected: `an answer within ${options.timeoutSeconds ?? defaultRunSeconds} s`,
    found: `none yet from: ${quoteAll([program || 'sh', ...words]).slice(0, 200)}`,
    hint: 'is it overloaded, or does something hang there? try again when it is at rest',
  });
}

function parseState(frame: Frame | undefined, owned: Frame | undefined): StateFact {
  const pairs = parsePairs(frame?.body);
  const named = (wanted: string) =>
    new Map(
      pairs
        .filter(([key]) => key === wanted)
        .map(([, value]) => [value.slice(0, value.indexOf(' ')), value.slice(value.indexOf(' ') + 1)] as const),
    );
  const lock = pairs.filter(([key]) => key === 'lock').map(([, line]) => line.split('=', 2) as [string, string]);
  return {
    lastRun: pairs.find(([key]) => key === 'last')?.[1] ?? null,
    ended: pairs.find(([key]) => key === 'ended')?.[1] ?? null,
    pending: named('pending'),
    owned: named('owned'),
    ownedText: owned?.body.toString() ?? null,
    lock: lock.length === 0 ? null : new Map(lock),
  };
}

function found<Value>(value: Value | undefined, key: string): Value {
  if (value === undefined) throw new LabError('READ_FAILED', `the host did not answer for ${key}`);
  return value;
}

/** Parses an answer the first time it is asked for. */
function once<Value>(parse: (keys: readonly string[], frames: Frames) => Value) {
  let result: { value: Value } | undefined;
  return (keys: readonly string[], frames: Frames): Value => {
    result ??= { value: parse(keys, frames) };
    return result.value;
  };
}
