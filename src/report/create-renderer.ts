import { jsonRenderer } from './json-renderer.ts';
import { plainRenderer } from './plain-renderer.ts';
import { prettyRenderer } from './pretty-renderer.ts';
import type { Renderer, RendererOptions } from './renderer.ts';

/**
 * The renderer that shows a run. `pretty` needs a terminal that knows its width and becomes `plain` without one.
 *
 * @example
 * const terminal = terminalOf(process.stdout);
 * const renderer = createRenderer({ output: 'pretty', diff: true, verbose: false, stream: process.stdout, ...terminal });
 * renderer.handle(event);
 * await renderer.close();
 */
export function createRenderer(options: RendererOptions): Renderer {
  options.stream.on('error', ignoreClosedPipe);
  if (options.output === 'json') return jsonRenderer(options);
  if (options.output === 'pretty' && options.isTTY && options.columns > 0) return prettyRenderer(options);
  return plainRenderer(options);
}

/** `lab run … | head`: the reader has seen enough, which must not end the run. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
