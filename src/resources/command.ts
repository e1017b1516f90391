import { z } from 'zod';
import type { Facts } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import { quoteAll } from '../shared/quote.ts';
import type { Change, Step, TriggerAction } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { absolutePath, accountName, argv, risk, textOrSecret } from './shared/schemas.ts';

const props = z
  .strictObject({
    /** Program and arguments, each a value: no shell is between. For a shell: `['sh', '-c', script, 'name', ...values]`. */
    argv,
    /** Tells two uses of the same command apart. Default: the command line. */
    id: z.string().min(1).max(200).optional(),
    /** In sync when this exits with 0. It runs with every plan: it must only look. */
    unless: argv.optional(),
    /** In sync when this path exists. */
    creates: absolutePath.optional(),
    /** In sync when this path does not exist. */
    removes: absolutePath.optional(),
    /** Never runs by itself, only when a resource in `runOn` changes. Default false. */
    onlyWhenTriggered: z.boolean().default(false),
    /** Undoes it, for a rollback. Must be safe to repeat. Without it a rollback leaves what the command did. */
    revert: argv.optional(),
    runAs: accountName.optional(),
    /** Not secret: it is seen in the process list. */
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'a variable name' }), z.string()).optional(),
    /** Where it runs. Default `/`. */
    cwd: absolutePath.optional(),
    /** The way for a secret. */
    stdin: textOrSecret.optional(),
    /** Default 600. Then the process and its children are killed, and it counts as failed. */
    timeoutSeconds: z.int().min(1).max(86_400).default(600),
    /** Exit codes that mean success. Default `[0]`. */
    okCodes: z.array(z.int().min(0).max(255)).min(1).default([0]),
    risk: risk.optional(),
  })
  .refine(
    ({ onlyWhenTriggered, unless, creates, removes }) =>
      !onlyWhenTriggered || [unless, creates, removes].every((guard) => guard === undefined),
    { error: 'a command that only runs when triggered has neither unless, creates nor removes' },
  );

type Props = z.output<typeof props>;

interface Current {
  /** What says that there is nothing to do; null when it has to run. */
  readonly done: string | null;
  readonly looked: string | null;
}

/**
 * A command, for what no other resource describes. With `unless`, `creates` or `removes` it runs only when needed; with
 * several of them, when each says so. Without any it runs every time and never converges, and the plan says so.
 *
 * @example
 * command({ argv: ['openssl', 'dhparam', '-out', '/etc/ssl/dh.pem', '2048'], creates: '/etc/ssl/dh.pem' });
 * command({ argv: ['update-ca-certificates'], onlyWhenTriggered: true }, { runOn: [certificate] });
 */
export const command = defineResource({
  type: 'command',
  props,
  id: ({ id, argv }: Props) => id ?? shortened(quoteAll(argv)),
  // With a second guard it may have nothing to do although the path is not there.
  paths: ({ creates, unless, removes }: Props) =>
    creates === undefined || unless !== undefined || removes !== undefined ? [] : claimOwnPath({ path: creates }),

  async read(host: Facts, { unless, creates, removes, runAs }: Props): Promise<Current> {
    const options = runAs === undefined ? {} : { user: runAs };
    const [test, created, removed] = await Promise.all([
      unless === undefined ? null : host.run(unless, options),
      creates === undefined ? null : host.file(creates, { packagesMayCreate: true }),
      removes === undefined ? null : host.file(removes, { packagesMayCreate: true }),
    ]);
    if (test?.exitCode === 124) {
      throw new LabError('READ_FAILED', `"unless" did not end in time: ${quoteAll(unless ?? [])}`, {
        expected: 'a quick command that only looks',
      });
    }
    if (test?.exitCode === 0) return { done: 'unless', looked: null };
    if (created !== null && created.kind !== 'absent') return { done: 'creates', looked: null };
    if (removed?.kind === 'absent') return { done: 'removes', looked: null };
    const reasons = [
      ...(test === null ? [] : [`"unless" exits with ${test.exitCode}`]),
      ...(created === null ? [] : [`${created.path} does not exist`]),
      ...(removed === null ? [] : [`${removed.path} exists`]),
    ];
    return { done: null, looked: reasons.length === 0 ? null : reasons.join(', ') };
  },

  diff(props: Props, { done, looked }: Current): readonly Change[] {
    return done !== null || props.onlyWhenTriggered ? [] : [execution(props, looked)];
  },

  triggered(action: TriggerAction, props: Props, _: Current, changes: readonly Change[]): readonly Change[] {
    return action === 'run' && changes.length === 0 ? [execution(props, null)] : [];
  },
});

function execution(props: Props, looked: string | null): Change {
  const guarded = props.unless !== undefined || props.creates !== undefined || props.removes !== undefined;
  const line = quoteAll(props.argv);
  return {
    attribute: 'run',
    before: looked,
    after: line,
    apply: [step(props, props.argv, props.stdin)],
    revert: props.revert === undefined ? [] : [step({ ...props, okCodes: [0] }, props.revert, undefined)],
    risk: props.risk,
    ...(guarded || props.onlyWhenTriggered ? {} : { always: true as const }),
    predicts: [{ fact: 'unsettled', by: `command ${shortened(line)}` }],
  };
}

function step(props: Props, argv: readonly string[], stdin: Props['stdin']): Step {
  const { env, cwd = '/', runAs: user, timeoutSeconds, okCodes } = props;
  return { do: 'run', argv, stdin, env, cwd, user, timeoutSeconds, okCodes };
}

function shortened(line: string): string {
  return line.length > 120 ? `${line.slice(0, 117)}…` : line;
}
