import type { ActionPlan } from './action-plan.ts';

type Marks = Pick<ActionPlan, 'risky' | 'reboots'>;

/**
 * What goes into the next stage. What can cut the way in makes a stage of its own, from the first such action to the last,
 * as together they lead from one way in to another; and nothing follows a reboot in the same stage.
 *
 * @example
 * nextSegment([file, sshdConfig, motd, restartSsh, cron]); // [file], then [sshdConfig, motd, restartSsh], then [cron]
 */
export function nextSegment<Plan>(due: readonly Plan[], marksOf: (plan: Plan) => Marks): readonly Plan[] {
  const upToReboot = due.slice(0, due.findIndex((plan) => marksOf(plan).reboots) + 1 || due.length);
  const first = upToReboot.findIndex((plan) => marksOf(plan).risky);
  if (first < 0) return upToReboot;
  if (first > 0) return upToReboot.slice(0, first);
  return upToReboot.slice(0, upToReboot.findLastIndex((plan) => marksOf(plan).risky) + 1);
}
