import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import { readOwnFile } from '../shared/own-package.ts';
import { reveal, type Secret } from '../shared/secret.ts';
import type { Connection, ConnectionSettings, RemoteProcess } from '../transport/contract.ts';
import { type Data, type Frame, FrameParser, type Mark } from './frames.ts';

const prelude = readOwnFile('remote/prelude.sh').replaceAll(/^\s*#.*\n/gm, '');

/** Deadline of a read, in seconds; single commands inside it have their own. */
const requestTimeoutSeconds = 300;
const stderrKept = 8192;
const lastWordsMs = 200;

/**
 * One `sh` on the host, as root after become, fed through its stdin for the whole run: the one channel of a connection.
 * The prelude goes out with the first request, so that reading a converged host costs one round trip.
 */
export class Session implements AsyncDisposable {
  readonly host: string;
  readonly nonce = randomBytes(16).toString('hex');
  /** Requests answered after the connection stood; a password asked by sudo counts as one. */
  roundTrips = 0;

  readonly #connection: Connection;
  readonly #process: RemoteProcess;
  readonly #become: ConnectionSettings['become'];
  #stderr = '';
  /** The shell has answered at least once, so becoming root worked. */
  #answered = false;
  #preludeSent = false;
  #consume: ((token: Mark | Data) => void) | undefined;
  /** Came while nobody waited: between the end of an exchange and the first look at what follows it. */
  #early: (Mark | Data)[] = [];
  #lost: Error | undefined;
  #fail: ((error: Error) => void) | undefined;
  #parser: FrameParser | undefined;
  /** One question at a time. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(connection: Connection, process: RemoteProcess, become: ConnectionSettings['become']) {
    this.#become = become;
    this.host = connection.host;
    this.#connection = connection;
    this.#process = process;
    process.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-stderrKept);
    });
    process.stdin.on('error', () => {}); // the exit tells why
    // The last words of sudo may come a moment after its end.
    const said = new Promise((resolve) => process.stderr.once('end', resolve));
    void Promise.race([process.exit.then(() => undefined), connection.closed]).then(async (cause) => {
      await Promise.race([said, pause(lastWordsMs, undefined, { ref: false })]);
      this.#end(cause);
    });
  }

  /** @throws LabError BECOME_REFUSED, CONNECTION_LOST */
  static async open(connection: Connection, settings: ConnectionSettings): Promise<Session> {
    const started = await start(connection, settings);
    const session = new Session(connection, started.process, settings.become);
    session.roundTrips += started.roundTrips;
    const parser = new FrameParser(session.nonce, (token) => {
      session.#answered = true;
      if (session.#consume !== undefined) session.#consume(token);
      else session.#early.push(token.kind === 'mark' ? token : { kind: 'data', bytes: Buffer.from(token.bytes) });
    });
    session.#parser = parser;
    started.process.stdout.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk);
      } catch (cause) {
        started.process.kill();
        session.#end(
          new LabError('REMOTE_PROGRAM', 'the host answered something that makes no sense', {
            host: connection.host,
            cause,
          }),
        );
      }
    });
    return session;
  }

  /** Sends a script of frames and resolves with them once the shell has worked through it. One round trip. */
  async request(script: string): Promise<Map<string, Frame>> {
    const frames = new Map<string, Frame>();
    let open: { id: string; chunks: Buffer[] } | undefined;
    await this.exchange(`{\n${script}\n} </dev/null`, (token) => {
      if (token.kind === 'data') open?.chunks.push(Buffer.from(token.bytes));
      else if (token.fields[0] === 'b') open = { id: token.fields.slice(1).join(' '), chunks: [] };
      else if (token.fields[0] === 'e' && open !== undefined) {
        frames.set(open.id, { id: open.id, body: Buffer.concat(open.chunks), status: Number(token.fields.at(-1)) });
        open = undefined;
      }
    });
    return frames;
  }

  /**
   * Sends shell text and hands every token that comes back to `consume`, until the shell has worked through it. For long
   * texts pass pieces: they are sent one after the other, as the host takes them.
   *
   * @param afterwards what the shell does when it has answered, without being asked again; its output is for `follow`
   */
  async exchange(
    text: string | Iterable<string> | AsyncIterable<string>,
    consume: (token: Mark | Data) => void,
    timeoutSeconds = requestTimeoutSeconds,
    afterwards = '',
  ): Promise<void> {
    const turn = this.#turn.then(() => this.#exchange(text, consume, timeoutSeconds, afterwards));
    this.#turn = turn.catch(() => {}); // whoever asked sees it
    return turn;
  }

  async #exchange(
    text: string | Iterable<string> | AsyncIterable<string>,
    consume: (token: Mark | Data) => void,
    timeoutSeconds: number,
    afterwards: string,
  ): Promise<void> {
    const done = randomBytes(4).toString('hex');
    const finished = this.#until((token) => {
      if (token.kind === 'mark' && token.fields[0] === 'done' && token.fields[1] === done) return true;
      consume(token);
      return false;
    }, timeoutSeconds);
    finished.catch(() => {}); // reported below; writing may end first
    this.roundTrips++;
    if (!this.#preludeSent) {
      this.#preludeSent = true;
      await this.#write(`LAB_N=${this.nonce}\n${prelude}\n`);
    }
    for await (const piece of typeof text === 'string' ? [text] : text) await this.#write(`${piece}\n`);
    await this.#write(`printf '\\n%s done %s\\n' "$LAB_N" ${done}\n${afterwards}\n`);
    await finished;
  }

  /**
   * Waits for tokens without sending anything, until `consume` returns true. No deadline of its own unless given.
   *
   * @throws LabError CONNECTION_LOST when the connection or the shell ends first
   */
  async follow(consume: (token: Mark | Data) => boolean): Promise<void> {
    await this.#until(consume, undefined);
  }

  /** From now on also understands the marks of an earlier connection: the log of a stage that it began. */
  acceptMarks(nonce: string): void {
    this.#parser?.accept(nonce);
  }

  /** Sends shell text without waiting for anything, e.g. a request to stop while following. */
  async send(text: string): Promise<void> {
    await this.#write(`${text}\n`);
  }

  /** Whether the connection still carries anything, whatever the shell is busy with; a refusal is an answer, too. */
  async answers(withinMs: number): Promise<boolean> {
    const asked = this.#connection.start(['true']).then(
      ({ stdout, stderr }) => {
        stdout.resume();
        stderr.resume();
        return true;
      },
      () => true,
    );
    return Promise.race([asked, pause(withinMs, false, { ref: false })]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    this.#process.kill();
    await this.#connection[Symbol.asyncDispose]();
  }

  #until(consume: (token: Mark | Data) => boolean, timeoutSeconds: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) {
        reject(this.#lost);
        return;
      }
      const timer =
        timeoutSeconds === undefined
          ? undefined
          : setTimeout(() => {
              settle(
                new LabError('STEP_TIMEOUT', `no answer within ${timeoutSeconds} s`, {
                  host: this.host,
                  hint: 'a command on the host hangs, or the host is overloaded',
                }),
              );
            }, timeoutSeconds * 1000);
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.#consume = undefined;
        this.#fail = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#fail = settle;
      this.#consume = (token) => {
        try {
          if (consume(token)) settle();
        } catch (error) {
          settle(error as Error);
        }
      };
      while (this.#consume !== undefined && this.#early.length > 0) this.#consume(this.#early.shift() as Mark | Data);
    });
  }

  #write(text: string): Promise<void> {
    const { stdin } = this.#process;
    return new Promise((resolve) => {
      // A write to a stream that has ended reports through `exit`, where the cause is known; a login whose shell refuses it ends
      // before it is asked anything, and no event comes any more.
      if (this.#lost !== undefined || stdin.closed || stdin.write(text)) resolve();
      else {
        const go = () => {
          stdin.off('drain', go).off('close', go);
          resolve();
        };
        stdin.once('drain', go).once('close', go);
      }
    });
  }

  #end(cause: Error | undefined): void {
    this.#lost =
      cause instanceof LabError
        ? cause
        : !this.#answered && this.#become !== 'none' && cause === undefined
          ? refusal(this.host, this.#become, this.#stderr)
          : new LabError('CONNECTION_LOST', 'the connection ended before the host had answered', {
              host: this.host,
              output: this.#stderr,
              hint: 'run the same command again: it finds out what was done and does the rest',
              cause,
            });
    this.#fail?.(this.#lost);
  }
}

