// Draws what a terminal shows as an SVG: node scripts/draw-terminal.mjs < output > docs/images/run.svg
// Colours and weights of SGR sequences (ECMA-48); every other control sequence is left out.
import { readFileSync } from 'node:fs';

const cell = { width: 8.4, height: 18 };
const margin = 16;
const colors = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#76e3ea',
  90: '#8b949e',
};
const ground = '#0d1117';
const plain = '#e6edf3';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const sequence = /\u001b\[([0-9;?]*)([A-Za-z])/g;
const xml = (text) =>
  text.replaceAll(' ', '\u00a0').replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]);

/** How the text after these codes looks. */
function styled(style, codes) {
  const next = { ...style };
  for (const code of codes.split(';').map(Number)) {
    if (code === 0) Object.assign(next, { color: plain, bold: false, dim: false });
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 22) Object.assign(next, { bold: false, dim: false });
    else if (code === 39) next.color = plain;
    else if (colors[code] !== undefined) next.color = colors[code];
  }
  return next;
}

/** Pieces of one line that look alike, each with the column it begins at. */
function pieces(line, style) {
  const found = [];
  let column = 0;
  let at = 0;
  const push = (text) => {
    if (text !== '') found.push({ text, column, ...style });
    column += [...text].length;
  };
  for (const match of line.matchAll(sequence)) {
    push(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') style = styled(style, match[1]);
  }
  push(line.slice(at));
  return { found, columns: column, style };
}

const lines = readFileSync(0, 'utf8').replaceAll('\r', '').trimEnd().split('\n');
let style = { color: plain, bold: false, dim: false };
let columns = 0;
const drawn = lines.flatMap((line, row) => {
  const read = pieces(line, style);
  ({ style } = read);
  columns = Math.max(columns, read.columns);
  return read.found
    .filter(({ text }) => text.trim() !== '')
    .map(({ text, column, color, bold, dim }) => {
      const shown = text.trimStart();
      const x = margin + (column + [...text].length - [...shown].length) * cell.width;
      const width = [...shown.trimEnd()].length * cell.width;
      const looks = `${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity="0.7"' : ''}`;
      const y = margin + (row + 0.75) * cell.height;
      return `<text x="${x.toFixed(1)}" y="${y}" textLength="${width.toFixed(1)}" fill="${color}"${looks}>${xml(shown.trimEnd())}</text>`;
    });
});
const size = { width: Math.ceil(columns * cell.width + 2 * margin), height: lines.length * cell.height + 2 * margin };
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">
<title>${xml(lines[0].replace(sequence, ''))}</title>
<rect width="100%" height="100%" rx="8" fill="${ground}"/>
${drawn.join('\n')}
</svg>
`);
