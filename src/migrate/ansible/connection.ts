import { SecretReference } from '../../model/yaml-document.ts';
import type { SourceLocation } from '../../shared/errors.ts';
import type { Notes } from './notes.ts';
import type { OwnedVariable, OwnedVariables } from './precedence.ts';
import { readSshArguments } from './ssh-arguments.ts';
import { Template, type Value, Vaulted } from './values.ts';

/** The `ssh` of a host or group in the inventory of lab, and a host's `address`. */
export interface ConnectionFields {
  readonly address?: string | undefined;
  readonly ssh: Readonly<Record<string, string | number | readonly string[] | SecretReference>>;
  /** Why lab cannot manage such a host at all. */
  readonly unsupported?: { readonly at: SourceLocation; readonly found: string } | undefined;
}

export interface ConnectionContext {
  readonly variables: OwnedVariables;
  readonly notes: Notes;
  /** What a template comes to for this host; undefined when it is not known. */
  fillIn(template: Template): Value | undefined;
  /** Path of a secret that belongs to the owner of a variable. */
  secretPath(variable: OwnedVariable, field: string): string;
  /** A jump host as lab calls it. */
  jumpName(jump: string): string;
}

/**
 * Variables of Ansible that say how to connect; of those that mean the same, the last one counts.
 *
 * Source: Ansible documentation, ansible.builtin.ssh connection and ansible.builtin.sudo become, "vars" of each option.
 */
const variablesOf = {
  address: ['ansible_host', 'ansible_ssh_host'],
  port: ['ansible_port', 'ansible_ssh_port'],
  user: ['ansible_user', 'ansible_ssh_user'],
  password: ['ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password'],
  identityFile: ['ansible_private_key_file', 'ansible_ssh_private_key_file'],
  passphrase: ['ansible_private_key_passphrase', 'ansible_ssh_private_key_passphrase'],
  connectTimeout: ['ansible_timeout', 'ansible_ssh_timeout'],
  transport: ['ansible_connection'],
  become: ['ansible_become'],
  becomeMethod: ['ansible_become_method'],
  becomeUser: ['ansible_become_user', 'ansible_sudo_user'],
  becomePassword: ['ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass'],
  sshArguments: ['ansible_ssh_args'],
  sshCommonArguments: ['ansible_ssh_common_args'],
  sshExtraArguments: ['ansible_ssh_extra_args'],
} as const;

const argumentFields = ['sshArguments', 'sshCommonArguments', 'sshExtraArguments'] as const;

/** Every variable that this file reads. */
export const connectionVariables: ReadonlySet<string> = new Set(Object.values(variablesOf).flat());

const transports: Readonly<Record<string, 'ssh' | 'local' | 'docker'>> = {
  ssh: 'ssh',
  smart: 'ssh',
  paramiko: 'ssh',
  paramiko_ssh: 'ssh',
  local: 'local',
  docker: 'docker',
  docker_api: 'docker',
};

export function connectionFields(context: ConnectionContext): ConnectionFields {
  const reader = new ConnectionReader(context);
  return reader.read();
}