interface Started {
  readonly process: RemoteProcess;
  readonly roundTrips: number;
}

async function start(connection: Connection, settings: ConnectionSettings): Promise<Started> {
  const { become, becomePassword } = settings;
  if (become === 'none') return { process: await connection.start(['sh']), roundTrips: 0 };
  if (become === 'sudo' && becomePassword !== undefined) return sudoWithPassword(connection, becomePassword);
  const argv = become === 'sudo' ? ['sudo', '-n', '--', 'sh'] : ['doas', '-n', 'sh'];
  return { process: await connection.start(argv), roundTrips: 0 };
}

/** Only a password needs an exchange of its own: it must not reach the shell when sudo does not ask for it. */
async function sudoWithPassword(connection: Connection, password: Secret): Promise<Started> {
  const mark = randomBytes(8).toString('hex');
  const prompt = `${mark}-password`;
  const process = await connection.start(['sudo', '-S', '-p', prompt, '--', 'sh', '-c', `echo ${mark}-ready; exec sh`]);
  let asked = 0;
  await new Promise<void>((resolve, reject) => {
    watch(process, (output, errors, ended) => {
      const prompts = errors.split(prompt).length - 1;
      if (output.includes(`${mark}-ready`)) resolve();
      else if (prompts > 1) {
        process.kill();
        reject(refusal(connection.host, 'sudo', 'the password was not accepted'));
      } else if (ended) reject(refusal(connection.host, 'sudo', errors.replaceAll(prompt, '')));
      else {
        if (prompts === 1 && asked === 0) {
          asked = 1;
          process.stdin.write(`${reveal(password)}\n`);
        }
        return false;
      }
      return true;
    });
  });
  return { process, roundTrips: 1 + asked };
}

