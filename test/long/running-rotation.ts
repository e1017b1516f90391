import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { RotationTask, RotationTold } from './rotation-controller.ts';

let bundled: Promise<string> | undefined;

/**
 * The controller in one file, as `lab` is delivered: modules that several hosts ask for at once are loaded by node itself.
 * Inside the package, whose files it reads.
 */
async function bundleController(): Promise<string> {
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const outfile = path(`../../node_modules/.cache/labwright-test/rotation-controller-${process.pid}.mjs`);
  const entryPoints = [path('rotation-controller.ts')];
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    packages: 'external',
  });
  process.on('exit', () => rmSync(outfile, { force: true }));
  return outfile;
}

/** A rotation by a controller in a process of its own, which can be killed as one can: at any time. */
export class RunningRotation {
  readonly told: string[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #past = new Set<string>();
  #wake: () => void = () => {};
  #over = false;

  /** Begins it. */
  static async start(task: RotationTask): Promise<RunningRotation> {
    bundled ??= bundleController();
    return new RunningRotation(
      spawn(process.execPath, [await bundled, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'pipe'] }),
    );
  }

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    // Who was killed reads nothing any more.
    child.stdin.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text: string) => void this.told.push(text));
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(JSON.parse(line) as RotationTold));
    this.ended = once(child, 'close').then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  #hear({ event, text }: RotationTold): void {
    if (event === 'told') this.told.push(text);
    else this.#past.add(`${event} ${text}`);
    this.#wake();
  }

  /** Until a step has `started` or `finished`. False when the rotation ended before. */
  async comesTo(point: 'started' | 'finished', step: string): Promise<boolean> {
    while (!this.#past.has(`${point} ${step}`)) {
      if (this.#over) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }

  /** Lets go on what stands still after a step. */
  goOn(): void {
    this.#child.stdin.write('\n');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** False when it is still at work after that time. */
  async endsWithin(seconds: number): Promise<boolean> {
    const late = Symbol('late');
    return (await Promise.race([this.ended, pause(seconds * 1000, late, { ref: false })])) !== late;
  }
}
