/** What events cannot tell while there is no socket is asked for. */
import { connection } from './bridge.svelte';

const EVERY_MS = 5000;

/** Runs `ask` every five seconds while nothing is heard and somebody looks; the answer ends it. */
export function askWhileNotLive(ask: () => void): () => void {
  const timer = setInterval(() => {
    if (connection.state !== 'live' && !document.hidden) ask();
  }, EVERY_MS);
  return () => clearInterval(timer);
}