function watch(process: RemoteProcess, look: (output: string, errors: string, ended: boolean) => boolean): void {
  let output = '';
  let errors = '';
  const check = (ended: boolean) => {
    if (!look(output, errors, ended)) return;
    process.stdout.off('data', onOutput);
    process.stderr.off('data', onErrors);
    settled = true;
  };
  let settled = false;
  const onOutput = (chunk: Buffer) => {
    output += chunk.toString();
    check(false);
  };
  const onErrors = (chunk: Buffer) => {
    errors += chunk.toString();
    check(false);
  };
  process.stdout.on('data', onOutput);
  process.stderr.on('data', onErrors);
  void process.exit.then(() => {
    if (!settled) check(true);
  });
}

function refusal(host: string, become: 'sudo' | 'doas', output: string): LabError {
  const text = output.trim();
  const hint = /must have a tty/i.test(text)
    ? `take "Defaults requiretty" out of sudoers (visudo), or add: Defaults:USER !requiretty`
    : /password/i.test(text)
      ? `${become} wants a password: give becomePassword in the inventory${become === 'doas' ? ' is not possible for doas; use "permit nopass" in doas.conf' : ', or run with --ask-become-pass'}`
      : /not in the sudoers|not allowed/i.test(text)
        ? 'the user may not become root: add it to the sudo group, or connect as another user'
        : /not found|No such file/i.test(text)
          ? `${become} is not installed: connect as root, or install it`
          : undefined;
  return new LabError('BECOME_REFUSED', `${become} did not give root`, { host, output: text, hint });
}
