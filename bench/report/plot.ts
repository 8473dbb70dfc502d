// Plots as SVG, by hand: a run's page must open anywhere, for ever, without a library from somewhere.

import { figure } from './table.ts';

const WIDTH = 560;
const BAR = 18;
const GAP = 6;
const LABEL = 250;
const PLOT = { left: 56, top: 26, width: 470, height: 220 };
const COLOURS = ['#2456a6', '#c2571a', '#3b8f4a', '#8a4fa3', '#777777', '#a8323a', '#1d8a99', '#b58900'];

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

export function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#000000';
}

/** One bar each, with a line from the lowest to the highest round. */
export function bars(all: readonly Bar[], unit: string): string {
  const highest = Math.max(...all.map(({ max }) => max), Number.MIN_VALUE);
  const scale = (value: number): number => (value / highest) * (WIDTH - LABEL - 90);
  const shapes = all.map(({ label, value, min, max }, i) => {
    const y = i * (BAR + GAP);
    const middle = y + BAR / 2;
    const length = scale(value).toFixed(1);
    const range = [min, max].map((at) => (LABEL + scale(at)).toFixed(1));
    return [
      `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escapeHtml(label)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${length}" height="${BAR}" fill="${colourOf(i)}"/>`,
      `<path d="M${range[0]} ${middle}H${range[1]}" stroke="#111" stroke-width="1.5"/>`,
      `<text x="${LABEL + scale(max) + 6}" y="${middle + 4}">${figure(value)} ${escapeHtml(unit)}</text>`,
    ].join('');
  });
  return svg(WIDTH, all.length * (BAR + GAP), shapes.join(''));
}

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Both axes logarithmic, `ticks` of x named; values must be above 0. */
export function lines(
  all: readonly Line[],
  ticks: readonly (readonly [x: number, name: string])[],
  unit: string,
): string {
  const ys = all.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y > 0);
  if (ys.length === 0) return '';
  const low = 10 ** Math.floor(Math.log10(Math.min(...ys)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...ys) * 1.01));
  const xs = ticks.map(([x]) => x);
  const first = Math.log(Math.min(...xs));
  const span = Math.log(Math.max(...xs)) - first || 1;
  const toX = (x: number): number => PLOT.left + ((Math.log(x) - first) / span) * PLOT.width;
  const toY = (y: number): number => PLOT.top + (1 - Math.log(y / low) / Math.log(high / low)) * PLOT.height;
  const grid: string[] = [];
  for (let y = low; y <= high * 1.001; y *= 10) {
    const at = toY(y).toFixed(1);
    grid.push(`<path d="M${PLOT.left} ${at}h${PLOT.width}" stroke="#ddd"/>`);
    grid.push(`<text x="${PLOT.left - 6}" y="${Number(at) + 4}" text-anchor="end">${figure(y)}</text>`);
  }
  for (const [x, name] of ticks)
    grid.push(
      `<text x="${toX(x).toFixed(1)}" y="${PLOT.top + PLOT.height + 16}" text-anchor="middle">${name}</text>`,
    );
  const curves = all.map(({ points }, i) => {
    const path = points.filter(([, y]) => y > 0).map(([x, y]) => `${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`);
    return path.length === 0
      ? ''
      : `<path d="M${path.join('L')}" fill="none" stroke="${colourOf(i)}" stroke-width="2"/>`;
  });
  const names = all.map(
    ({ label }, i) =>
      `<text x="${PLOT.left + 8}" y="${PLOT.top + PLOT.height + 36 + i * 15}" fill="${colourOf(i)}">${escapeHtml(label)}</text>`,
  );
  const axis = `<text x="4" y="${PLOT.top - 14}">${escapeHtml(unit)}</text>`;
  return svg(
    WIDTH,
    PLOT.top + PLOT.height + 40 + all.length * 15,
    [axis, ...grid, ...curves, ...names].join(''),
  );
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function svg(width: number, height: number, content: string): string {
  return `<svg viewBox="0 0 ${width} ${Math.ceil(height)}" width="${width}" role="img">${content}</svg>`;
}
