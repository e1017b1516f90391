/** Values of Caddy's own configuration, of which only some have a place in the model. */
type Json = Readonly<Record<string, unknown>>;

/** A way of one site to what is behind it. */
export interface Way {
  readonly names: readonly string[];
  /** Without a slash at the end; empty for all. */
  readonly path: string;
  /** `10.80.0.10:2342` */
  readonly upstreams: readonly string[];
  readonly tls: 'verified' | 'unverified' | undefined;
  readonly health: string | undefined;
  readonly headers: Readonly<Record<string, string | null>>;
  readonly maxBody: string | undefined;
}

/** What a site does that is no way. */
export interface Other {
  readonly names: readonly string[];
  /** As Caddy calls it, without values: they may be secret. */
  readonly what: string;
  readonly kind: string;
}

export interface Sites {
  readonly ways: readonly Way[];
  readonly others: readonly Other[];
}

/** Reads the routes of all servers (caddyserver.com/docs/json/apps/http). */
export function sitesOf(config: unknown): Sites {
  const ways: Way[] = [];
  const others: Other[] = [];
  const servers = Object.values(objectOf(objectOf(objectOf(objectOf(config).apps).http).servers));
  for (const server of servers)
    for (const route of listOf(objectOf(server).routes)) {
      const names = hostsOf(route);
      walk(route, { names, path: '', headers: {}, maxBody: undefined, guarded: false }, ways, others);
    }
  return { ways, others };
}

interface Context {
  readonly names: readonly string[];
  readonly path: string;
  headers: Readonly<Record<string, string | null>>;
  maxBody: string | undefined;
  /** Something before decides who may pass: what follows is no way for everybody. */
  guarded: boolean;
}

function walk(route: Json, outer: Context, ways: Way[], others: Other[]): void {
  const context = { ...outer };
  const matched = matchOf(route, context);
  if (typeof matched !== 'string') {
    others.push({ names: context.names, what: matched.what, kind: 'matcher' });
    context.guarded = true;
  }
  const inner = { ...context, path: typeof matched === 'string' ? matched : context.path };
  for (const handler of listOf(route.handle)) {
    const kind = String(handler.handler);
    if (kind === 'subroute') {
      // What one route of a site sets, the following ones have.
      for (const next of listOf(handler.routes)) walkNext(next, inner, ways, others);
    } else if (kind === 'reverse_proxy') proxy(handler, inner, ways, others);
    else if (!shape(handler, kind, inner)) {
      if (kind === 'authentication' || kind === 'rewrite') inner.guarded = true;
      others.push({ names: inner.names, what: describe(handler, kind), kind });
    }
  }
  // A guard without a matcher of its own holds for what comes after it.
  if (listOf(route.match).length === 0 || typeof matched !== 'string') {
    outer.headers = inner.headers;
    outer.maxBody = inner.maxBody;
    outer.guarded = outer.guarded || (inner.guarded && listOf(route.match).length === 0);
  }
}

function walkNext(route: Json, context: Context, ways: Way[], others: Other[]): void {
  walk(route, context, ways, others);
}

/** Handlers that change what passes, and that the model has a place for. */
function shape(handler: Json, kind: string, context: Context): boolean {
  if (kind === 'encode' || kind === 'vars') return true;
  if (kind === 'request_body' && typeof handler.max_size === 'number') {
    context.maxBody = sizeOf(handler.max_size);
    return true;
  }
  if (kind !== 'headers' || handler.request !== undefined) return false;
  const { set, delete: removed, add } = objectOf(handler.response);
  if (add !== undefined) return false;
  const headers: Record<string, string | null> = { ...context.headers };
  for (const [name, values] of Object.entries(objectOf(set))) headers[name] = (values as string[]).join(', ');
  for (const name of (removed ?? []) as string[]) headers[name] = null;
  context.headers = headers;
  return true;
}

function proxy(handler: Json, context: Context, ways: Way[], others: Other[]): void {
  const dials = listOf(handler.upstreams).map(({ dial }) => String(dial));
  const transport = objectOf(handler.transport);
  const tls = transport.tls === undefined ? undefined : objectOf(transport.tls);
  const unknown = [
    ...(handler.handle_response === undefined ? [] : ['forward_auth, or another answer that depends on the upstream']),
    ...(handler.rewrite === undefined || handler.handle_response !== undefined ? [] : ['rewrite']),
    ...(handler.dynamic_upstreams === undefined ? [] : ['dynamic upstreams']),
    ...(transport.protocol !== undefined && transport.protocol !== 'http'
      ? [`transport ${String(transport.protocol)}`]
      : []),
  ];
  if (unknown.length > 0 || dials.length === 0) {
    context.guarded ||= handler.handle_response !== undefined;
    others.push({
      names: context.names,
      what: `reverse_proxy with ${unknown.join(', ') || 'no upstream'}`,
      kind: 'reverse_proxy',
    });
    return;
  }
  if (context.guarded) {
    others.push({
      names: context.names,
      what: `reverse_proxy ${dials.join(' ')} behind what is left out`,
      kind: 'guarded',
    });
    return;
  }
  const more = ['headers', 'load_balancing', 'flush_interval', 'trusted_proxies'].filter(
    (name) => handler[name] !== undefined,
  );
  if (more.length > 0)
    others.push({ names: context.names, what: `${more.join(', ')} of reverse_proxy`, kind: 'proxy-option' });
  const { uri } = objectOf(objectOf(objectOf(handler).health_checks).active);
  ways.push({
    names: context.names,
    path: context.path,
    upstreams: dials,
    tls: tls === undefined ? undefined : tls.insecure_skip_verify === true ? 'unverified' : 'verified',
    health: typeof uri === 'string' ? uri : undefined,
    headers: context.headers,
    maxBody: context.maxBody,
  });
}

/** The path of a route, below that of those around it; or what it asks for beside that. */
function matchOf(route: Json, { path }: Context): string | { readonly what: string } {
  const matches = listOf(route.match);
  if (matches.length === 0) return path;
  const [match] = matches;
  const kinds = Object.keys(match ?? {}).filter((kind) => kind !== 'host');
  if (matches.length === 1 && kinds.length === 0) return path;
  const paths = (match?.path ?? []) as string[];
  const [only] = paths;
  const plain = /^(\/[^*]*?)\/?\*?$/.exec(only ?? '')?.[1];
  // `/api/*` and what is like it: the path itself, and all below.
  if (
    matches.length === 1 &&
    kinds.join() === 'path' &&
    plain !== undefined &&
    paths.every((one) => one.replace(/\/?\*?$/, '') === plain) &&
    only?.endsWith('*')
  )
    return plain === '/' ? path : plain;
  return {
    what: `only for ${[...new Set(matches.flatMap((one) => Object.keys(one)))].filter((kind) => kind !== 'host').join(', ')}`,
  };
}

function describe(handler: Json, kind: string): string {
  if (kind === 'static_response') {
    const [location] = (objectOf(handler.headers).Location ?? []) as string[];
    return location === undefined
      ? `respond ${String(handler.status_code ?? 200)}`
      : `redir ${location} ${String(handler.status_code ?? 302)}`;
  }
  if (kind === 'rewrite')
    return `rewrite (${Object.keys(handler)
      .filter((name) => name !== 'handler')
      .join(', ')})`;
  return kind;
}

function hostsOf(route: Json): string[] {
  return listOf(route.match).flatMap(({ host }) => (Array.isArray(host) ? (host as string[]) : []));
}

function sizeOf(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['KB', 1e3],
  ] as const)
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  return `${bytes}B`;
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
