/**
 * Which rows are on screen. Browsers end elements at some ten million pixels, so beyond MOST_PIXELS the scrollbar is
 * proportional: `top` is kept in rows (a fraction is allowed), and the scroll position is only derived from it.
 */
export const MOST_PIXELS = 8_000_000;

export interface Geometry {
  rows: number;
  rowHeight: number;
  /** height of what can be seen */
  viewport: number;
}

/** Height of the scrolled element. */
export function scrollHeight({ rows, rowHeight }: Geometry): number {
  return Math.min(rows * rowHeight, MOST_PIXELS);
}

export function isScaled(geometry: Geometry): boolean {
  return geometry.rows * geometry.rowHeight > MOST_PIXELS;
}

/** The largest `top`: the last row stands at the lower edge. */
export function lastTop({ rows, rowHeight, viewport }: Geometry): number {
  return Math.max(0, rows - viewport / rowHeight);
}

export function clampTop(top: number, geometry: Geometry): number {
  return Math.min(Math.max(0, top), lastTop(geometry));
}

/** Row at the upper edge for a scroll position. */
export function topOfScroll(scroll: number, geometry: Geometry): number {
  if (!isScaled(geometry)) return clampTop(scroll / geometry.rowHeight, geometry);
  const room = scrollHeight(geometry) - geometry.viewport;
  return room <= 0 ? 0 : clampTop((scroll / room) * lastTop(geometry), geometry);
}

/** Scroll position for the row at the upper edge. */
export function scrollOfTop(top: number, geometry: Geometry): number {
  if (!isScaled(geometry)) return top * geometry.rowHeight;
  const last = lastTop(geometry);
  return last === 0 ? 0 : (top / last) * (scrollHeight(geometry) - geometry.viewport);
}

/** First and last row that can be seen, with a margin; last < first when there is none. */
export function visibleRows(top: number, geometry: Geometry, margin = 2): { first: number; last: number } {
  const shown = Math.ceil(geometry.viewport / geometry.rowHeight) + 1;
  return {
    first: Math.max(0, Math.floor(top) - margin),
    last: Math.min(geometry.rows - 1, Math.floor(top) + shown + margin),
  };
}

/** The smallest move of `top` that brings a row wholly onto the screen. */
export function topShowing(row: number, top: number, geometry: Geometry): number {
  const fits = Math.max(1, Math.floor(geometry.viewport / geometry.rowHeight));
  if (row < top) return clampTop(row, geometry);
  if (row + 1 > top + geometry.viewport / geometry.rowHeight) return clampTop(row + 1 - geometry.viewport / geometry.rowHeight, geometry);
  return fits >= geometry.rows ? 0 : top;
}
