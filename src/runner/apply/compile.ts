import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { triggerFile } from '../../remote/trigger-file.ts';
import type { Content, Kept, Step } from '../../resources/contract.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import { quote, quoteAll } from '../../shared/quote.ts';
import { reveal, Secret } from '../../shared/secret.ts';
import { functionsOf } from '../../shared/shell-functions.ts';
import { journalLine, stageFolder } from '../journal/record.ts';
import type { ActionPlan, ActionReference } from './action-plan.ts';

const fixedPart = [
  'remote/stage/settings.sh',
  'remote/process.sh',
  'remote/fingerprint.sh',
  'remote/stage/journal.sh',
  'remote/stage/steps.sh',
  'remote/stage/guard.sh',
  'remote/stage/drive.sh',
]
  .map(readOwnFile)
  .join('\n');
/** Of the prelude, what a program that runs by itself needs as well. */
const shared = functionsOf(readOwnFile('remote/prelude.sh'), ['lab_line_of', 'lab_boot_id']);
const defaultTimeoutSeconds = 600;

/** One action of a stage: all changes of one resource. */
export interface Action {
  /** Counts from 1. */
  readonly number: number;
  readonly plan: ActionPlan;
}

/** What is uploaded and run on the host. */
export interface Stage {
  readonly actions: readonly Action[];
  /** The whole program as POSIX sh; holds no secret. */
  readonly program: string;
  /** The journal's account of every action, a JSON object a line; holds no secret. */
  readonly plan: string;
  /** Name of a blob → its content. */
  readonly blobs: ReadonlyMap<string, Content>;
  /** `sha256sum` lines of what stays in the journal. */
  readonly sums: string;
  /** Whether any action can cut the way to the host or the rights on it: then all of them are guarded. */
  readonly risky: boolean;
}

/** Turns actions into a program for `sh`. Pure: the same plan gives the same program. */
export function compileStage(run: string, stage: number, plans: readonly ActionPlan[]): Stage {
  const blobs = new Map<string, Content>();
  const actions = plans.map((plan, index) => ({ number: index + 1, plan }));
  const compiled = actions.map(({ number, plan }) => compileAction({ run, stage, number }, plan, blobs));
  const program = [fixedPart, shared, ...compiled.map(({ functions }) => functions)].join('\n');
  const whole = `${program}\nlab_drive "$1" ${actions.length}\n`;
  const plan = compiled.map(({ line }) => `${line}\n`).join('');
  return {
    actions,
    program: whole,
    plan,
    blobs,
    sums: sumsOf(new Map<string, Content>([['program', whole], ['plan', plan], ...keptOf(blobs)])),
    risky: plans.some(({ risky }) => risky),
  };
}

/** What is for one use only (`a`) is removed after it. */
function keptOf(blobs: ReadonlyMap<string, Content>): [string, Content][] {
  return [...blobs].filter(([name]) => !name.startsWith('a')).map(([name, content]) => [`blobs/${name}`, content]);
}

function sumsOf(files: ReadonlyMap<string, Content>): string {
  return [...files]
    .filter(([, content]) => !isLocalFile(content))
    .map(([name, content]) => `${createHash('sha256').update(bytesOf(content)).digest('hex')}  ${name}\n`)
    .join('');
}

/** The bytes of a content that is held in memory. */
export function bytesOf(content: Content): Buffer {
  if (isLocalFile(content)) throw new Error('a local file is read in pieces');
  return content instanceof Uint8Array ? Buffer.from(content) : Buffer.from(reveal(content));
}

interface Compiled {
  readonly functions: string;
  readonly line: string;
}

function compileAction(here: ActionReference, plan: ActionPlan, blobs: Map<string, Content>): Compiled {
  const { number } = here;
  const folder = stageFolder(here);
  const paths = pathsToSave(plan);
  const watched = pathsToWatch(plan, paths);
  // Undoing an undoing makes a change again.
  const taken = plan.kind === 'undo' ? plan.undoes : undefined;
  const name = (phase: string) => (index: number) => `${phase}${number}.${index}`;
  const keptAt = (phase: string) => (index: number) => `${folder}/blobs/${name(phase)(index)}`;
  const names = (phase: string, index: number): Names => ({
    file: (content) => {
      if (isKept(content)) return `"$LAB_STATE"/${quote(content.kept)}`;
      const blob = name(phase)(index);
      blobs.set(blob, content);
      return `"$LAB_DIR/blobs/${blob}"`;
    },
    temporary: (path) => `${dirname(path) === '/' ? '' : dirname(path)}/.lab-${here.run}-${number}`,
    saved: (path, from) =>
      from === undefined ? `"$LAB_DIR/saved.${number}.${paths.indexOf(path)}"` : `"$LAB_STATE"/${quote(from)}`,
  });
  const compile = (phase: string) => (step: Step, index: number) => compileStep(step, names(phase, index));
  // What doing it again needs is kept from the beginning.
  plan.redo.forEach(compile('k'));
  const functions = [
    shellFunction(`save_${number}`, [
      ...(plan.undoes ? [`lab_notes ${quote(`${stageFolder(plan.undoes)}/action.${plan.undoes.number}`)}`] : []),
      ...paths.map((path, index) => `lab_save ${number} ${index} ${quote(path)}`),
      ...plan.triggers.map((key) => `lab_pending_add ${triggerFile(key)} ${quote(key)}`),
    ]),
    shellFunction(`apply_${number}`, [
      ...plan.apply.flatMap((step, index) => [`lab_step ${number} ${index}`, compile('a')(step, index)]),
      ...plan.satisfies.map((key) => `lab_pending_clear ${triggerFile(key)}`),
    ]),
    shellFunction(`after_${number}`, [
      ...[...paths, ...watched].map((path, index) => `lab_after ${number} ${index} ${quote(path)}`),
      ...(taken ? [forgetOrigin(plan.key, taken)] : recordOrigin(plan, here)),
    ]),
    allOf(
      `revert_${number}`,
      plan.revert.map(compile('r')),
      plan.triggers.map((key) => `lab_pending_forget ${triggerFile(key)}`),
    ),
    allOf(`settle_${number}`, plan.settle.map(compile('s'))),
    shellFunction(
      `due_${number}`,
      plan.satisfies.map((key) => `lab_pending_add ${triggerFile(key)} ${quote(key)}`),
    ),
    shellFunction(`forget_${number}`, taken ? recordOrigin(plan, taken) : [forgetOrigin(plan.key, here)]),
    shellFunction(`limit_${number}`, [`lab_deadline $((LAB_GUARD + ${plan.risky ? 0 : secondsOf(plan.apply)}))`]),
  ].join('\n');
  const keep = { paths, watched, revert: keptAt('r'), settle: keptAt('s'), redo: keptAt('k') };
  return { functions, line: journalLine(number, plan, keep) };
}

