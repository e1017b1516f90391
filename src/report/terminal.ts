/** What of a stream matters to a renderer. */
interface Terminal {
  readonly isTTY: boolean;
  /** 0 when the terminal does not know its width. */
  readonly columns: number;
  readonly rows: number;
  readonly colors: boolean;
}

/**
 * Reads a stream and the environment: `NO_COLOR` (any value but empty, https://no-color.org) turns colours off,
 * `FORCE_COLOR` (any value but `0` and `false`, https://force-color.org) turns them on without a terminal, and
 * `TERM=dumb` leaves neither colours nor a live display.
 */
export function terminalOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number },
  environment: NodeJS.ProcessEnv = process.env,
): Terminal {
  const dumb = environment.TERM === 'dumb';
  const isTTY = stream.isTTY === true && !dumb;
  return {
    isTTY,
    columns: stream.columns ?? 0,
    rows: stream.rows ?? 24,
    colors: wantsColors(environment, isTTY),
  };
}

function wantsColors(environment: NodeJS.ProcessEnv, isTTY: boolean): boolean {
  const force = environment.FORCE_COLOR;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== '') return false;
  return isTTY;
}
