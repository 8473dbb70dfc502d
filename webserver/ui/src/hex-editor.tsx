// A long value in hex, row by row. Only the rows on the screen exist as elements, so it is as quick for a megabyte as for a page.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Bytes } from '../../../common/base/bytes.ts';
import { offsetOf, type RowEdit, rowCount, rowText, windowOf } from '../../editor/hex-rows.ts';

/** The height of a row in pixels, which keys.css also has. All rows have the same, so that a row's place is known without drawing it. */
const ROW_PX = 22;
const VIEW_PX = 12 * ROW_PX;

interface HexEditorProps {
  readonly bytes: Bytes;
  readonly edit: RowEdit | null;
  readonly invalid: boolean;
  readonly change: (edit: RowEdit) => void;
  readonly finish: () => void;
}

export function HexEditor({ bytes, edit, invalid, change, finish }: HexEditorProps) {
  const view = useRef<HTMLElement>(null);
  const [scrollTop, setScrollTop] = useState(0);
  const focusRow = useRowFocus(view);
  const rows = rowCount(bytes);
  const { first, end } = windowOf(rows, ROW_PX, VIEW_PX, scrollTop);
  const isEdited = (row: number): boolean => edit?.row === row;
  return (
    <section
      class="hex-view"
      aria-label="Value in hex"
      ref={view}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
    >
      <div class="hex-rows" style={{ height: `${rows * ROW_PX}px` }}>
        {Array.from({ length: end - first }, (_, index) => first + index).map((row) => (
          <label key={row} class="hex-row" style={{ top: `${row * ROW_PX}px` }}>
            <span class="offset">{offsetOf(row)}</span>
            <input
              data-row={row}
              value={isEdited(row) ? edit?.text : rowText(bytes, row)}
              // A row that is not hexadecimal must be mended before the next one.
              readOnly={invalid && !isEdited(row)}
              aria-invalid={invalid && isEdited(row)}
              onInput={(event) => change({ row, text: event.currentTarget.value })}
              onBlur={finish}
              onKeyDown={(event) => {
                const step = STEPS[event.key];
                if (step === undefined) return;
                event.preventDefault();
                focusRow(Math.min(Math.max(row + step, 0), rows - 1));
              }}
              spellcheck={false}
              autocomplete="off"
            />
          </label>
        ))}
      </div>
    </section>
  );
}

/** How many rows a key moves. Without Enter the form would be submitted. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowUp: -1,
  ArrowDown: 1,
  Enter: 1,
  PageUp: -12,
  PageDown: 12,
};

/** Moves the focus to a row, which may have to be scrolled to and drawn first. */
function useRowFocus(view: { readonly current: HTMLElement | null }) {
  const [wanted, setWanted] = useState<number | null>(null);
  useEffect(() => {
    if (wanted === null) return;
    const input = view.current?.querySelector<HTMLInputElement>(`[data-row="${wanted}"]`);
    // Not there yet: the scrolling draws it.
    if (input === null || input === undefined) return;
    input.focus({ preventScroll: true });
    setWanted(null);
  });
  return (row: number): void => {
    const { current } = view;
    if (current === null) return;
    const top = row * ROW_PX;
    if (top < current.scrollTop) current.scrollTop = top;
    else if (top + ROW_PX > current.scrollTop + VIEW_PX) current.scrollTop = top + ROW_PX - VIEW_PX;
    setWanted(row);
  };
}
