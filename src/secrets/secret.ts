import { callSite } from '../shared/call-site.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import { Secret } from '../shared/secret.ts';
import { nearest } from '../shared/suggest.ts';
import type { IdentityOptions } from './identity.ts';
import { readSecrets, type SecretStore } from './store.ts';

/** Gives the secret at a path. */
type Source = (path: string) => Secret;

/**
 * The one piece of ambient state: `secret('…')` is called while the user's modules are evaluated, where nothing can be
 * passed in. One process works on one project; whoever opens another puts the former source back.
 */
let source: Source | undefined;
const fromEnvironmentSecrets: Secret[] = [];
let opened: SecretStore | undefined;

/**
 * A secret of the project, by its path in `inventory/secrets.yml.age`. Usable in inventories, playbooks and roles while
 * `lab` loads them.
 *
 * @throws LabError SECRET_MISSING with the nearest path that exists; SECRETS_IDENTITY, SECRETS_FILE when the secrets
 * could not be opened
 * @example
 * defineInventory({ hosts: { nas: { address: '10.77.1.10', ssh: { password: secret('nas.password') } } } });
 */
export function secret(path: string): Secret {
  const at = callSite(secret);
  try {
    return resolveSecret(path);
  } catch (thrown) {
    throw thrown instanceof LabError ? thrown.with({ at }) : thrown;
  }
}

/** The same for a `!secret` in YAML, whose place the caller knows. */
export function resolveSecret(path: string): Secret {
  if (source !== undefined) return source(path);
  throw new LabError('SECRETS_FILE', `the secret "${path}" was asked for outside of a run`, {
    expected: 'a module that lab loads',
    hint: 'a script of its own opens them first: await useSecrets(projectRoot)',
  });
}

/**
 * A secret from an environment variable, for a CI job that has its own store. An empty variable counts
 * as missing.
 *
 * @throws LabError SECRET_MISSING
 */
secret.fromEnvironment = function fromEnvironment(name: string): Secret {
  const value = process.env[name];
  if (value === undefined || value === '') {
    const near = nearest(name, Object.keys(process.env));
    throw new LabError('SECRET_MISSING', `the environment variable ${name} is ${value === '' ? 'empty' : 'not set'}`, {
      at: callSite(fromEnvironment),
      expected: 'a value',
      hint: near === undefined ? `export ${name}=…` : `did you mean ${near}?`,
    });
  }
  const made = new Secret(value, name);
  fromEnvironmentSecrets.push(made);
  return made;
};

/**
 * Opens the secrets of a project for `secret('…')`. Whatever goes wrong is told by the first `secret('…')`, with its file
 * and line, so that a playbook without secrets needs no identity.
 *
 * @returns puts back what was there before
 */
export async function useSecrets(projectRoot: string, options: IdentityOptions = {}): Promise<Disposable> {
  const store = await readSecrets(projectRoot, options).catch((thrown) => asLabError(thrown, 'SECRETS_FILE'));
  if (store instanceof LabError) {
    return useSource(() => {
      throw store;
    });
  }
  return useSource((path) => store.get(path), store);
}

/** Gives an empty secret for every path: for commands that read an inventory but log in nowhere with it. */
export function usePlaceholders(): Disposable {
  return useSource((path) => new Secret('', path));
}

/** All secrets that a module could have got hold of, for a Redactor. */
export function openedSecrets(): Secret[] {
  return [...(opened?.all ?? []), ...fromEnvironmentSecrets];
}

function useSource(next: Source, store?: SecretStore): Disposable {
  const before = { source, opened };
  source = next;
  opened = store;
  return {
    [Symbol.dispose]() {
      ({ source, opened } = before);
    },
  };
}
