import type { Command } from 'commander';

export interface CommandModule {
  /** Adds the command, with its options and action, to the program. */
  register(program: Command): void;
}

/** Name of a command → its module, imported only when it is called or help for all is wanted. */
export const commands: Record<string, () => Promise<CommandModule>> = {
  run: () => import('./run.ts'),
  plan: () => import('./plan.ts'),
  apply: () => import('./apply.ts'),
  drift: () => import('./drift.ts'),
  history: () => import('./history.ts'),
  rollback: () => import('./rollback.ts'),
  backup: () => import('./backup.ts'),
  restore: () => import('./restore.ts'),
  schedule: () => import('./schedule.ts'),
  status: () => import('./status.ts'),
  reach: () => import('./reach.ts'),
  verify: () => import('./verify.ts'),
  graph: () => import('./graph.ts'),
  export: () => import('./export.ts'),
  adopt: () => import('./adopt.ts'),
  device: () => import('./device.ts'),
  resume: () => import('./resume.ts'),
  unlock: () => import('./unlock.ts'),
  exec: () => import('./exec.ts'),
  facts: () => import('./facts.ts'),
  inventory: () => import('./inventory.ts'),
  secrets: () => import('./secrets.ts'),
  sandbox: () => import('./sandbox.ts'),
  bootstrap: () => import('./bootstrap.ts'),
  init: () => import('./init.ts'),
  import: () => import('./import.ts'),
  doctor: () => import('./doctor.ts'),
  completion: () => import('./completion.ts'),
  complete: async () => (await import('./complete.ts')).completing(commands),
};
