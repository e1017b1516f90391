import { describe, expect, it } from 'vitest';
import type { Job } from '../../../src/schedule/job.ts';
import { notifySections, serviceSections, timerSections, tryCommand } from '../../../src/schedule/units.ts';

const job: Job = {
  version: 1,
  name: 'rotate-keys',
  control: 'nas',
  playbook: 'playbooks/50% $(x) "q".ts',
  options: ['--max-age', '30d'],
  calendar: 'Mon *-*-* 04:30',
  delay: '1h',
  logins: {},
  node: { path: '/usr/bin/node', from: 'host' },
  notify: { url: 'https://ntfy.example.org/t%20$x' },
};
const folder = '/var/lib/lab-schedule/rotate-keys';

describe('the units of a job', () => {
  const service = serviceSections(job, `${folder}/repository/inventory`);

  it('call nothing but the copied program, with the name of the job: what users wrote is in its manifest', () => {
    expect(service.Service?.ExecStart).toBe(
      `"/usr/bin/node" "${folder}/program/bin/lab.js" "schedule" "work" "rotate-keys"`,
    );
    expect(notifySections(job).Service?.ExecStart).toBe(
      `"/usr/bin/node" "${folder}/program/bin/lab.js" "schedule" "tell" "rotate-keys"`,
    );
    expect(JSON.stringify([service.Service, notifySections(job), timerSections(job).Timer])).not.toMatch(/ntfy|30d/);
  });

  it('take a percent sign as text where systemd would read a specifier', () => {
    expect(service.Unit?.Description).toBe('lab schedule rotate-keys: lab run playbooks/50%% $(x) "q".ts');
  });

  it('may write to the home of the job and beside the lock file, and nowhere else', () => {
    expect(service.Service).toMatchObject({
      User: 'lab-job-rotate-keys',
      ProtectSystem: 'strict',
      ReadWritePaths: `${folder}/home ${folder}/repository/inventory`,
      CapabilityBoundingSet: '',
      UMask: '0077',
    });
    expect(service.Service).not.toHaveProperty('MemoryDenyWriteExecute');
  });

  it('run what was missed, spread, and tell of a failure only when somebody is to be told', () => {
    expect(timerSections(job).Timer).toEqual({
      OnCalendar: 'Mon *-*-* 04:30',
      Persistent: true,
      RandomizedDelaySec: '1h',
    });
    expect(service.Unit?.OnFailure).toBe('lab-schedule-notify@rotate-keys.service');
    const { notify: _, ...quiet } = job;
    expect(serviceSections(quiet, folder).Unit).not.toHaveProperty('OnFailure');
  });

  it('are tried with every restriction that the service has', () => {
    const argv = tryCommand(job, `${folder}/repository/inventory`);
    for (const [name, value] of Object.entries(service.Service ?? {})) {
      if (['Type', 'ExecStart', 'KillMode', 'TimeoutStartSec', 'TimeoutStopSec'].includes(name)) continue;
      for (const one of [value].flat()) expect(argv).toContain(`--property=${name}=${one}`);
    }
    expect(argv.slice(-3)).toEqual(['work', 'rotate-keys', '--check']);
  });
});
