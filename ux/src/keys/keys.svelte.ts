/** The one registry of this page, and the settings of the person who uses it. */
import { onDestroy } from 'svelte';
import { Keys, pressed, type Settings } from './registry';

const STORED = 'mullion.keys';

function stored(): Settings {
  try {
    return { singleKeys: true, rebound: {}, ...(JSON.parse(localStorage.getItem(STORED) ?? '{}') as Partial<Settings>) };
  } catch {
    return { singleKeys: true, rebound: {} };
  }
}

export const keySettings = $state<Settings>(stored());

export function saveKeySettings(): void {
  localStorage.setItem(STORED, JSON.stringify(keySettings));
}

export const keys = new Keys(
  () => keySettings,
  () => performance.now(),
);

/** Handles commands while the calling component lives. */
export function useKeys(handlers: Record<string, () => void>): void {
  const release = Object.entries(handlers).map(([id, run]) => keys.on(id, run));
  onDestroy(() => release.forEach((undo) => undo()));
}

function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type);
}

/** For the window's keydown. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.repeat) return;
  if (document.querySelector('dialog[open]') && !event.ctrlKey && !event.metaKey) return;
  const field = isField(event.composedPath()[0] ?? event.target);
  if (keys.press(pressed(event), field)) event.preventDefault();
}
