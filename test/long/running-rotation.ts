import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RotationTask, RotationTold } from './rotation-controller.ts';

/** A rotation by a controller in a process of its own, which can be killed as one can: at any time. */
export class RunningRotation {
  readonly told: string[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #past = new Set<string>();
  #wake: () => void = () => {};
  #over = false;

  constructor(task: RotationTask) {
    const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    const argv = [
      path('../../node_modules/jiti/lib/jiti-cli.mjs'),
      path('rotation-controller.ts'),
      JSON.stringify(task),
    ];
    const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
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
    this.#child.stdin?.write('\n');
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