/** Every path that is put back by an undoing, or by the undoing of that. */
function pathsToSave({ revert }: ActionPlan): readonly string[] {
  const restored = revert.flatMap((step) => (step.do === 'restore' && step.from === undefined ? [step.path] : []));
  return [...new Set(restored)];
}

/** Every other path that the steps are about: a mode that was set is taken back only where it still is as it was set. */
function pathsToWatch({ apply }: ActionPlan, saved: readonly string[]): readonly string[] {
  const touched = apply.flatMap((step) => (step.do === 'run' ? [] : [step.path]));
  return [...new Set(touched)].filter((path) => !saved.includes(path));
}

/** Name of the file in the journal that holds the way back to what a resource was before `lab`. */
export function originFile(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}

function recordOrigin({ key, changes }: ActionPlan, at: ActionReference): string[] {
  const attributes = [...new Set(changes.filter(({ trigger }) => trigger === undefined).map((each) => each.attribute))];
  if (attributes.length === 0) return [];
  return [`lab_origin ${originFile(key)} ${quote(originReference(at))} ${quoteAll(attributes.map(word))}`];
}

function forgetOrigin(key: string, at: ActionReference): string {
  return `lab_no_origin ${originFile(key)} ${quote(originReference(at))}`;
}

/** `RUN/STAGE/NUMBER` */
export function originReference({ run, stage, number }: ActionReference): string {
  return `${run}/${stage}/${number}`;
}

/** An attribute's name as one word that no pattern matches by accident. */
function word(attribute: string): string {
  return attribute.replaceAll(/[^A-Za-z0-9_]/g, '_');
}

function secondsOf(steps: readonly Step[]): number {
  const limits = steps.map((step) => (step.do === 'run' ? (step.timeoutSeconds ?? defaultTimeoutSeconds) : 60));
  return limits.reduce((sum, seconds) => sum + seconds, 0);
}

function shellFunction(name: string, commands: readonly string[]): string {
  return `${name}() {\n  ${commands.length === 0 ? ':' : commands.join(' &&\n  ')}\n}`;
}

/** Every command is tried, whatever became of the one before: as much as possible is taken back. */
function allOf(name: string, commands: readonly string[], whenComplete: readonly string[] = []): string {
  const tried = commands.map((command) => `  ${command} || lab_reverted=1\n`);
  const last = whenComplete.map((command) => `  [ "$lab_reverted" -ne 0 ] || ${command}\n`);
  return `${name}() {\n  lab_reverted=0\n${[...tried, ...last].join('')}  return "$lab_reverted"\n}`;
}

interface Names {
  /** A quoted path of a file with that content. */
  file(content: Content | Kept): string;
  temporary(path: string): string;
  saved(path: string, from: string | undefined): string;
}

function compileStep(step: Step, names: Names): string {
  switch (step.do) {
    case 'write': {
      const temporary = names.temporary(step.path);
      const validate = (step.validate ?? []).map((part) => part.replaceAll('%s', temporary));
      const words = [step.path, temporary, step.mode, step.owner, step.group, ...validate];
      return `lab_write ${names.file(step.content)} ${quoteAll(words)}`;
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
      return `lab_restore ${names.saved(step.path, step.from)} ${quote(step.path)}`;
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
  const input = step.stdin === undefined ? '' : ` <${names.file(step.stdin)}`;
  return step.cwd === undefined ? `${command}${input}` : `(cd ${quote(step.cwd)} && ${command}${input})`;
}

/** The command of a step for an error message; what goes to its stdin is not part of it. */
export function describeStep(step: Step | undefined): string | undefined {
  if (step === undefined) return undefined;
  if (step.do === 'run') {
    // A script is told by the name it was given as $0, not by its text.
    const [shell, option, , name] = step.argv;
    const words = shell === 'sh' && option === '-c' && name?.startsWith('lab-') ? step.argv.slice(3) : step.argv;
    return quoteAll(words.map((part) => (part.length > 200 ? `${part.slice(0, 197)}…` : part)));
  }
  const validate = step.do === 'write' && step.validate ? `, validated by ${quoteAll(step.validate)}` : '';
  return `${step.do} ${step.path}${validate}`;
}

function isKept(content: Content | Kept): content is Kept {
  return typeof content === 'object' && 'kept' in content;
}

/** A local file is read in pieces; everything else is held in memory. */
export function isLocalFile(content: Content): content is { readonly localFile: string } {
  return typeof content === 'object' && !(content instanceof Uint8Array) && !(content instanceof Secret);
}
