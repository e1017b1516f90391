import { dirname } from 'node:path';
import { triggerFile } from '../../remote/trigger-file.ts';
import type { Content, Step } from '../../resources/contract.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import { quote, quoteAll } from '../../shared/quote.ts';
import { Secret } from '../../shared/secret.ts';
import type { Planned } from '../plan/plan-host.ts';

const applyProgram = readOwnFile('remote/apply.sh');
const defaultTimeoutSeconds = 600;

/** One action of a stage: all changes of one resource. */
export interface Action {
  /** Counts from 1. */
  readonly number: number;
  readonly planned: Planned;
  readonly steps: readonly Step[];
}

/** What is uploaded and run on the host. */
export interface Stage {
  readonly actions: readonly Action[];
  /** The whole program as POSIX sh; holds no secret. */
  readonly program: string;
  /** Name of a blob → its content. */
  readonly blobs: ReadonlyMap<string, Content>;
}

/** Turns planned changes into a program for `sh`. Pure: the same plan gives the same program. */
export function compileStage(run: string, planned: readonly Planned[]): Stage {
  const blobs = new Map<string, Content>();
  const actions = planned.map((plan, index) => ({
    number: index + 1,
    planned: plan,
    steps: plan.changes.flatMap((change) => change.apply),
  }));
  const functions = actions.map((action) => compileAction(run, action, blobs));
  const program = `${applyProgram}\n${functions.join('\n')}\nlab_drive "$1" ${actions.length}\n`;
  return { actions, program, blobs };
}

function compileAction(run: string, { number, planned, steps }: Action, blobs: Map<string, Content>): string {
  const reverts = [...planned.changes].reverse().flatMap((change) => change.revert);
  const saved = [...new Set(reverts.flatMap((step) => (step.do === 'restore' ? [step.path] : [])))];
  const compile = (step: Step, index: number, phase: string) =>
    compileStep(step, {
      blob: (content) => {
        const name = `${phase}${number}.${index}`;
        blobs.set(name, content);
        return name;
      },
      temporary: (path) => `${dirname(path) === '/' ? '' : dirname(path)}/.lab-${run}-${number}`,
      saved: (path) => `${number} ${saved.indexOf(path)}`,
    });
  return [
    shellFunction(`save_${number}`, [
      ...saved.map((path, index) => `lab_save ${number} ${index} ${quote(path)}`),
      ...planned.triggers.map((key) => `lab_pending_add ${triggerFile(key)} ${quote(key)}`),
    ]),
    shellFunction(`apply_${number}`, [
      ...steps.flatMap((step, index) => [`lab_step ${number} ${index}`, compile(step, index, 'a')]),
      ...planned.satisfies.map((key) => `lab_pending_clear ${triggerFile(key)}`),
    ]),
    // Every step is tried, whatever became of the one before: as much as possible is taken back.
    `revert_${number}() {\n  lab_reverted=0\n${reverts
      .map((step, index) => `  ${compile(step, index, 'r')} || lab_reverted=1`)
      .join('\n')}\n  return "$lab_reverted"\n}`,
  ].join('\n');
}

function shellFunction(name: string, commands: readonly string[]): string {
  return `${name}() {\n  ${commands.length === 0 ? ':' : commands.join(' &&\n  ')}\n}`;
}

interface Names {
  blob(content: Content): string;
  temporary(path: string): string;
  saved(path: string): string;
}

function compileStep(step: Step, names: Names): string {
  switch (step.do) {
    case 'write': {
      const temporary = names.temporary(step.path);
      const validate = (step.validate ?? []).map((word) => word.replaceAll('%s', temporary));
      const words = [names.blob(step.content), step.path, temporary, step.mode, step.owner, step.group, ...validate];
      return `lab_write ${quoteAll(words)}`;
    }
    case 'directory':
      return `lab_directory ${quoteAll([step.path, step.mode, step.owner, step.group])}`;
    case 'symlink':
      return `lab_symlink ${quoteAll([step.path, step.target])}`;
    case 'mode':
      return `lab_mode ${quoteAll([step.mode, step.path])}`;
    case 'owner':
      return `chown -h ${quoteAll([`${step.owner}:${step.group}`, step.path])}`;
    case 'remove':
      return `lab_remove ${quote(step.path)} ${step.recursive ? 'yes' : 'no'}`;
    case 'restore':
      return `lab_restore ${names.saved(step.path)} ${quote(step.path)}`;
    case 'run':
      return compileRun(step, names);
  }
}

function compileRun(step: Extract<Step, { do: 'run' }>, names: Names): string {
  const environment = Object.entries(step.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const words = [
    ...['timeout', '-k', '5', String(step.timeoutSeconds ?? defaultTimeoutSeconds)],
    ...(step.user === undefined ? [] : ['runuser', '-u', step.user, '--']),
    ...(environment.length === 0 ? [] : ['env', ...environment]),
    ...step.argv,
  ];
  const command = `lab_ok ${quote((step.okCodes ?? [0]).join(' '))} ${quoteAll(words)}`;
  const input = step.stdin === undefined ? '' : ` <"$LAB_DIR/blobs/${names.blob(step.stdin)}"`;
  return step.cwd === undefined ? `${command}${input}` : `(cd ${quote(step.cwd)} && ${command}${input})`;
}

/** The command of a step for an error message; what goes to its stdin is not part of it. */
export function describeStep(step: Step | undefined): string | undefined {
  if (step === undefined) return undefined;
  if (step.do === 'run') {
    // A script is told by the name it was given as $0, not by its text.
    const [shell, option, , name] = step.argv;
    const words = shell === 'sh' && option === '-c' && name?.startsWith('lab-') ? step.argv.slice(3) : step.argv;
    return quoteAll(words.map((word) => (word.length > 200 ? `${word.slice(0, 197)}…` : word)));
  }
  const validate = step.do === 'write' && step.validate ? `, validated by ${quoteAll(step.validate)}` : '';
  return `${step.do} ${step.path}${validate}`;
}

/** The bytes of a blob held in memory; a local file is read in pieces elsewhere. */
export function isLocalFile(content: Content): content is { readonly localFile: string } {
  return typeof content === 'object' && !(content instanceof Uint8Array) && !(content instanceof Secret);
}
