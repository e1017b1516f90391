import { type Command, Option } from 'commander';
import { FactLoader } from '../remote/facts/loader.ts';
import { visible } from '../report/visible.ts';
import { onHosts } from './open-hosts.ts';
import { printError } from './print-error.ts';
import { addConnectOptions, type ConnectOptions } from './run-options.ts';

type Options = ConnectOptions & { readonly inventory?: string; readonly output: 'plain' | 'json' };

export function register(program: Command): void {
  const command = program
    .command('facts <hosts>')
    .description('show what roles can know of a host: system, kernel, package manager, memory, the last run')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'));
  addConnectOptions(command)
    .addHelpText('after', '\nExample:\n  lab facts nas\n  lab facts all --output json | jq .system.osName')
    .action(async (hosts: string, options: Options) => {
      const outcomes = await onHosts([hosts], options, async (session) => {
        const loader = new FactLoader(session);
        const [system, state] = await Promise.all([loader.system(), loader.state()]);
        return {
          system,
          lastRun: state.lastRun,
          pending: [...state.pending.values()],
          lock: state.lock && Object.fromEntries(state.lock),
        };
      });
      for (const { host, value, error } of outcomes) {
        if (error !== undefined) {
          printError(error);
          process.exitCode = error.exitCode;
        } else if (options.output === 'json')
          process.stdout.write(`${JSON.stringify({ host: host.name, ...value })}\n`);
        else {
          const { system, ...rest } = value as NonNullable<typeof value>;
          const rows = Object.entries({
            ...system,
            lastRun: rest.lastRun ?? 'none',
            pending: rest.pending.join(', ') || 'nothing',
          });
          const width = Math.max(...rows.map(([name]) => name.length));
          process.stdout.write(
            `${host.name}\n${rows.map(([name, fact]) => `  ${name.padEnd(width)}  ${visible(String(fact))}\n`).join('')}`,
          );
        }
      }
    });
}
