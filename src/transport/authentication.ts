import type { AnyAuthMethod, AuthenticationType, AuthHandlerMiddleware, ParsedKey } from 'ssh2';
import { LabError } from '../shared/errors.ts';
import { reveal, type Secret } from '../shared/secret.ts';
import { agentKeys, singleKeyAgent } from './agent.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { type Identity, readIdentity } from './identity.ts';
import { fingerprint, hostKeyOf } from './known-hosts.ts';

/** What one login may use. */
export interface Credentials {
  /** From the inventory: the only key that is offered. */
  readonly identityFile?: string | undefined;
  /** A further key to offer, besides those of the configuration: a jump host may know the key of the host behind it. */
  readonly additionalIdentityFile?: string | undefined;
  readonly passphrase?: Secret | undefined;
  readonly password?: Secret | undefined;
}

interface Attempt {
  /** `key /root/.ssh/id_ed25519`, `password` */
  readonly label: string;
  /** Not offered when the server has said that it does not take this method. */
  readonly type: AuthenticationType;
  readonly method: (user: string) => AnyAuthMethod;
}

/** The attempts of one login, in order, and what became of them. */
export class Authentication {
  readonly #endpoint: Endpoint;
  readonly #attempts: readonly Attempt[];
  readonly #notes: string[];
  readonly #tried: string[] = [];
  #accepted: readonly string[] = [];
  #partial = false;

  private constructor(endpoint: Endpoint, attempts: readonly Attempt[], notes: string[]) {
    this.#endpoint = endpoint;
    this.#attempts = attempts;
    this.#notes = notes;
  }

  /**
   * Reads keys and asks the agent, before any host is dialled.
   *
   * @throws LabError AUTH_FAILED when the inventory names a key that cannot be used and nothing else is given
   */
  static async prepare(endpoint: Endpoint, credentials: Credentials): Promise<Authentication> {
    const notes: string[] = [];
    const keys = await keyAttempts(endpoint, credentials, notes);
    const attempts = [...keys, ...passwordAttempts(credentials.password)];
    if (credentials.identityFile !== undefined && attempts.length === 0) {
      throw new LabError('AUTH_FAILED', `there is no usable key to log in as ${formatEndpoint(endpoint)}`, {
        found: notes.join('; '),
        hint: hintFor(notes, credentials.identityFile),
      });
    }
    // With neither key nor password a host may still let everybody in, as Tailscale's SSH does for its own network.
    const none: Attempt = { label: 'no credentials', type: 'none', method: (username) => ({ type: 'none', username }) };
    return new Authentication(endpoint, attempts.length > 0 ? attempts : [none], notes);
  }

