import type { Command } from 'commander';
import { beforeAll, expect, it } from 'vitest';
import { commands } from '../../../src/cli/commands.ts';
import { commandsOf, problemOf, rehearsal } from '../../support/documented-commands.ts';
import { allPages, type Page, pageOf } from '../../support/markdown.ts';

const pages = allPages();

let program: Command;

beforeAll(async () => {
  program = await rehearsal();
}, 300_000);

const problemsOf = (page: Page): string[] =>
  commandsOf(page).flatMap((command) => {
    const problem = problemOf(program, command);
    return problem === undefined ? [] : [`${command.at} lab ${command.words.join(' ')}: ${problem}`];
  });

it('names commands and options that exist', () => {
  const told = pages.flatMap(commandsOf);
  expect(told.length).toBeGreaterThan(200);
  expect(pages.flatMap(problemsOf)).toEqual([]);
});

it('notices one that does not', () => {
  const page = pageOf(
    'wrong.md',
    [
      '```sh',
      'npx lab run site.ts --chek',
      'cd x && lab runn',
      'lab run',
      '```',
      '`lab run` `lab completion SHELL` `lab completion tcsh` `npx --no lab drift -x`',
    ].join('\n'),
  );
  expect(problemsOf(page)).toEqual([
    expect.stringContaining("wrong.md:2 lab run site.ts --chek: error: unknown option '--chek'"),
    expect.stringContaining("wrong.md:3 lab runn: error: unknown command 'runn'"),
    expect.stringContaining("wrong.md:4 lab run: error: missing required argument 'playbook'"),
    expect.stringContaining('wrong.md:6 lab completion tcsh: error: command-argument value'),
    expect.stringContaining("wrong.md:6 lab drift -x: error: unknown option '-x'"),
  ]);
});

it('has a row for every command in docs/cli.md', () => {
  const page = pages.find(({ path }) => path === 'docs/cli.md');
  const rows = page?.prose.filter((line) => line.startsWith('| `lab ')) ?? [];
  const missing = Object.keys(commands).filter(
    (name) => name !== 'complete' && !rows.some((row) => row.includes(`lab ${name}`)),
  );
  expect(missing).toEqual([]);
});
