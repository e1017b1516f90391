import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Passwords } from './passwords.ts';

/** Options that `run`, `plan` and `apply` share; what they mean stands in their help. */
export interface SelectOptions {
  readonly limit: readonly string[];
  readonly tags: readonly string[];
  readonly skipTags: readonly string[];
  readonly startAt?: string;
  readonly serial?: number;
  readonly maxFail?: number;
}

export interface ConnectOptions {
  readonly forks: number;
  readonly acceptNewHostKeys?: boolean;
  readonly askPass?: boolean;
  readonly askBecomePass?: boolean;
  /** Already asked for, by a command that connects several times. */
  readonly passwords?: Passwords;
}

export interface ShowOptions {
  readonly output: 'pretty' | 'plain' | 'json';
  readonly diff?: boolean;
  readonly verbose?: boolean;
}

export interface GuardOption {
  /** Seconds. */
  readonly guardTimeout: number;
}

export interface LoadOptions {
  /** False with `--no-type-check`. */
  readonly typeCheck: boolean;
}

/** For commands without a playbook. */
export function addLimitOption(command: Command): Command {
  return command.option('-l, --limit <patterns>', 'only these hosts: names, groups, globs, home:!nas', list, []);
}

export function addSelectOptions(command: Command): Command {
  return command
    .option(
      '-l, --limit <patterns>',
      'only these hosts: names, groups, globs, home:!nas, @failed (of the last run)',
      list,
      [],
    )
    .option('-t, --tags <tags>', 'only resources with one of these tags (a role is a tag)', list, [])
    .option('--skip-tags <tags>', 'not the resources with one of these tags', list, [])
    .option('--start-at <resource>', 'begin at this role or resource (its title or key)')
    .option('--serial <n>', 'finish this many hosts before the next begin', count)
    .option('--max-fail <n>', 'stop when more hosts than this have failed', countOrZero);
}

export function addConnectOptions(command: Command): Command {
  return command
    .option('-f, --forks <n>', 'hosts at the same time', count, 20)
    .option('--accept-new-host-keys', 'pin the keys of hosts never seen without asking')
    .option('-k, --ask-pass', 'ask for the SSH password')
    .option('-K, --ask-become-pass', 'ask for the password of sudo');
}

export function addShowOptions(command: Command): Command {
  return command
    .addOption(new Option('--output <form>', 'how to show it').choices(['pretty', 'plain', 'json']).default('pretty'))
    .option('-d, --diff', 'show how contents change')
    .option('-v, --verbose', 'show also what is in sync, and whole outputs');
}

/** For every command that changes hosts. */
export function addGuardOption(command: Command): Command {
  return command.option(
    '--guard-timeout <seconds>',
    'how long a host waits for a fresh login after what can cut the way in',
    count,
    60,
  );
}

export function addLoadOptions(command: Command): Command {
  return command.option('--no-type-check', 'do not let the TypeScript compiler check the playbook first');
}

/** Parses a list; it may be given several times. */
export function list(value: string, before: readonly string[] = []): string[] {
  // An empty variable in a script must not mean everything.
  if (value.split(',').every((part) => part.trim() === '')) throw new InvalidArgumentError('it is empty.');
  return [
    ...before,
    ...value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ];
}

/** Parses an option. */
export function count(value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new InvalidArgumentError('a whole number from 1 is expected.');
  return Number(value);
}

function countOrZero(value: string): number {
  return value === '0' ? 0 : count(value);
}
