import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { formatError, LabError } from '../shared/errors.ts';
import { identityOptions } from './identity-options.ts';

/** `lab secrets …`: the encrypted file of a project. Values come by stdin or a hidden prompt, never by arguments. */
export function register(program: Command): void {
  const secrets = program
    .command('secrets')
    .description('keep secrets in the repository, encrypted with age')
    .addHelpText(
      'after',
      '\nExample:\n  lab secrets init\n  lab secrets set nas.password\n  lab secrets edit\n  lab secrets view nas.password',
    );
  const add = (usage: string, description: string, example: string) =>
    secrets.command(usage).description(description).addHelpText('after', `\nExample:\n  ${example}`);

  add('init', 'make the encrypted file, and an identity when you have none', 'lab secrets init').action(init);
  add('edit', 'edit the secrets in $VISUAL or $EDITOR', 'EDITOR="code --wait" lab secrets edit').action(edit);
  add('view [path]', 'print one secret, or all', 'lab secrets view nas.password').action(view);
  add('set <path>', 'set one secret, from stdin or a hidden prompt', 'lab secrets set nas.password < file').action(set);
  add('rotate', 'encrypt anew for the recipients of now', 'lab secrets rotate').action(rotate);
  registerRecipients(secrets);
}

function registerRecipients(secrets: Command): void {
  const recipients = secrets
    .command('recipients')
    .description('who can open the secrets: list, add, remove')
    .addHelpText('after', '\nExample:\n  lab secrets recipients add age1… --comment "ana, laptop"')
    .action(listRecipients);
  recipients
    .command('add <key>')
    .description('let the owner of a public key open the secrets')
    .option('--comment <text>', 'who that is', '')
    .addHelpText('after', '\nExample:\n  lab secrets recipients add age1… --comment "ana, laptop"')
    .action(async (key: string, { comment }: { comment: string }) => {
      await (await secretsFile()).addRecipient(key, comment);
      say(`${key} can open the secrets from now on`);
    });
  recipients
    .command('remove <key>')
    .description('take the right to open the secrets away, by public key or comment')
    .addHelpText('after', '\nExample:\n  lab secrets recipients remove "ana, laptop"')
    .action(async (key: string) => {
      const { comment } = await (await secretsFile()).removeRecipient(key);
      say(`${comment || key} cannot open the secrets from now on`);
      say(changeThem);
    });
}

const changeThem =
  'Whoever was a recipient could read the values until now, and can still read them in the history of the repository: change those that they should no longer know.';

async function init(): Promise<void> {
  const file = await secretsFile();
  const { recipient, identityFile } = await file.init(`${userInfo().username}@${hostname()}`);
  say(`secrets     ${file.paths.file}\nrecipients  ${file.paths.recipients}\nboth belong into the repository`);
  if (identityFile !== undefined) {
    say(`identity    ${identityFile}\nKeep a copy of it in a safe place: without it nobody opens the secrets.`);
  }
  say(`public key  ${recipient}\nNext: lab secrets set nas.password`);
}

async function edit(): Promise<void> {
  const { editPrivately } = await import('../secrets/edit.ts');
  const file = await secretsFile();
  const { text, replace } = await file.open();
  const edited = await editPrivately(text, {
    check: (next) => file.check(next),
    again: askAgain,
    warn: (warning) => say(`warning: ${warning}`),
  });
  if (edited === undefined) say('nothing was changed');
  else await replace(edited);
}

async function askAgain(problem: unknown): Promise<boolean> {
  if (!process.stdin.isTTY || !(problem instanceof LabError)) return false;
  say(formatError(problem));
  const { confirm } = await import('@inquirer/prompts');
  return confirm({ message: 'Back to the editor? (No drops your changes)' }, { output: process.stderr });
}

async function view(path: string | undefined): Promise<void> {
  if (path === undefined) {
    process.stdout.write(endLine((await (await secretsFile()).open()).text));
    return;
  }
  const { readSecrets } = await import('../secrets/store.ts');
  const { reveal } = await import('../shared/secret.ts');
  const store = await readSecrets(await projectRoot(), identityOptions);
  process.stdout.write(endLine(reveal(store.get(path))));
}

async function set(path: string): Promise<void> {
  const file = await secretsFile();
  const value = process.stdin.isTTY ? await askTwice(path) : await readValue();
  if (value === '') throw new LabError('USAGE', 'an empty value was given', { hint: 'lab secrets edit can set one' });
  await file.set(path, value);
  say(`${path} is set`);
}

/** `echo value |` adds a newline that nobody means; the last one of a text of several lines (a key file) is meant. */
async function readValue(): Promise<string> {
  const { text } = await import('node:stream/consumers');
  const value = await text(process.stdin);
  return /^[^\n]*\n$/.test(value) ? value.slice(0, -1) : value;
}

async function askTwice(path: string): Promise<string> {
  const { password } = await import('@inquirer/prompts');
  const ask = (message: string) => password({ message, mask: false }, { output: process.stderr });
  const value = await ask(`Value of ${path} (not shown)`);
  if (value === (await ask('Once more'))) return value;
  throw new LabError('USAGE', 'the two values differ; nothing was changed');
}

async function rotate(): Promise<void> {
  const { before, after } = await (await secretsFile()).rotate();
  say(`encrypted anew for ${after} recipient${after === 1 ? '' : 's'}; before there were ${before}`);
  if (after < before) say(changeThem);
  else say('If somebody is no longer among them, change the values that they should no longer know.');
}

async function listRecipients(): Promise<void> {
  for (const { key, comment } of await (await secretsFile()).recipients()) {
    process.stdout.write(`${key}${comment === '' ? '' : `  ${comment}`}\n`);
  }
}

async function secretsFile() {
  const { SecretsFile } = await import('../secrets/secrets-file.ts');
  return new SecretsFile(await projectRoot(), identityOptions);
}

async function projectRoot(): Promise<string> {
  const { findProject } = await import('../secrets/paths.ts');
  return findProject(process.cwd());
}

/** For the person; stdout is for values. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function endLine(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
