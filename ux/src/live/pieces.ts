/** Uploads in pieces: which piece is next, and what an answer means. Pure. */

/** 8 MB: a cut costs seconds, and an answer per piece costs nothing */
export const PIECE = 8 * 1024 * 1024;

export interface Piece {
  from: number;
  /** behind the last byte */
  to: number;
  range: string;
}

/** The piece behind `offset`; an empty file is one empty piece without a range. */
export function nextPiece(offset: number, size: number, most = PIECE): Piece | undefined {
  if (size === 0) return { from: 0, to: 0, range: '' };
  if (offset >= size) return undefined;
  const to = Math.min(size, offset + most);
  return { from: offset, to, range: `bytes ${offset}-${to - 1}/${size}` };
}

/** Where the server's unfinished upload ends; one that is longer than the file belongs to another file. */
export function resumeAt(header: string | null, size: number): number | 'other' {
  const offset = Number.parseInt(header ?? '0', 10);
  if (Number.isNaN(offset) || offset <= 0) return 0;
  return offset > size ? 'other' : offset;
}

/** A path below a folder, as one puts it: no empty parts, no way out. */
export function joined(folder: string, name: string): string {
  return [...folder.split('/'), ...name.split('/')].filter((part) => part !== '' && part !== '.' && part !== '..').join('/');
}
