import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import type { Endpoint } from './endpoint.ts';
import { account, hasRelevantConfig } from './ssh-config-files.ts';

/** What the inventory says; it wins over the configuration files, as options on ssh's command line do. */
interface EndpointRequest {
  readonly name: string;
  readonly address: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly proxyJump?: readonly string[] | undefined;
  /** Instead of `~/.ssh/config` and `/etc/ssh/ssh_config`. */
  readonly configFile?: string | undefined;
  readonly connectTimeoutSeconds?: number | undefined;
}

const defaults = { connectTimeoutSeconds: 10, keepAliveSeconds: 15, keepAliveCount: 3 };
const sshTimeoutMilliseconds = 10_000;

/**
 * The endpoint as `ssh` itself would understand it: `ssh -G` evaluates `Include`, `Match` and all. It is not run when no
 * configuration file says anything that matters here; without ssh on this machine its defaults apply.
 *
 * @throws LabError SSH_CONFIG when the configuration has an error or names what cannot be used
 */
export async function resolveEndpoint(request: EndpointRequest): Promise<Endpoint> {
  const address = request.address.replace(/^\[(.*)\]$/, '$1');
  if (address === '' || address.startsWith('-') || /[\s\0]/.test(address)) {
    throw new LabError('SSH_CONFIG', 'the address to connect to is not usable', {
      host: request.name,
      expected: 'a name, an IPv4 or an IPv6 address',
      found: JSON.stringify(request.address),
    });
  }
  if (request.configFile !== undefined && !existsSync(request.configFile)) {
    throw new LabError('SSH_CONFIG', 'the SSH configuration file does not exist', {
      host: request.name,
      found: request.configFile,
      hint: 'correct "configFile" in the inventory, or leave it out to use ~/.ssh/config',
    });
  }
  const relevant = request.configFile !== undefined || hasRelevantConfig();
  const config = relevant ? await askSsh({ ...request, address }) : undefined;
  return endpointOf({ ...request, address }, config ?? new Map());
}

/** Keyword in lower case → its values, one for each line of `ssh -G`; undefined when ssh is not installed. */
async function askSsh(request: EndpointRequest): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  const args = ['-G'];
  if (request.configFile !== undefined) args.push('-F', request.configFile);
  if (request.user !== undefined) args.push('-l', request.user);
  if (request.port !== undefined) args.push('-p', String(request.port));
  const answer = await run('ssh', [...args, '--', request.address]);
  if (answer === undefined) return undefined;
  if (answer.code !== 0) {
    const message = answer.stderr.replaceAll(/^Pseudo-terminal.*\n/gm, '').trim();
    throw new LabError('SSH_CONFIG', 'ssh does not accept its configuration', {
      host: request.name,
      at: locationIn(message),
      output: message,
      hint: `try it with: ssh ${args.join(' ')} ${request.address}`,
    });
  }
  const values = new Map<string, string[]>();
  for (const line of answer.stdout.split('\n')) {
    const [keyword = '', ...rest] = line.split(' ');
    values.set(keyword, [...(values.get(keyword) ?? []), rest.join(' ')]);
  }
  return values;
}

/** `/root/.ssh/config: line 3: Bad configuration option: foo` */
function locationIn(message: string): SourceLocation | undefined {
  const match = /^(?<file>\S+?):? line (?<line>\d+):/m.exec(message)?.groups;
  return match?.file === undefined ? undefined : { file: match.file, line: Number(match.line) };
}

function run(file: string, args: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string } | undefined>((resolve) => {
    const child = execFile(file, args, { timeout: sshTimeoutMilliseconds }, (error, stdout, stderr) => {
      if (error !== null && error.code === 'ENOENT') resolve(undefined);
      else resolve({ code: error === null ? 0 : Number(error.code ?? 255), stdout, stderr });
    });
    child.stdin?.end();
  });
}

