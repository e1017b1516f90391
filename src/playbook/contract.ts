import type { z } from 'zod';
import type { Host, Inventory } from '../model/types.ts';
import type { Facts, SystemFact } from '../remote/facts/contract.ts';
import type { ResourceTree } from '../resources/contract.ts';
import type { SourceLocation } from '../shared/errors.ts';

/** What a role sees when it declares a host's resources. */
export interface RoleContext<Params> {
  readonly host: Host;
  /** Checked, with defaults filled in. */
  readonly params: Params;
  readonly inventory: Inventory;
  /** Facts of the system; remembered from the last run and checked again in the same round trip. */
  system(): Promise<SystemFact>;
  /**
   * Resources that are made from what this role exports on other hosts: `make` gets what is known, by host. While one of
   * these hosts may still tell it in this run, the resources are known after apply; what a host that is not reached told
   * earlier is in the lock file; a host that never told anything is left out. `make` gets as well which of the hosts this run
   * reads. Asked for the host itself, it gives what the host is found to be. With `enough`, a host that has told something
   * which will not do is waited for as well: it may tell more when it has been changed.
   *
   * @example
   * context.withExports(peers, (keys) => file({ path: '/etc/peers', content: [...keys.values()].map(({ key }) => key).join('\n') }))
   */
  withExports(
    hosts: readonly string[],
    make: (known: ReadonlyMap<string, Exports>, reached: ReadonlySet<string>) => ResourceTree,
    enough?: (exports: Exports) => boolean,
  ): ResourceTree;
  /**
   * A value that all hosts of this run have the same of, made by whoever asks first and forgotten with the run: a secret that
   * two of them share.
   *
   * @example
   * const key = context.agreed(`link ${[host.name, peer].sort().join(' ')}`, () => new Secret(randomBytes(32).toString('base64')));
   */
  agreed<Value>(name: string, make: () => Value): Value;
}

/** What a role on a host tells the same role on other hosts: name → value, such as a public key. Never a secret. */
export type Exports = Readonly<Record<string, string>>;

/** What a role sees when it says what it exports. */
export interface ExportContext<Params> {
  readonly host: Host;
  readonly inventory: Inventory;
  readonly params: Params;
  /** The host as it is; all reads are answered with the others, in one round trip. */
  readonly facts: Facts;
}

/** What a role sees when it says what of its state is kept. */
export interface KeepsContext<Params> {
  readonly host: Host;
  readonly params: Params;
  readonly inventory: Inventory;
}

/**
 * State on a host that no run makes again as it was, such as a private key: what `lab backup` keeps, and `lab restore` puts
 * back. Read while its program runs, and again until nothing of it changed meanwhile.
 *
 * @example
 * { paths: ['/var/lib/forum/data'], except: ['/var/lib/forum/data/cache'], stops: ['forum.service'] }
 */
export interface KeptState {
  /**
   * Absolute paths of files, links, and of folders with all that is in them. `*` stands for any part of a name that does not
   * begin with a dot, `?` for one character. What is not there is left out.
   */
  readonly paths: readonly string[];
  /** Paths below those that are not kept, written in the same way. */
  readonly except?: readonly string[] | undefined;
  /** Whose files they are when they are put back. Default: the user and group of the same name as before. */
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  /** Units that are stopped while files are put back, and started again afterwards; only those that run. */
  readonly stops?: readonly string[] | undefined;
  /** Units that are reloaded when files were put back; only those that run. */
  readonly reloads?: readonly string[] | undefined;
  /** A command that runs once when files were put back, before units start again. */
  readonly afterwards?: readonly string[] | undefined;
  /**
   * These are the host's SSH host keys: a new machine has some of its own, which may be replaced without `--force`, and shows
   * these afterwards.
   */
  readonly hostKeys?: boolean | undefined;
}

/**
 * Any zod schema. The compiler compares a schema with this in a tenth of the second that `z.ZodType`, with its methods,
 * takes it in every repository.
 */
export type AnySchema = z.core.$ZodType;

export interface RoleDefinition<Name extends string, Schema extends AnySchema> {
  readonly name: Name;
  /** One line, for `lab inventory` and plans. */
  readonly description?: string;
  /** A zod object. Values come from its defaults, then the inventory (all, groups, host), then the play. */
  readonly params: Schema;
  resources(context: RoleContext<z.output<Schema>>): ResourceTree | Promise<ResourceTree>;
  /** Read from the host with everything else; null while there is nothing to tell yet. */
  exports?(context: ExportContext<z.output<Schema>>): Promise<Exports | null>;
  /** What `lab backup` keeps of it: what nothing can make again. Default nothing. */
  keeps?(context: KeepsContext<z.output<Schema>>): readonly KeptState[];
}

/** A role; call it with parameters to use it in a play. */
export interface Role<Name extends string = string, Schema extends AnySchema = AnySchema> {
  (params?: Partial<z.input<Schema>>): RoleUse;
  readonly roleName: Name;
  readonly definition: RoleDefinition<Name, Schema>;
}

/** A role with the parameters that a play gives it. */
export interface RoleUse {
  readonly kind: 'role';
  readonly role: RoleDefinition<string, z.ZodType>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly at: SourceLocation | undefined;
}

export interface Play {
  readonly name: string;
  /** Hosts, groups, `all`, or patterns of them, as in `--limit`. */
  readonly hosts: readonly string[];
  readonly roles: readonly RoleUse[];
  /** Resources declared in the play itself. */
  readonly resources?:
    | ((context: RoleContext<Readonly<Record<string, unknown>>>) => ResourceTree | Promise<ResourceTree>)
    | undefined;
  readonly tags: readonly string[];
  /** How many hosts at a time; default all. */
  readonly serial?: number | undefined;
  /** How many hosts may fail before the play stops; default no limit. */
  readonly maxFail?: number | undefined;
  readonly at: SourceLocation | undefined;
}

export interface Playbook {
  readonly kind: 'playbook';
  readonly name: string;
  readonly inventory: Inventory;
  readonly plays: readonly Play[];
  /**
   * What a host does with the rest of its plan when the controller is gone: `finish` it (default), `stop` after the step
   * under way, or `revert` what the run has changed.
   */
  readonly onDisconnect?: 'finish' | 'stop' | 'revert' | undefined;
  /** How many runs a host's journal keeps; default 50. */
  readonly keepRuns?: number | undefined;
  /** A step of a procedure: what it declares is on its way to something else, and is no list of what is managed. */
  readonly transient?: true | undefined;
  readonly at: SourceLocation | undefined;
}
