// Runs in the page (page.ts) and draws every plot of the report into its element, with uPlot.

import type UPlot from 'uplot';

export interface Plot {
  readonly title: string;
  /** The label of the x axis, and the labels of its places. */
  readonly axis: string;
  readonly places: readonly string[];
  /** The y axis is logarithmic; otherwise it begins at 0. */
  readonly logarithmic: boolean;
  /** Null: no value at that place. */
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

declare const uPlot: typeof UPlot;
/** The page defines the plots, and has the elements with the ids `plot-0`, `plot-1`, ... for them. */
declare const PLOTS: readonly Plot[];
declare const document: { getElementById(id: string): ConstructorParameters<typeof UPlot>[2] };

const COLOURS = ['#2456a6', '#c2571a', '#3b8f4a', '#8a4fa3', '#777777', '#a8323a', '#1d8a99', '#b58900'];
const SIZE = { width: 560, height: 300 };

PLOTS.forEach((plot, number) => {
  const places = plot.places.map((_, place) => place);
  const data: UPlot.AlignedData = [places, ...plot.lines.map(({ values }) => [...values])];
  new uPlot(optionsOf(plot, places), data, document.getElementById(`plot-${number}`));
});

function optionsOf({ title, axis, places, logarithmic, lines }: Plot, splits: number[]): UPlot.Options {
  return {
    title,
    ...SIZE,
    scales: {
      x: { time: false, range: [-0.3, places.length - 0.7] },
      y: logarithmic ? { distr: 3 } : { range: (_, __, max) => [0, max * 1.05 || 1] },
    },
    axes: [{ splits: () => splits, values: () => [...places] }, { size: 70 }],
    series: [
      { label: axis, value: (_, place) => places[place] ?? '' },
      ...lines.map(({ label }, i) => ({ label, stroke: COLOURS[i % COLOURS.length] ?? '', width: 2 })),
    ],
  };
}