function endpointOf(request: EndpointRequest, config: ReadonlyMap<string, readonly string[]>): Endpoint {
  const value = (keyword: string) => config.get(keyword)?.[0];
  const seconds = (keyword: string) => positive(value(keyword));
  const { home, user: localUser } = account();
  const address = value('hostname') ?? request.address;
  const port = request.port ?? Number(value('port') ?? 22);
  const user = request.user ?? value('user') ?? localUser;
  const tokens = { h: address, n: request.address, p: String(port), r: user, u: localUser, d: home };
  const path = (text: string) => expandPath(text, tokens);
  const files = (keyword: string) => (config.get(keyword) ?? []).filter((file) => file !== 'none').map(path);
  const jump = value('proxyjump');
  return {
    name: request.name,
    address,
    port,
    user,
    family: value('addressfamily') === 'inet' ? 4 : value('addressfamily') === 'inet6' ? 6 : 0,
    identityFiles: config.has('identityfile')
      ? files('identityfile')
      : ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(home, '.ssh', name)),
    identitiesOnly: value('identitiesonly') === 'yes',
    agent: agentSocket(value('identityagent'), path),
    certificateFiles: files('certificatefile'),
    proxyJump: request.proxyJump ?? (jump === undefined || jump === 'none' ? [] : jump.split(',')),
    proxyCommand: request.proxyJump === undefined ? proxyCommand(value('proxycommand'), tokens) : undefined,
    connectTimeoutSeconds: request.connectTimeoutSeconds ?? seconds('connecttimeout') ?? defaults.connectTimeoutSeconds,
    keepAliveSeconds: seconds('serveraliveinterval') ?? defaults.keepAliveSeconds,
    keepAliveCount:
      seconds('serveraliveinterval') === undefined
        ? defaults.keepAliveCount
        : (seconds('serveralivecountmax') ?? defaults.keepAliveCount),
    knownHostsFiles: [
      ...(value('userknownhostsfile')?.split(' ').map(path) ?? [
        join(home, '.ssh', 'known_hosts'),
        join(home, '.ssh', 'known_hosts2'),
      ]),
      ...(value('globalknownhostsfile')?.split(' ') ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']),
    ].filter((file) => file !== 'none'),
    hostKeyAlias: value('hostkeyalias'),
    refuseUnknownKeys: ['yes', 'true'].includes(value('stricthostkeychecking') ?? 'ask'),
  };
}

function positive(text: string | undefined): number | undefined {
  const number = Number(text ?? Number.NaN);
  return number > 0 ? number : undefined;
}

/** ssh_config(5), IdentityAgent: `none`, `SSH_AUTH_SOCK`, `$VARIABLE` or a path. */
function agentSocket(text: string | undefined, path: (text: string) => string): string | undefined {
  if (text === 'none') return undefined;
  if (text === undefined || text === 'SSH_AUTH_SOCK') return process.env.SSH_AUTH_SOCK || undefined;
  return text.startsWith('$') ? process.env[text.slice(1)] : path(text);
}

type Tokens = Readonly<Record<string, string>>;

function proxyCommand(text: string | undefined, tokens: Tokens): string | undefined {
  return text === undefined || text === 'none' ? undefined : expandTokens(text, tokens);
}

function expandPath(text: string, tokens: Tokens): string {
  const expanded = expandTokens(text, tokens).replace(/^~(?=\/|$)/, tokens.d ?? '~');
  return isAbsolute(expanded) ? expanded : join(process.cwd(), expanded);
}

/** ssh_config(5), TOKENS. */
function expandTokens(text: string, tokens: Tokens): string {
  return text.replaceAll(/%([%A-Za-z])/g, (whole, letter: string) => {
    if (letter === '%') return '%';
    if (letter === 'i') return String(process.getuid?.() ?? 0);
    if (letter === 'l') return hostname();
    if (letter === 'L') return hostname().split('.')[0] ?? '';
    return tokens[letter] ?? whole;
  });
}
