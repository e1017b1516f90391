import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface ApiRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly content?: string;
  readonly priority?: number;
  readonly proxied?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What goes wrong with the next request of a method. */
export interface Fault {
  readonly method: 'GET' | 'POST';
  /** Answered instead; 0 hangs up. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What of a batch is done before: all of it, or the deletions alone, which the real one promises not to do. */
  readonly after?: 'all' | 'deletes';
}

/** Version 4 of Cloudflare's API as its documentation has it, of which lists, batches and their errors; over HTTPS. */
export class FakeCloudflare implements AsyncDisposable {
  readonly token = 'cf-token-0123456789abcdef';
  readonly ca: string;
  readonly url: string;
  readonly records = new Map<string, ApiRecord>();
  faults: Fault[] = [];
  /** `GET /zones?name=example.dev` */
  readonly requests: string[] = [];
  readonly #close: () => void;
  #next = 1;

  private constructor(ca: string, url: string, close: () => void) {
    this.ca = ca;
    this.url = url;
    this.#close = close;
  }

  /** @param address of this machine, as hosts see it */
  static async start(address: string): Promise<FakeCloudflare> {
    const folder = mkdtempSync(join(tmpdir(), 'lab-cloudflare-'));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=fake', '-addext', `subjectAltName=IP:${address}`, '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    const [ca, secret] = [readFileSync(cert, 'utf8'), readFileSync(key, 'utf8')];
    rmSync(folder, { recursive: true });
    let fake: FakeCloudflare | undefined;
    const server = createServer({ cert: ca, key: secret }, (request, response) => void fake?.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const { port } = server.address() as AddressInfo;
    fake = new FakeCloudflare(ca, `https://${address}:${port}/client/v4`, () => {
      server.closeAllConnections();
      server.close();
    });
    return fake;
  }

  add(record: Omit<ApiRecord, 'id'>): void {
    const id = `${randomBytes(12).toString('hex')}${String(this.#next++).padStart(8, '0')}`;
    this.records.set(id, { id, ...record });
  }

  /** `A 203.0.113.7` of a name, sorted. */
  of(name: string): string[] {
    return [...this.records.values()]
      .filter((record) => record.name === name)
      .map(({ type, content, priority, data }) =>
        [type, priority, content ?? JSON.stringify(data)].filter((part) => part !== undefined).join(' '),
      )
      .sort();
  }

  remove(name: string): void {
    for (const [id, record] of this.records) if (record.name === name) this.records.delete(id);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const piece of request) text += piece;
    const url = new URL(request.url ?? '', 'https://fake');
    const path = url.pathname.replace('/client/v4', '');
    this.requests.push(`${request.method} ${path}${url.search}`);
    const send = (status: number, body: unknown, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const refuse = (status: number, code: number, message: string) =>
      send(status, { success: false, errors: [{ code, message }], messages: [], result: null });
    const fault = this.faults.find(({ method }) => method === request.method);
    if (fault !== undefined) {
      this.faults = this.faults.filter((one) => one !== fault);
      if (fault.after !== undefined) {
        const batch = JSON.parse(text);
        this.#batch(fault.after === 'all' ? batch : { deletes: batch.deletes });
      }
      if (fault.status === 0) response.destroy();
      else send(fault.status, fault.body ?? { success: false, errors: [{ code: 1, message: 'fault' }] }, fault.headers);
      return;
    }
    if (request.headers.authorization !== `Bearer ${this.token}`) return refuse(403, 10000, 'Authentication error');
    if (path === '/zones') {
      const found = url.searchParams.get('name') === 'example.dev' ? [{ id: 'zone1', name: 'example.dev' }] : [];
      return send(200, { success: true, errors: [], result: found, result_info: { total_pages: 1 } });
    }
    if (request.method === 'GET' && path === '/zones/zone1/dns_records') {
      // Small pages, whatever is asked for.
      const size = Math.min(3, Number(url.searchParams.get('per_page')));
      const page = Number(url.searchParams.get('page'));
      const all = [...this.records.values()];
      return send(200, {
        success: true,
        errors: [],
        result: all.slice((page - 1) * size, page * size),
        result_info: {
          page,
          per_page: size,
          count: size,
          total_count: all.length,
          total_pages: Math.ceil(all.length / size),
        },
      });
    }
    if (request.method === 'POST' && path === '/zones/zone1/dns_records/batch') {
      const batch = JSON.parse(text) as Batch;
      const problem = this.#batch(batch);
      if (problem !== undefined) return refuse(400, problem[0], problem[1]);
      return send(200, { success: true, errors: [], messages: [], result: {} });
    }
    refuse(404, 7003, `Could not route to ${path}`);
  }

  /** All of it or nothing: deletions, then patches, then posts. */
  #batch({ deletes = [], patches = [], posts = [] }: Batch): [number, string] | undefined {
    if (deletes.length + patches.length + posts.length > 200) return [81073, 'too many operations'];
    const before = new Map(this.records);
    const fail = (code: number, message: string): [number, string] => {
      this.records.clear();
      for (const [id, record] of before) this.records.set(id, record);
      return [code, message];
    };
    for (const { id } of deletes) if (!this.records.delete(id)) return fail(81044, 'Record does not exist.');
    for (const { id, ...more } of patches) {
      const record = this.records.get(id);
      if (record === undefined) return fail(81044, 'Record does not exist.');
      this.records.set(id, { ...record, ...more });
    }
    for (const post of posts) {
      const problem = problemOf(post, [...this.records.values()]);
      if (problem !== undefined) return fail(...problem);
      this.add(post);
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }
}

interface Batch {
  readonly deletes?: readonly { readonly id: string }[];
  readonly patches?: readonly (Partial<ApiRecord> & { readonly id: string })[];
  readonly posts?: readonly Omit<ApiRecord, 'id'>[];
}

function problemOf(post: Omit<ApiRecord, 'id'>, all: readonly ApiRecord[]): [number, string] | undefined {
  const same = all.filter(({ name }) => name === post.name);
  if (post.name.endsWith('.') || !post.name.endsWith('example.dev')) return [9000, 'DNS name is invalid.'];
  if (post.ttl !== 1 && (post.ttl < 60 || post.ttl > 86_400)) return [9021, 'Invalid TTL.'];
  if (same.some(({ type }) => (type === 'CNAME') !== (post.type === 'CNAME')))
    return [81053, 'An A, AAAA, or CNAME record with that host already exists.'];
  const key = ({ type, content, priority, data }: Omit<ApiRecord, 'id'>) =>
    JSON.stringify([type, content, priority, data]);
  if (same.some((one) => key(one) === key(post))) return [81058, 'An identical record already exists.'];
  if ((post.type === 'SRV' || post.type === 'CAA') && post.data === undefined)
    return [9101, 'data is a required data field.'];
  if (post.type === 'MX' && post.priority === undefined) return [9100, 'priority is a required field.'];
  return undefined;
}
