import { columnsOf, padTo, visibleLine } from './visible.ts';

/**
 * Rows as lines with aligned columns, two blanks between them, none at the end. Columns that are empty below their heading
 * are left out.
 */
export function tableLines(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map(visibleLine));
  const kept = heading.map((_, column) => column).filter((column) => cells.some((row) => row[column]));
  const lines = [heading, ...cells];
  const widths = new Map(kept.map((column) => [column, Math.max(...lines.map((row) => columnsOf(row[column] ?? '')))]));
  return lines.map((row) =>
    kept
      .map((column) => padTo(row[column] ?? '', widths.get(column) ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