class ConnectionReader {
  readonly #context: ConnectionContext;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  read(): ConnectionFields {
    const { transport, unsupported } = this.#transport();
    const address = this.#text('address');
    if (unsupported !== undefined) return { ssh: {}, unsupported };
    const given = this.#arguments();
    const user = this.#text('user') ?? given.user;
    const fields = {
      transport,
      user,
      port: this.#number('port', 65_535) ?? given.port,
      password: this.#secret('password'),
      identityFile: this.#identityFile() ?? given.identityFile,
      passphrase: this.#secret('passphrase'),
      proxyJump: given.proxyJump,
      configFile: given.configFile,
      connectTimeoutSeconds: this.#number('connectTimeout', 3600) ?? given.connectTimeoutSeconds,
      // Without SSH it is whoever started the program.
      ...this.#become(transport === 'local' ? undefined : user),
    };
    return { address, ssh: defined(fields) };
  }

  #transport(): {
    readonly transport?: 'ssh' | 'local' | 'docker';
    readonly unsupported?: ConnectionFields['unsupported'];
  } {
    const found = this.#variable('transport');
    const name = this.#text('transport');
    if (found === undefined || name === undefined) return {};
    const transport = transports[name.replace(/^(ansible\.(builtin|netcommon)|community\.docker)\./, '')];
    if (transport === undefined) return { unsupported: { at: found.variable.at, found: name } };
    return { transport };
  }

  /** Root needs to become nobody. What is not said is left to lab: sudo, unless the user is root. */
  #become(user: string | undefined): {
    readonly become?: string | undefined;
    readonly becomePassword?: SecretReference | undefined;
  } {
    const found = this.#variable('become');
    const wanted = found === undefined ? undefined : booleanOf(this.#plain(found.name, found.variable));
    const becomeUser = this.#variable('becomeUser');
    if (becomeUser !== undefined && this.#text('becomeUser') !== 'root')
      this.#leftOut(becomeUser, 'lab becomes root or nobody; single commands take a user');
    const become = wanted === false || (wanted === true && user === 'root') ? 'none' : this.#method(wanted === true);
    return { become, becomePassword: this.#secret('becomePassword') };
  }

  #method(isWanted: boolean): string | undefined {
    const found = this.#variable('becomeMethod');
    const name = this.#text('becomeMethod')?.replace(/^(ansible\.builtin|community\.general)\./, '') ?? 'sudo';
    if (name === 'doas') return 'doas';
    if (name !== 'sudo' && found !== undefined) {
      this.#leftOut(found, `lab becomes root by sudo or doas, not by ${JSON.stringify(name)}`);
      return undefined;
    }
    return isWanted ? 'sudo' : undefined;
  }

  #identityFile(): string | undefined {
    const file = this.#text('identityFile');
    const found = this.#variable('identityFile');
    if (file !== undefined && found !== undefined) this.#tellRelative(file, found.name, found.variable.at);
    return file;
  }

  #tellRelative(file: string, what: string, at: SourceLocation): void {
    if (/^[/~]/.test(file)) return;
    this.#context.notes.add(
      'changed',
      at,
      what,
      `${file} starts at the folder of the project now, no more at the working folder`,
    );
  }

  /** Of the three variables for arguments the first that says something counts, as ssh takes the first of its options. */
  #arguments(): GivenByArguments {
    const fields = argumentFields.map((field): GivenByArguments => {
      const found = this.#variable(field);
      const text = this.#text(field);
      if (found === undefined || text === undefined) return {};
      const read = readSshArguments(text);
      if (read === undefined) return this.#leftOut(found, 'its quotes do not match') ?? {};
      for (const option of read.other) this.#leftOut(found, adviceOn(option));
      if (read.identityFile !== undefined) this.#tellRelative(read.identityFile, found.name, found.variable.at);
      return defined({
        proxyJump: read.proxyJump?.map((jump) => this.#context.jumpName(jump)),
        user: read.user,
        port: numberOf(read.port, 65_535),
        identityFile: read.identityFile,
        configFile: read.configFile,
        connectTimeoutSeconds: numberOf(read.connectTimeout, 3600),
      });
    });
    const [first = {}, second = {}, third = {}] = fields;
    // Whoever has arguments without a jump host has none, also where a group has one.
    const noJump = argumentFields.some((field) => this.#variable(field) !== undefined) ? { proxyJump: [] } : {};
    return { ...noJump, ...third, ...second, ...first };
  }

  #variable(field: keyof typeof variablesOf): Found | undefined {
    const name = variablesOf[field].findLast((candidate) => this.#context.variables.has(candidate));
    const variable = name === undefined ? undefined : this.#context.variables.get(name);
    return name === undefined || variable === undefined || variable.value === null ? undefined : { name, variable };
  }

  #text(field: keyof typeof variablesOf): string | undefined {
    const found = this.#variable(field);
    if (found === undefined) return undefined;
    const value = this.#plain(found.name, found.variable);
    if (typeof value === 'number') return String(value);
    if (typeof value === 'string') return value === '' ? undefined : value;
    if (value !== undefined) this.#leftOut(found, 'text was expected here');
    return undefined;
  }

  #number(field: 'port' | 'connectTimeout', maximum: number): number | undefined {
    const found = this.#variable(field);
    const text = this.#text(field);
    const number = numberOf(text, maximum);
    if (found !== undefined && text !== undefined && number === undefined)
      this.#leftOut(found, `a number up to ${maximum} was expected here`);
    return number;
  }

  /** Never copied, whether it is encrypted or not. */
  #secret(field: 'password' | 'passphrase' | 'becomePassword'): SecretReference | undefined {
    const found = this.#variable(field);
    if (found === undefined || found.variable.value === '') return undefined;
    const path = this.#context.secretPath(found.variable, field);
    return new SecretReference(path, found.variable.at);
  }

  /** Without templates; undefined, and told, when that cannot be known. */
  #plain(name: string, variable: OwnedVariable): Value | undefined {
    const { value } = variable;
    const plain = value instanceof Template ? this.#context.fillIn(value) : value;
    if (plain !== undefined && !(plain instanceof Vaulted)) return plain;
    const why =
      plain === undefined
        ? 'a template that is more than the names of variables'
        : 'it is encrypted; lab needs it in clear';
    return this.#leftOut({ name, variable }, why);
  }

  #leftOut({ name, variable }: Found, why: string): undefined {
    this.#context.notes.add('left out', variable.at, name, why);
  }
}

interface GivenByArguments {
  readonly proxyJump?: readonly string[] | undefined;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly identityFile?: string | undefined;
  readonly configFile?: string | undefined;
  readonly connectTimeoutSeconds?: number | undefined;
}

interface Found {
  readonly name: string;
  readonly variable: OwnedVariable;
}

function defined<Fields extends object>(fields: Fields): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

function numberOf(text: string | undefined, maximum: number): number | undefined {
  const number = text !== undefined && /^\s*\d+\s*$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= maximum ? number : undefined;
}

/** As Ansible takes what is no boolean for one. */
function booleanOf(value: Value | undefined): boolean | undefined {
  const text = String(value).toLowerCase();
  if (/^(y|yes|on|1|true|t|1\.0)$/.test(text)) return true;
  return /^(n|no|off|0|false|f|0\.0)$/.test(text) ? false : undefined;
}

function adviceOn(option: string): string {
  if (/StrictHostKeyChecking|UserKnownHostsFile|GlobalKnownHostsFile/i.test(option))
    return `${option}: keys of hosts are pinned in the lock file, always`;
  if (/Control(Master|Path|Persist)|ServerAlive|Compression|^-[Ctq]$/i.test(option))
    return `${option}: lab keeps one connection to each host`;
  return `${option}: ~/.ssh/config is read, put it there`;
}
