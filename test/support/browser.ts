import { spawn } from 'node:child_process';
import { type StartedHost, startHost } from './host.ts';

/** What a page did that somebody could object to. */
export interface Observed {
  /** Addresses of all requests, that of the page itself included. */
  readonly requests: string[];
  /** Of the console, the log and dialogs. */
  readonly complaints: string[];
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
  /** Default true. */
  readonly scripts?: boolean;
}

/** A tab of a real browser. */
export interface Tab {
  readonly observed: Observed;
  /** The value of an expression; it works where scripts are off as well. */
  evaluate<Value>(expression: string): Promise<Value>;
  click(x: number, y: number): Promise<void>;
  press(key: string): Promise<void>;
  /** As PNG. */
  screenshot(): Promise<Buffer>;
}

export interface Browser extends AsyncDisposable {
  /** Shows a document, with this ending of its name, under this fragment. */
  open(content: string, ending: 'svg' | 'html', view: View, fragment?: string): Promise<Tab>;
}

/**
 * Debian's Chromium in a container, led over its pipe (Chrome DevTools Protocol): descriptors 3 and 4 inside are the standard
 * ones of `docker exec`.
 */
export async function startBrowser(): Promise<Browser> {
  const host = await startHost({ packages: ['chromium', 'fonts-dejavu-core'] });
  const protocol = lead(host);
  let documents = 0;
  return {
    open: async (content, ending, view, fragment = '') => {
      const file = `/root/${documents++}.${ending}`;
      const { exitCode, stderr } = await host.exec(['sh', '-c', 'cat >"$1"', 'sh', file], content);
      if (exitCode !== 0) throw new Error(stderr);
      return await openTab(protocol, `file://${file}${fragment}`, view);
    },
    [Symbol.asyncDispose]: async () => {
      protocol.end();
      await host.remove();
    },
  };
}

type Listener = (method: string, params: Record<string, unknown>, session: string | undefined) => void;
interface Protocol {
  send(method: string, params?: object, session?: string): Promise<Record<string, unknown>>;
  listen(listener: Listener): void;
  end(): void;
}

function lead(host: StartedHost): Protocol {
  const options = '--headless --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe';
  const script = `exec chromium ${options} --user-data-dir=/root/profile about:blank 3<&0 4>&1 </dev/null >/dev/null`;
  const child = spawn('docker', ['exec', '--interactive', host.container, 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const waiting = new Map<
    number,
    { resolve: (result: Record<string, unknown>) => void; reject: (why: Error) => void }
  >();
  const listeners: Listener[] = [];
  let [rest, said, id] = ['', '', 0];
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-2000);
  });
  child.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error(`the browser ended: ${said}`));
  });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = `${rest}${chunk}`.split('\0');
    rest = messages.pop() ?? '';
    for (const message of messages) {
      const { id: answered, result, error, method, params, sessionId } = JSON.parse(message);
      if (answered === undefined) for (const listener of listeners) listener(method, params, sessionId);
      else if (error === undefined) waiting.get(answered)?.resolve(result);
      else waiting.get(answered)?.reject(new Error(`${error.message} ${error.data ?? ''}`));
      waiting.delete(answered);
    }
  });
  return {
    send: (method, params = {}, sessionId = undefined) =>
      new Promise((resolve, reject) => {
        waiting.set(++id, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
      }),
    listen: (listener) => void listeners.push(listener),
    end: () => void child.kill(),
  };
}

async function openTab(protocol: Protocol, url: string, view: View): Promise<Tab> {
  const { targetId } = await protocol.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await protocol.send('Target.attachToTarget', { targetId, flatten: true });
  const session = sessionId as string;
  const send = (method: string, params: object = {}) => protocol.send(method, params, session);
  const observed: Observed = { requests: [], complaints: [] };
  const loaded = new Promise<void>((resolve) => {
    protocol.listen((method, params, from) => {
      if (from !== session) return;
      if (method === 'Page.loadEventFired') resolve();
      if (method === 'Network.requestWillBeSent') observed.requests.push((params.request as { url: string }).url);
      if (/^(Log.entryAdded|Runtime.(consoleAPICalled|exceptionThrown)|Page.javascriptDialogOpening)$/.test(method))
        observed.complaints.push(JSON.stringify(params));
    });
  });
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await send(`${domain}.enable`);
  const { width, height, scheme, scripts = true } = view;
  const mobile = width < 600;
  await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: mobile ? 2 : 1, mobile });
  await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  await send('Emulation.setScriptExecutionDisabled', { value: !scripts });
  await send('Page.navigate', { url });
  await loaded;
  const mouse = (type: string, x: number, y: number) =>
    send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
  return {
    observed,
    evaluate: async <Value>(expression: string) => {
      const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, returnByValue: true });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { value: Value }).value;
    },
    click: async (x, y) => {
      for (const type of ['mousePressed', 'mouseReleased']) await mouse(type, x, y);
    },
    press: async (key) => {
      for (const type of ['keyDown', 'keyUp']) await send('Input.dispatchKeyEvent', { type, key });
    },
    screenshot: async () => {
      const { data } = await send('Page.captureScreenshot', { captureBeyondViewport: true });
      return Buffer.from(data as string, 'base64');
    },
  };
}
