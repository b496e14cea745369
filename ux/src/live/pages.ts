/** The rows of one view: pages of a hundred, the least recently shown forgotten. */
import type { Row } from './protocol';

export const PAGE_ROWS = 100;
export const MOST_PAGES = 60;

export class Pages {
  /** in order of use, oldest first */
  private readonly pages = new Map<number, Row[]>();

  /** Numbers of the pages that rows `first`..`last` are on. */
  static covering(first: number, last: number): number[] {
    const from = Math.max(0, Math.floor(first / PAGE_ROWS));
    const to = Math.max(from, Math.floor(last / PAGE_ROWS));
    return Array.from({ length: Math.min(to - from + 1, MOST_PAGES) }, (_, at) => from + at);
  }

  has(page: number): boolean {
    return this.pages.has(page);
  }

  put(page: number, rows: Row[]): void {
    this.pages.delete(page);
    this.pages.set(page, rows);
    while (this.pages.size > MOST_PAGES) this.pages.delete(this.pages.keys().next().value!);
  }

  get(page: number): Row[] | undefined {
    const rows = this.pages.get(page);
    if (rows) {
      this.pages.delete(page);
      this.pages.set(page, rows);
    }
    return rows;
  }

  /** Keeps only these pages. */
  keep(numbers: readonly number[]): void {
    for (const page of [...this.pages.keys()]) if (!numbers.includes(page)) this.pages.delete(page);
  }

  clear(): void {
    this.pages.clear();
  }

  /** Replaces a row wherever it is; answers its number, or undefined when it is not here. */
  update(key: string, owner: string, change: (row: Row) => Row): number | undefined {
    for (const [page, rows] of this.pages) {
      const at = rows.findIndex((row) => row.key === key && row.owner === owner);
      if (at < 0) continue;
      rows[at] = change(rows[at]!);
      return page * PAGE_ROWS + at;
    }
    return undefined;
  }

  get size(): number {
    return this.pages.size;
  }
}
