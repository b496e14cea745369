/** What events cannot tell while there is no socket is asked for. */
import { connection } from './bridge.svelte';
import { PATIENCE_MS } from './protocol';

const EVERY_MS = 5000;

/**
 * Runs `ask` every five seconds while nothing is heard and somebody looks; the answer ends it. A connection that was cut has its time
 * to come back and tell what happened.
 */
export function askWhileNotLive(ask: () => void): () => void {
  const timer = setInterval(() => {
    const patient = connection.state === 'down' && performance.now() - connection.downSince < PATIENCE_MS;
    if (connection.state !== 'live' && !patient && !document.hidden) ask();
  }, EVERY_MS);
  return () => clearInterval(timer);
}
