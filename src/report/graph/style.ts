import { type Font, fonts } from './text.ts';

const sans = 'system-ui,"DejaVu Sans",sans-serif';
const mono = 'ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace';

const light = {
  paper: '#fbfcfd',
  ink: '#18202b',
  muted: '#566172',
  card: '#ffffff',
  line: '#b9c3cf',
  soft: '#eef1f5',
  public: '#b3500b',
  publicFill: '#fff3e6',
  private: '#2a5fb0',
  privateFill: '#edf3fe',
  tunnel: '#1d7a43',
  tunnelFill: '#e9f8ef',
  service: '#5a3fb5',
  serviceFill: '#f3f0fd',
  route: '#c2410c',
  device: '#9c2f72',
  bad: '#b3261e',
  badFill: '#fdecea',
};
const dark: typeof light = {
  paper: '#12161c',
  ink: '#e8edf3',
  muted: '#a3afbd',
  card: '#1c222b',
  line: '#45515f',
  soft: '#222933',
  public: '#f3a55c',
  publicFill: '#2a1f13',
  private: '#8db6f5',
  privateFill: '#141f31',
  tunnel: '#6fd597',
  tunnelFill: '#12271b',
  service: '#c2b2ff',
  serviceFill: '#26203c',
  route: '#ff9a5c',
  device: '#f29ccb',
  bad: '#ff8f85',
  badFill: '#381a1a',
};

function variables(colours: typeof light): string {
  return Object.entries(colours)
    .map(([name, value]) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}:${value}`)
    .join(';');
}

const fontClasses = (Object.keys(fonts) as Font[]).map((font) => {
  const { size, mono: isMono, bold } = fonts[font];
  return `.${font}{font:${bold ? '600 ' : ''}${size}px ${isMono ? mono : sans}}`;
});

const areas = ['public', 'private', 'tunnel'].flatMap((kind) => [
  `.area.${kind}{fill:var(--${kind}-fill);stroke:var(--${kind})}`,
  `.dot.${kind}{fill:var(--${kind})}`,
  `.chip-box.${kind}{fill:var(--${kind}-fill);stroke:var(--${kind})}`,
  `text.${kind}{fill:var(--${kind})}`,
]);

/** Colours of both schemes, for a picture and the page around it. */
export const colours = `:root{color-scheme:light dark;${variables(light)}}@media (prefers-color-scheme:dark){:root{${variables(dark)}}}`;

/** How the picture looks. No text of an inventory is in it. */
export const pictureStyle = [
  'text{fill:var(--ink)}',
  ...fontClasses,
  'text.muted{fill:var(--muted)}text.route{fill:var(--route)}text.flow{fill:var(--muted)}',
  '.paper{fill:var(--paper)}',
  '.area{fill:var(--soft);stroke:var(--line);stroke-opacity:.55}',
  ...areas,
  '.card{fill:var(--card);stroke:var(--line)}.card.device{stroke-dasharray:5 3}.card.internet{fill:var(--soft)}',
  '.dot{fill:var(--line)}',
  '.service{fill:var(--service-fill);stroke:var(--service);stroke-opacity:.35}',
  '.gateway{fill:var(--public-fill);stroke:var(--route);stroke-opacity:.35}',
  '.pill.route{fill:var(--card);stroke:var(--route)}',
  '.chip-box{fill:var(--card);stroke:var(--line)}.chip-box.group{fill:var(--soft);stroke:var(--muted)}',
  '.chip-box.service{fill:var(--service-fill);stroke:var(--service)}.chip-box.device{stroke:var(--device)}',
  '.chip-box.internet{fill:var(--public-fill);stroke:var(--route)}',
  '.wire{fill:none;stroke-width:1.75;stroke-linejoin:round}',
  '.wire.route{stroke:var(--route)}.wire.tunnel{stroke:var(--tunnel);stroke-dasharray:5 3}',
  '.head-of.route,.tail-of.route{fill:var(--route)}.head-of.tunnel,.tail-of.tunnel{fill:var(--tunnel)}',
  '.lane{fill:var(--card);stroke:var(--line)}.arrow{stroke:var(--muted);stroke-width:1.5;fill:none}.arrow-head{fill:var(--muted)}',
].join('\n');
