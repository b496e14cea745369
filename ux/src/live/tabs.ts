/** What the tabs of a browser tell each other, whether or not they share a worker. */

type News = 'logout' | 'used';

let channel: BroadcastChannel | undefined;
const listeners = new Map<News, () => void>();

function open(): BroadcastChannel {
  if (channel) return channel;
  channel = new BroadcastChannel('mullion');
  channel.onmessage = (message: MessageEvent<News>) => listeners.get(message.data)?.();
  return channel;
}

/** To all others. */
export function tellTabs(news: News): void {
  open().postMessage(news);
}

export function hearTabs(news: News, run: () => void): void {
  listeners.set(news, run);
  open();
}
