/** Text that was pasted where a file is awaited: the URL of one, or undefined. */
export function pastedUrl(text: string): URL | undefined {
  const word = text.trim();
  return /^https?:\/\/\S+$/i.test(word) && URL.canParse(word) ? new URL(word) : undefined;
}

/** A login in a URL ends in histories and logs; the command line refuses it too. */
export const holdsLogin = (url: URL): boolean => url.username !== '' || url.password !== '';

/** What the file is called there; `NAME` where the URL ends with a folder. */
export function nameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last).replaceAll('/', '_') || 'NAME';
  } catch {
    return last;
  }
}
