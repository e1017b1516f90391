import { styleText } from 'node:util';
import type { HostStatus } from '../runner/events.ts';

export type Style = Parameters<typeof styleText>[0];
/** Styles a text, or leaves it as it is when colours are off. */
export type Paint = (style: Style, text: string) => string;

/** Whether there are colours is decided once, by `terminalOf`; styleText must not ask the environment again. */
export function painter(colors: boolean): Paint {
  return colors ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;
}

export const statusStyles: Readonly<Record<HostStatus, Style>> = {
  ok: 'green',
  changed: 'yellow',
  'would-change': 'yellow',
  failed: 'red',
  reverted: 'red',
  unreachable: 'red',
  interrupted: 'magenta',
  skipped: 'gray',
};

export const statusSigns: Readonly<Record<HostStatus, string>> = {
  ok: '✔',
  changed: '✔',
  'would-change': '~',
  failed: '✘',
  reverted: '↶',
  unreachable: '⚠',
  interrupted: '■',
  skipped: '-',
};
