import { setMaxListeners } from 'node:events';
import type { Renderer } from '../report/renderer.ts';

/** First Ctrl-C: end after the step under way. Second: stop at once; what runs on the hosts ends on its own. */
export function stopOnInterrupt(renderer: Renderer): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  // Every host that is worked on listens.
  setMaxListeners(0, controller.signal);
  const onSignal = async () => {
    if (controller.signal.aborted) {
      await renderer.close();
      process.stderr.write('\nstopped at once: a host that was in the middle of a step finishes its plan by itself\n');
      process.exit(130);
    }
    controller.abort();
    renderer.announce('stopping after the step that each host is in; Ctrl-C again stops at once');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { signal: controller.signal, end: () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}