  /** For ssh2: the next method each time that the server asks for one. */
  handler(): AuthHandlerMiddleware {
    const remaining = [...this.#attempts];
    this.#tried.length = 0;
    return (accepted, partial) => {
      if (accepted !== null) this.#accepted = accepted;
      this.#partial = partial === true;
      const next = remaining.findIndex(({ type }) => accepted === null || accepts(accepted, type));
      const attempt = next === -1 ? undefined : remaining[next];
      if (attempt === undefined) return false as never;
      remaining.splice(0, next + 1);
      this.#tried.push(attempt.label);
      return attempt.method(this.#endpoint.user) as never;
    };
  }

  /** The error when every attempt was refused, or the server had enough of them (`tooMany`). */
  failure(tooMany: boolean): LabError {
    const tried = this.#tried.length === 0 ? 'nothing' : this.#tried.join(', ');
    const accepts = this.#accepted.length === 0 ? '' : `; the host accepts: ${this.#accepted.join(', ')}`;
    const further = this.#partial ? '; one was accepted, but the host wants a second one' : '';
    return new LabError('AUTH_FAILED', `cannot log in as ${formatEndpoint(this.#endpoint)}`, {
      expected: 'a key or password that the host accepts',
      found: `tried ${tried}${accepts}${further}${this.#notes.map((note) => `; ${note}`).join('')}`,
      hint: tooMany
        ? 'the host ended the login after too many keys: name the right one with "identityFile"'
        : hintFor(this.#notes, this.#attempts.find(({ type }) => type === 'publickey')?.label.replace(/^key /, '')),
    });
  }
}

function accepts(methods: readonly string[], type: AuthenticationType): boolean {
  return type === 'none' || methods.includes(type === 'agent' ? 'publickey' : type);
}

async function keyAttempts(endpoint: Endpoint, credentials: Credentials, notes: string[]): Promise<Attempt[]> {
  const { identityFile, additionalIdentityFile: additional } = credentials;
  const configured = [...endpoint.identityFiles, ...(additional === undefined ? [] : [additional])];
  const files = identityFile === undefined ? [...new Set(configured)] : [identityFile];
  const [held, identities] = await Promise.all([
    endpoint.agent === undefined ? undefined : agentKeys(endpoint.agent),
    // With an agent at hand nothing is decrypted that the agent may hold already.
    Promise.all(files.map((file) => readIdentity(file))),
  ]);
  const socket = endpoint.agent;
  if (socket !== undefined && held === undefined) notes.push(`no agent answers at ${socket}`);
  const unclaimed = [...(held ?? [])];
  const fromAgent: Attempt[] = [];
  const fromFiles: Attempt[] = [];
  for (const identity of identities) {
    const inAgent = takeMatching(unclaimed, identity);
    if (inAgent !== undefined && socket !== undefined) {
      fromAgent.push(agentAttempt(socket, inAgent, notes));
      continue;
    }
    const { file } = identity;
    const usable = identity.kind === 'encrypted' ? await readIdentity(file, credentials.passphrase) : identity;
    if (usable.kind === 'private') fromFiles.push(keyAttempt(file, usable.key));
    else if (usable.kind !== 'missing' || file === identityFile) notes.push(noteOn(usable));
  }
  // ssh's order: configured keys that the agent holds, the agent's others, then the files.
  if (identityFile === undefined && !endpoint.identitiesOnly && socket !== undefined) {
    fromAgent.push(...unclaimed.map((key) => agentAttempt(socket, key, notes)));
  }
  if (endpoint.certificateFiles.length > 0) notes.push('certificates need "transport: openssh"');
  return [...fromAgent, ...fromFiles];
}

function takeMatching(keys: ParsedKey[], identity: Identity): ParsedKey | undefined {
  const wanted =
    identity.kind === 'private'
      ? identity.key.getPublicSSH()
      : 'publicKey' in identity
        ? identity.publicKey
        : undefined;
  const index = wanted === undefined ? -1 : keys.findIndex((key) => key.getPublicSSH().equals(wanted));
  return index === -1 ? undefined : keys.splice(index, 1)[0];
}

function keyAttempt(file: string, key: ParsedKey): Attempt {
  return { label: `key ${file}`, type: 'publickey', method: (username) => ({ type: 'publickey', username, key }) };
}

function agentAttempt(socket: string, key: ParsedKey, notes: string[]): Attempt {
  const name = key.comment || fingerprint(hostKeyOf(key.getPublicSSH()));
  const agent = singleKeyAgent(socket, key, () => notes.push(`the agent did not sign with its key ${name}`));
  return {
    label: `the agent's key ${name}`,
    type: 'agent',
    method: (username) => ({ type: 'agent', username, agent }),
  };
}

function passwordAttempts(password: Secret | undefined): Attempt[] {
  if (password === undefined) return [];
  return [
    {
      label: 'password',
      type: 'password',
      method: (username) => ({ type: 'password', username, password: reveal(password) }),
    },
    {
      label: 'password (keyboard-interactive)',
      type: 'keyboard-interactive',
      method: (username) => {
        let asked = false;
        return {
          type: 'keyboard-interactive',
          username,
          prompt: (_name, _instructions, _language, prompts, finish) => {
            // The password answers the first hidden prompt only: it must not go to one that asks for a code.
            const answers = prompts.map(({ echo }) => {
              const answer = asked || echo === true ? '' : reveal(password);
              asked = true;
              return answer;
            });
            finish(answers);
          },
        };
      },
    },
  ];
}

function noteOn(identity: Identity): string {
  if (identity.kind === 'encrypted') return `key ${identity.file} needs a passphrase, and no agent holds it`;
  if (identity.kind === 'public') return `${identity.file} is a public key, and no agent holds its private half`;
  return `key ${identity.file} ${'reason' in identity ? identity.reason : ''}`;
}

function hintFor(notes: readonly string[], file: string | undefined): string {
  const locked = notes
    .map((note) => /^key (\S+) needs a passphrase/.exec(note)?.[1])
    .find((name) => name !== undefined);
  if (locked !== undefined) return `unlock it once with: ssh-add ${locked}; or give "passphrase" from your secrets`;
  if (notes.some((note) => note.includes('passphrase is wrong'))) return 'correct "passphrase" in your secrets';
  if (notes.some((note) => note.includes('does not exist'))) return 'correct "identityFile" in the inventory';
  return file?.startsWith('/') === true
    ? `put the public key on the host: ssh-copy-id -i ${file} …; or check the user name`
    : 'check the user name, and which keys "ssh-add -l" lists; name a key with "identityFile" or give "password"';
}
