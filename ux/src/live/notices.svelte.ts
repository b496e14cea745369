/** Short notices at the corner, and what screen readers are told. */

export interface Notice {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
  /** where it leads; one with a link stays until it is closed or followed */
  link?: { href: string; action: string };
}

const SHOWN_MS = 5000;
let numbers = 0;

class Notices {
  list = $state<Notice[]>([]);
  polite = $state('');
  assertive = $state('');
}

export const notices = new Notices();

/** For what cannot be seen on the screen anyway. */
export function notice(text: string, tone: Notice['tone'] = 'plain', link?: Notice['link']): void {
  const id = ++numbers;
  notices.list.push({ id, text, tone, ...(link ? { link } : {}) });
  if (!link) setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number): void {
  notices.list = notices.list.filter((known) => known.id !== id);
}

/** Only changes of state, never rows. */
export function announce(text: string, urgent = false): void {
  if (urgent) notices.assertive = text;
  else notices.polite = text;
}

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notice(`${what} copied`);
  } catch {
    notice(`The browser does not allow copying. ${text}`, 'bad');
  }
}
