/** Fields of crontab(5): smallest and largest number, and the names that stand for numbers from the smallest on. */
const fields = [
  { from: 0, to: 59, names: [] },
  { from: 0, to: 23, names: [] },
  { from: 1, to: 31, names: [] },
  { from: 1, to: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { from: 0, to: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
] as const;

const nicknames = new Set(['@reboot', '@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);

/** Whether cron takes it: five fields, or one of the nicknames. A wrong one would silence the whole file. */
export function isCronSchedule(schedule: string): boolean {
  const given = schedule.trim().split(/[ \t]+/);
  if (given.length === 1) return nicknames.has(given[0] ?? '');
  return given.length === fields.length && fields.every((field, index) => isField(given[index] ?? '', field));
}

type Field = (typeof fields)[number];

function isField(text: string, field: Field): boolean {
  return text.split(',').every((part) => {
    const [, first = '', last, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
    if (step !== undefined && (Number(step) === 0 || (first !== '*' && last === undefined))) return false;
    if (first === '*') return last === undefined;
    const from = numberOf(first, field);
    const to = last === undefined ? from : numberOf(last, field);
    return from !== null && to !== null && from <= to;
  });
}

function numberOf(text: string, { from, to, names }: Field): number | null {
  const named = (names as readonly string[]).indexOf(text.toLowerCase());
  if (named !== -1) return from + named;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return number >= from && number <= to ? number : null;
}
