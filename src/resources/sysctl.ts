import { z } from 'zod';
import type { Facts, FileFact } from '../remote/facts/contract.ts';
import { sysctlPath } from '../remote/facts/sysctl-path.ts';
import { LabError } from '../shared/errors.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { type CurrentFile, diffManagedFile, type ManagedFile, readManagedFile } from './shared/managed-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { riskOfSysctl } from './shared/risk.ts';
import { asDirectory, withFolder } from './systemd/follow-up.ts';

const props = z
  .strictObject({
    /** `net.ipv4.ip_forward`; a dot inside an interface's name is written as a slash, sysctl(8). */
    key: z.string().regex(/^[A-Za-z0-9_-]+([./][A-Za-z0-9_:@-]+)+$/, { error: 'a key such as "net.ipv4.ip_forward"' }),
    /** Lists of numbers as one string, separated by blanks. `true` is 1. */
    value: z.union([z.string().regex(/^[^\n\0]+$/, { error: 'one line' }), z.number(), z.boolean()]).optional(),
    /** `absent` takes the drop-in away; the value stays until the next boot. */
    state: z.enum(['present', 'absent']).default('present'),
    /** Sets it now. Default true; `false` waits for the next boot. */
    now: z.boolean().default(true),
    /** A key that this kernel does not have is only written to the drop-in. Default false. */
    ignoreUnknown: z.boolean().default(false),
  })
  .refine(({ state, value }) => (state === 'present') === (value !== undefined), {
    error: 'a value, unless it is to be absent',
  });

type Props = z.output<typeof props>;

interface Current {
  readonly value: string | null;
  /** Only the fact when the drop-in is to be absent. */
  readonly file: CurrentFile | FileFact;
}

/**
 * A kernel parameter: now, and after every boot by `/etc/sysctl.d/60-lab-KEY.conf`.
 *
 * @example
 * sysctl({ key: 'net.ipv4.ip_forward', value: true });
 * sysctl({ key: 'net.ipv4.ip_local_port_range', value: '1024 65000' });
 */
export const sysctl = defineResource({
  type: 'sysctl',
  props,
  id: ({ key }: Props) => key,
  paths: (props: Props) => claimOwnPath({ path: dropIn(props).path, state: props.state }),

  async read(host: Facts, props: Props): Promise<Current> {
    const [value, file] = await Promise.all([
      host.sysctl(props.key),
      props.state === 'absent' ? host.file(dropIn(props).path) : readManagedFile(host, dropIn(props)),
    ]);
    return { value, file };
  },

  diff(props: Props, { value, file }: Current): readonly Change[] {
    const risk = riskOfSysctl(props.key);
    if (!('fact' in file)) return removalOf(file).map((change) => ({ ...change, risk }));
    const wanted = normalised(props.value);
    const changes: Change[] = [];
    if (value === null && !props.ignoreUnknown) {
      throw new LabError('PLAN_IMPOSSIBLE', `the kernel has no parameter ${props.key}`, {
        expected: `${sysctlPath(props.key)} on the host`,
        found: 'none',
        hint: 'a typing error, or a kernel module that is not loaded yet; ignoreUnknown: true only writes it down',
      });
    }
    if (value !== null && props.now && value !== wanted) {
      changes.push({
        attribute: 'value',
        before: value,
        after: wanted,
        apply: [write(props.key, wanted)],
        revert: [write(props.key, value)],
        predicts: [{ fact: 'sysctl', key: props.key, value: wanted }],
      });
    }
    const { parent } = file;
    const text = diffManagedFile(dropIn(props), { ...file, parent: parent === null ? null : asDirectory(parent) });
    return [
      ...changes,
      ...withFolder(text, parent).map((change) => ({ ...change, attribute: `drop-in ${change.attribute}` })),
    ].map((change) => ({ ...change, risk }));
  },
});

function dropIn({ key, value }: Props): ManagedFile {
  const name = key.replaceAll('/', '.').replaceAll('@', '_');
  return {
    path: `/etc/sysctl.d/60-lab-${name}.conf`,
    content: `# Managed by lab.\n${key} = ${normalised(value)}\n`,
    mode: '0644',
    ...{ owner: 'root', group: 'root' },
  };
}

/** As the kernel's answer is read: one blank between numbers. */
function normalised(value: Props['value']): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return String(value ?? '')
    .trim()
    .replaceAll(/\s+/g, ' ');
}

/** Straight to the file: sysctl(8) is not on every host. */
function write(key: string, value: string): Change['apply'][number] {
  return { do: 'run', argv: ['sh', '-c', 'printf "%s\\n" "$2" >"$1"', 'lab', sysctlPath(key), value] };
}
