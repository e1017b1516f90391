import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { commands } from '../../../src/cli/commands.ts';
import { main } from '../../../src/cli/main.ts';

/** The whole tree, `device show` and the like included; what is hidden left out. */
const all: { readonly path: readonly string[]; readonly command: Command }[] = [];
const program = new Command('lab').enablePositionalOptions();
for (const load of Object.values(commands)) (await load()).register(program);
const gather = (command: Command, path: readonly string[]): void => {
  for (const each of command.createHelp().visibleCommands(command)) {
    if (each.name() === 'help') continue;
    all.push({ path: [...path, each.name()], command: each });
    gather(each, [...path, each.name()]);
  }
};
gather(program, []);
const table = all.map(({ path, command }) => [path.join(' '), path, command] as const);
const withChoices = all.flatMap(({ path, command }) =>
  [...command.options, ...command.registeredArguments].flatMap((word) =>
    word.argChoices === undefined
      ? []
      : [[path.join(' '), 'long' in word ? `${word.long}` : '', word.argChoices, path] as const],
  ),
);

interface Outcome {
  readonly exitCode: number | string | null | undefined;
  readonly text: string;
}

/** Runs the program here: a process for each would take half a second. */
async function lab(...argv: readonly string[]): Promise<Outcome> {
  const heard: string[] = [];
  const hear = (chunk: unknown) => heard.push(String(chunk)) > 0;
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(hear),
    vi.spyOn(process.stderr, 'write').mockImplementation(hear),
    vi.spyOn(console, 'log').mockImplementation((line) => void heard.push(`${line}\n`)),
  ];
  process.exitCode = undefined;
  try {
    await main(argv);
    return { exitCode: process.exitCode, text: heard.join('') };
  } finally {
    process.exitCode = undefined;
    for (const spy of spies) spy.mockRestore();
    process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException');
  }
}

/** A word with two letters swapped, or one doubled. */
function misspelt(word: string): string {
  const letters = [...word];
  const at = letters.findIndex((letter, index) => index > 0 && letter !== letters[index - 1]);
  if (at < 0) return `${word}${word.at(-1)}`;
  return [...letters.slice(0, at - 1), letters[at], letters[at - 1], ...letters.slice(at + 1)].join('');
}

afterEach(() => vi.restoreAllMocks());

it.each(table)('lab %s --help has an example', async (_, path) => {
  const { text, exitCode } = await lab(...path, '--help');
  expect(exitCode).toBe(0);
  expect(text).toMatch(/^Examples?:\n {2}\S/m);
});

it.each(table)('lab %s, misspelt, is told the right word', async (name, path) => {
  const last = path.at(-1) ?? '';
  const { text, exitCode } = await lab(...path.slice(0, -1), misspelt(last), 'RUN');
  expect(exitCode).toBe(4);
  expect(text).toMatch(new RegExp(`Did you mean (lab )?(${name}|${last})\\?`));
});

it.each(table)('each option of lab %s, misspelt, is told the right one', async (_, path, command) => {
  for (const { long } of command.options) {
    if (long === undefined || long === null) continue;
    const wrong = `--${misspelt(long.slice(2))}`;
    const { text, exitCode } = await lab(...path, wrong);
    expect([wrong, exitCode], text).toEqual([wrong, 4]);
    // What has to be given is asked for first.
    expect(text).toMatch(/[Dd]id you mean (one of )?"?--|required option/);
  }
});

it.each(withChoices)('lab %s %s takes no word but its own, and tells the nearest', async (_, option, choices, path) => {
  for (const choice of choices) {
    const { text, exitCode } = await lab(...path, ...(option === '' ? [] : [option]), misspelt(choice));
    expect(exitCode).toBe(4);
    expect(text).toContain(`(Did you mean ${choice}?)`);
  }
});

it.each(table)('lab %s is completed, with its options and their values', async (_, path, command) => {
  const answers = async (...words: readonly string[]) =>
    (await lab('complete', '--', ...words)).text.split('\n').map((line) => line.split('\t')[0]);
  const last = path.at(-1) ?? '';
  expect(await answers(...path.slice(0, -1), last.slice(0, -1))).toContain(last);
  const options = await answers(...path, '--');
  for (const { long, argChoices } of command.options) {
    expect(options).toContain(long);
    if (argChoices !== undefined && command.options.length > 0)
      expect(await answers(...path, `${long}`, '')).toEqual(expect.arrayContaining([...argChoices]));
  }
});

/** What a person does at the prompt of each shell; `lab` there is a program that gives the answers of this one. */
const shells: Readonly<Record<string, readonly [options: readonly string[], input: string]>> = {
  bash: [
    ['--norc'],
    `eval "$(lab completion bash)"
COMP_WORDS=(lab device ''); COMP_CWORD=2; COMP_LINE='lab device '; COMP_POINT=11
_get_comp_words_by_ref() { words=(lab device ''); cword=2; prev=device; cur=''; }
__lab_complete; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  zsh: [
    ['-f'],
    `autoload -U compinit; compinit -D; eval "$(lab completion zsh)"
_describe() { print -rl -- "\${completions[@]}"; }
words=(lab device ''); CURRENT=3; _lab`,
  ],
  fish: [['--no-config'], "lab completion fish | source; complete --do-complete 'lab device '"],
};

describe.each(Object.entries(shells))('%s itself', (shell, [options, input]) => {
  const isMissing = spawnSync(shell, ['--version']).error !== undefined;
  it.skipIf(isMissing)('offers the subcommands', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lab-shells-'));
    try {
      writeFileSync(join(folder, 'script'), (await lab('completion', shell)).text);
      writeFileSync(join(folder, 'answer'), (await lab('complete', '--', 'device', '')).text);
      const stub = `#!/bin/sh\ncase $1 in completion) cat '${folder}/script' ;; *) cat '${folder}/answer' ;; esac\n`;
      writeFileSync(join(folder, 'lab'), stub, { mode: 0o755 });
      const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
      const { stdout, stderr } = spawnSync(shell, options, { input, encoding: 'utf8', env });
      expect(stdout, stderr).toMatch(/add[\s\S]*show/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
