interface Row {
  readonly className?: string;
  /** Elements, or text that is escaped already. */
  readonly cells: readonly string[];
}

/**
 * A table; on a phone its rows are blocks with a heading before each cell. Roles are given by name: as blocks, some browsers no longer
 * take them for a table.
 *
 * @param label id of what names it
 */
export function htmlTable(label: string, heads: readonly string[], rows: readonly Row[]): string {
  const head = heads.map((text) => `<th role="columnheader" scope="col">${text}</th>`).join('');
  const body = rows.map(({ className, cells }) => {
    const drawn = cells.map((cell, index) => `<td role="cell" data-head="${heads[index]}">${cell}</td>`).join('');
    return `<tr role="row"${className === undefined ? '' : ` class="${className}"`}>${drawn}</tr>`;
  });
  return [
    `<table role="table" aria-labelledby="${label}"><thead role="rowgroup"><tr role="row">${head}</tr></thead><tbody role="rowgroup">`,
    ...body,
    '</tbody></table>',
  ].join('\n');
}
