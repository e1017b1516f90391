import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { fingerprint, newSalt, type SavedHostPlan, writePlan } from '../runner/plan/saved-plan.ts';
import { LabError } from '../shared/errors.ts';
import {
  addConnectOptions,
  addLoadOptions,
  addSelectOptions,
  addShowOptions,
  type ConnectOptions,
  type LoadOptions,
  type SelectOptions,
  type ShowOptions,
} from './run-options.ts';
import { runPlaybook } from './run-playbook.ts';

type Options = SelectOptions & ConnectOptions & ShowOptions & LoadOptions & { readonly out: string };

export function register(program: Command): void {
  const command = program
    .command('plan <playbook>')
    .description('save what would change to a file that "lab apply" applies as it is, or not at all')
    .requiredOption('-o, --out <file>', 'where to write the plan');
  addLoadOptions(addShowOptions(addConnectOptions(addSelectOptions(command))))
    .addHelpText(
      'after',
      `
The file holds fingerprints of what was read and planned, no contents and no secrets.

Example:
  lab plan site.ts -o change.plan --diff && lab apply change.plan`,
    )
    .action(async (playbook: string, options: Options) => {
      if (existsSync(options.out)) {
        throw new LabError('PLAN_FILE', `${options.out} exists already`, { hint: 'give another name, or remove it' });
      }
      const salt = newSalt();
      const hosts: Record<string, SavedHostPlan> = {};
      const result = await runPlaybook(playbook, {
        ...options,
        mode: 'plan',
        review: async (host, planned, facts) => {
          hosts[host] = fingerprint(salt, planned, facts);
        },
      });
      process.exitCode = result.exitCode;
      if (result.exitCode !== 0 && result.exitCode !== 2) {
        process.stderr.write('no plan was saved: not every host could be planned\n');
        return;
      }
      const { tags, skipTags, startAt } = options;
      // The hosts themselves: what a pattern names, or who failed last, can be others later.
      const select = {
        limit: Object.keys(hosts),
        tags: [...tags],
        skipTags: [...skipTags],
        ...(startAt && { startAt }),
      };
      writePlan(options.out, {
        kind: 'labwright-plan',
        version: 1,
        madeAt: new Date().toISOString(),
        playbook,
        select,
        salt,
        hosts,
      });
      process.stderr.write(`saved ${options.out}; apply it with: lab apply ${options.out}\n`);
    });
}
