import { LabError } from '../shared/errors.ts';

/** A point that all have to reach before any goes on; when one fails, none does. */
export class Barrier {
  readonly #expected: number;
  readonly #passed = deferred();
  #arrived = 0;

  constructor(expected: number) {
    this.#expected = expected;
    this.#passed.promise.catch(() => {}); // each arrival sees it
  }

  async arrive(): Promise<void> {
    this.#arrived++;
    if (this.#arrived === this.#expected) this.#passed.resolve();
    await this.#passed.promise;
  }

  /** Keeps everybody from going on. */
  fail(cause: LabError): void {
    this.#passed.reject(
      new LabError(
        'PLAN_DRIFTED',
        `not changed, because of ${cause.details.host ?? 'another host'}: ${cause.message}`,
        { cause },
      ),
    );
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
