import { z } from 'zod';
import type { Facts, SystemFact, UnitFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change, TriggerAction } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { riskOfUnit } from './shared/risk.ts';
import { daemonReload, requireSystemd, systemctl, undoSystemctl, unitNameOrService } from './systemd/units.ts';

const props = z
  .strictObject({
    /** `nginx`, `nginx.service`, `backup.timer`; a service when no type is given. */
    name: unitNameOrService,
    /** Nothing said, nothing done: it stays as it is. */
    state: z.enum(['running', 'stopped']).optional(),
    /** Starts at boot. Nothing said, nothing done. */
    enabled: z.boolean().optional(),
    /** Cannot be started by anybody. `false` takes a mask away. */
    masked: z.boolean().optional(),
  })
  .refine(({ masked, state, enabled }) => masked !== true || (state !== 'running' && enabled !== true), {
    error: 'a masked unit can neither run nor be enabled',
  });

type Props = z.output<typeof props>;

interface Current {
  readonly system: SystemFact;
  readonly unit: UnitFact;
}

/**
 * State of a systemd unit. With `restartOn` or `reloadOn` it restarts or reloads when another resource changes, unless it
 * is started by the same run anyway or is not running.
 *
 * @example
 * const conf = file({ path: '/etc/nginx/nginx.conf', content: render(params) });
 * unit({ name: 'nginx', state: 'running', enabled: true }, { reloadOn: [conf] });
 */
export const unit = defineResource({
  type: 'unit',
  props,
  id: ({ name }: Props) => name,

  async read(host: Facts, { name }: Props): Promise<Current> {
    const system = host.system();
    const unit = host.unit(name);
    // Without systemd the unit cannot be read; that it is missing is what diff tells.
    unit.catch(() => {});
    const known = await system;
    requireSystemd(known, `unit ${name}`);
    return { system: known, unit: await unit };
  },

  diff(props: Props, { unit }: Current): readonly Change[] {
    refuseImpossible(props, unit);
    const changes: Change[] = [];
    let predicted = unit;
    const add = (
      attribute: string,
      before: string,
      after: string,
      verb: string,
      undo: string,
      makes: Partial<UnitFact>,
    ): void => {
      predicted = { ...predicted, ...makes };
      changes.push({
        attribute,
        before,
        after,
        apply: [systemctl(verb, props.name)],
        revert: [undoSystemctl(undo, props.name)],
        risk: riskOfUnit(props.name),
        predicts: [{ fact: 'unit', value: predicted }],
      });
    };

    const masked = unit.load === 'masked' || unit.enablement.startsWith('masked');
    if (props.masked === false && masked) {
      add('masked', 'masked', 'not masked', 'unmask', 'mask', { load: 'loaded', enablement: 'disabled' });
    }
    if (unit.needsReload && unit.load !== 'not-found') {
      const reload = { apply: [daemonReload], revert: [daemonReload] };
      changes.push({ attribute: 'definition', before: 'older than its file', after: 'as in its file', ...reload });
      predicted = { ...predicted, needsReload: false };
    }
    if (props.enabled === true && !countsAsEnabled(predicted)) {
      add('enabled', predicted.enablement || 'disabled', 'enabled', 'enable', 'disable', { enablement: 'enabled' });
    }
    if (props.state === 'running' && !countsAsRunning(unit)) {
      add('state', unit.active, 'active', 'start', 'stop', { active: 'active' });
    }
    if (props.state === 'stopped' && unit.active !== 'inactive' && unit.active !== 'failed') {
      add('state', unit.active, 'inactive', 'stop', 'start', { active: 'inactive' });
    }
    if (props.enabled === false && ['enabled', 'enabled-runtime'].includes(unit.enablement)) {
      add('enabled', unit.enablement, 'disabled', 'disable', 'enable', { enablement: 'disabled' });
    }
    if (props.masked === true && !masked) {
      add('masked', 'not masked', 'masked', 'mask', 'unmask', { load: 'masked', enablement: 'masked' });
    }
    return changes;
  },

  triggered(action: TriggerAction, props: Props, { unit }: Current, changes: readonly Change[]): readonly Change[] {
    const stateChanges = changes.some(({ attribute }) => attribute === 'state' || attribute === 'masked');
    if (stateChanges || !countsAsRunning(unit)) return [];
    // What cannot reload restarts; what stopped in between stays stopped.
    const verb = action === 'reload' ? 'try-reload-or-restart' : 'try-restart';
    return [
      {
        attribute: action === 'reload' ? 'reload' : 'restart',
        before: 'running',
        after: action === 'reload' ? 'reloaded' : 'restarted',
        apply: [systemctl(verb, props.name)],
        // It was running; what it was given may have kept it from starting again.
        revert: [undoSystemctl(action === 'reload' ? 'reload-or-restart' : 'restart', props.name)],
        risk: riskOfUnit(props.name),
      },
    ];
  },
});

function refuseImpossible(props: Props, unit: UnitFact): void {
  const wantsIt = props.state === 'running' || props.enabled === true;
  if (!wantsIt) return;
  if (unit.load === 'not-found') {
    throw new LabError('PLAN_IMPOSSIBLE', `there is no unit ${props.name} on the host`, {
      expected: 'a unit that exists, or that an earlier resource brings',
      found: 'none',
      hint: 'a typing error, or declare packages(…) or unitFile(…) before it',
    });
  }
  if (unit.load === 'masked' && props.masked !== false) {
    throw new LabError('PLAN_IMPOSSIBLE', `${props.name} is masked`, {
      expected: 'a unit that may be started',
      found: 'masked: somebody decided that it must not start',
      hint: 'declare it with masked: false to take the mask away',
    });
  }
  if (unit.load === 'error') {
    throw new LabError('PLAN_IMPOSSIBLE', `systemd cannot load ${props.name}`, {
      hint: `on the host: systemctl status ${props.name}`,
    });
  }
  if (props.enabled === true && unit.enablement === 'static') {
    throw new LabError('PLAN_IMPOSSIBLE', `${props.name} cannot be enabled`, {
      expected: 'a unit with an [Install] section',
      found: 'a static one, which other units start when they need it',
      hint: 'leave enabled out, or enable the timer or socket that starts it',
    });
  }
}

/** Runtime enablement is gone after a boot, so it does not count. `generated` comes from a SysV script that is on. */
function countsAsEnabled({ enablement }: UnitFact): boolean {
  return ['enabled', 'alias', 'indirect', 'generated'].includes(enablement);
}

function countsAsRunning({ active }: UnitFact): boolean {
  return ['active', 'activating', 'reloading', 'refreshing'].includes(active);
}
