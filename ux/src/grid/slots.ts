/**
 * A row is drawn by the slot `row modulo count`: scrolling by one row changes one slot, and every other element stays what
 * it was.
 */
export function slotCount(viewport: number, rowHeight: number, margin = 2): number {
  return Math.ceil(viewport / rowHeight) + 2 + 2 * margin;
}

/** The row of each slot, or -1 where a slot has none. */
export function slotRows(first: number, last: number, count: number): number[] {
  const rows = new Array<number>(count).fill(-1);
  for (let row = first; row <= last && row < first + count; row++) rows[row % count] = row;
  return rows;
}
