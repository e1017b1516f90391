import { z } from 'zod';
import {
  type Facts,
  type FileFact,
  KnownAfterApply,
  type SystemFact,
  type UnitFact,
} from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { type CurrentFile, diffManagedFile, type ManagedFile, readManagedFile } from './shared/managed-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { riskOfUnit } from './shared/risk.ts';
import { plainText } from './shared/schemas.ts';
import { asDirectory, followedBy, withFolder } from './systemd/follow-up.ts';
import { daemonReload, requireSystemd, undoSystemctl, unitName } from './systemd/units.ts';

const directory = '/etc/systemd/system';

const value = z.union([plainText, z.number(), z.boolean()]);
const sections = z.record(
  z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/, { error: 'a section such as "Service"' }),
  z.record(
    z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/, { error: 'a setting such as "ExecStart"' }),
    z.union([value, z.array(value)]),
  ),
);

const props = z
  .strictObject({
    /** With its type: `backup.service`. Templates (`worker@.service`) are fine. */
    name: unitName,
    /** Only adds to a unit that exists: the drop-in `NAME.d/DROPIN.conf`. */
    dropIn: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/, { error: 'a file name without ".conf"' })
      .optional(),
    /** The whole text; or `sections`. */
    content: plainText.optional(),
    /** Section → setting → value; a list gives the setting several times, an empty string first resets it. */
    sections: sections.optional(),
    state: z.enum(['present', 'absent']).default('present'),
    /** Lets `systemd-analyze verify` check it before it takes its place. Default true. */
    verify: z.boolean().default(true),
  })
  .refine(
    ({ state, content, sections }) =>
      state === 'absent'
        ? content === undefined && sections === undefined
        : (content === undefined) !== (sections === undefined),
    { error: 'either content or sections, and neither when it is to be absent' },
  );

type Props = z.output<typeof props>;

interface Current {
  readonly system: SystemFact;
  /** Only the fact when the file is to be absent. */
  readonly file: CurrentFile | FileFact;
  readonly unit: UnitFact;
}

/**
 * A unit file in `/etc/systemd/system`, or a drop-in for a unit that something else brings. systemd reads it again at
 * once; starting or enabling it is the work of `unit`.
 *
 * @example
 * const service = unitFile({
 *   name: 'hello.service',
 *   sections: { Service: { ExecStart: '/usr/local/bin/hello' }, Install: { WantedBy: 'multi-user.target' } },
 * });
 * unit({ name: 'hello.service', state: 'running', enabled: true }, { restartOn: [service] });
 */
export const unitFile = defineResource({
  type: 'unit-file',
  props,
  id: ({ name, dropIn }: Props) => (dropIn === undefined ? name : `${name}.d/${dropIn}`),
  paths: (props: Props) => claimOwnPath({ path: pathOf(props), state: props.state }),

  async read(host: Facts, props: Props): Promise<Current> {
    const unit = host.unit(props.name).catch((error: unknown) => {
      if (error instanceof KnownAfterApply || error instanceof LabError) return notFound(props.name);
      throw error;
    });
    const [system, file, known] = await Promise.all([
      host.system(),
      props.state === 'absent' ? host.file(pathOf(props)) : readManagedFile(host, fileOf(props)),
      unit,
    ]);
    return { system, file, unit: known };
  },

  diff(props: Props, { system, file, unit }: Current): readonly Change[] {
    requireSystemd(system, `unit file ${props.name}`);
    const risk = riskOfUnit(props.name);
    if (!('fact' in file)) return removal(props, file, unit).map((change) => ({ ...change, risk }));
    const parent = file.parent;
    const changes = diffManagedFile(
      { ...fileOf(props), risk },
      { ...file, parent: props.dropIn === undefined || parent === null ? parent : asDirectory(parent) },
    );
    const reloaded = followedBy(changes, [daemonReload]);
    return props.dropIn === undefined ? predictUnit(reloaded, contentOf(props), unit) : withFolder(reloaded, parent);
  },
});

function pathOf({ name, dropIn }: Props): string {
  return dropIn === undefined ? `${directory}/${name}` : `${directory}/${name}.d/${dropIn}.conf`;
}

function fileOf(props: Props): ManagedFile {
  const validate =
    props.verify && props.dropIn === undefined ? ['sh', '-c', verify, 'lab', '%s', props.name] : undefined;
  return { path: pathOf(props), content: contentOf(props), mode: '0644', owner: 'root', group: 'root', validate };
}

function contentOf({ content, sections = {} }: Props): string {
  if (content !== undefined) return content;
  const blocks = Object.entries(sections).map(([section, settings]) => {
    const lines = Object.entries(settings).flatMap(([key, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${key}=${settingValue(one)}\n`),
    );
    return `[${section}]\n${lines.join('')}`;
  });
  return blocks.join('\n');
}

/** A line that ends in a backslash goes on (systemd.syntax(7)); a newline would begin another setting. */
function settingValue(value: string | number | boolean): string {
  return String(value).replaceAll(/\n/g, ' \\\n  ');
}

/**
 * The file is checked under its own name, as its type comes from that; a line about the file itself counts as a failure,
 * also one that systemd would only warn of, such as a mistyped setting. (Every `%s` in here would become the path.)
 */
const verify = [
  'command -v systemd-analyze >/dev/null || exit 0',
  'folder=$(mktemp -d) || exit 1',
  'trap \'rm -rf "$folder"\' EXIT',
  'cp -- "$1" "$folder/$2" || exit 1',
  'chmod 0644 "$folder/$2"',
  'output=$(systemd-analyze verify --man=no -- "$folder/$2" 2>&1)',
  'code=$?',
  'echo "$output" | sed "s|$folder/||g"',
  'case $output in *"$folder/$2"*) exit 1 ;; esac',
  'exit "$code"',
].join('\n');

function predictUnit(changes: readonly Change[], content: string, unit: UnitFact): readonly Change[] {
  const known = unit.load !== 'not-found' && unit.enablement !== '';
  const enablement = known ? unit.enablement : /^\[Install\]/m.test(content) ? 'disabled' : 'static';
  const value: UnitFact = { ...unit, load: 'loaded', enablement, needsReload: false };
  return changes.map((change) => ({ ...change, predicts: [...(change.predicts ?? []), { fact: 'unit', value }] }));
}

/** A unit whose file goes is stopped and disabled first, or it would run on with nobody knowing why. */
function removal(props: Props, file: FileFact, unit: UnitFact): readonly Change[] {
  const [change] = removalOf(file);
  if (change === undefined) return [];
  const first: Step[] = [];
  const undo: Step[] = [];
  const isTemplate = /@\.\w+$/.test(props.name);
  if (props.dropIn === undefined && !isTemplate) {
    if (['active', 'activating', 'reloading'].includes(unit.active)) {
      first.push(undoSystemctl('stop', props.name));
      undo.unshift(undoSystemctl('start', props.name));
    }
    if (['enabled', 'enabled-runtime', 'linked'].includes(unit.enablement)) {
      first.push(undoSystemctl('disable', props.name));
      undo.unshift(undoSystemctl('enable', props.name));
    }
  }
  const gone = { fact: 'unit' as const, value: notFound(props.name) };
  return [
    {
      ...change,
      apply: [...first, ...change.apply, daemonReload],
      revert: [...change.revert, daemonReload, ...undo],
      predicts: [...(change.predicts ?? []), ...(props.dropIn === undefined ? [gone] : [])],
    },
  ];
}

function notFound(name: string): UnitFact {
  return { name, load: 'not-found', enablement: '', active: 'inactive', needsReload: false };
}
