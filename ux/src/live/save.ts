/** Files that the browser keeps for a person: made here, sent nowhere. */

const KEPT_MS = 60_000;

export function saveFile(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

export const saveJson = (name: string, value: unknown): void => saveFile(name, 'application/json', JSON.stringify(value, null, 2));
