/** The worker's thread: gives the engine the browser's network and clock. */
import { Client } from '../api/client';
import { Engine } from './engine';
import type { Ask, Patch } from './protocol';
import type { SocketLike } from './socket';

let token = '';
let features: string[] = [];

const send = (patch: Patch) => self.postMessage(patch);
const client = new Client(
  () => token,
  (...args) => fetch(...args),
  () => send({ kind: 'unauthorized' }),
);

/** The token goes into a sub-protocol where the server reads it there: addresses end in logs of proxies. */
function connect(): SocketLike {
  return dialled() as unknown as SocketLike;
}

function dialled(): WebSocket {
  const address = `wss://${self.location.host}/api/v3/ws`;
  if (features.includes('ux-socket-token')) return new WebSocket(address, ['mullion.v1', `mullion.bearer.${token}`]);
  return new WebSocket(`${address}?token=${encodeURIComponent(token)}`);
}

const engine = new Engine({
  client,
  connect,
  clock: {
    now: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  },
  random: Math.random,
  wallClock: Date.now,
  send,
});

self.onmessage = (message: MessageEvent<Ask>) => {
  if (message.data.kind === 'session') ({ token, features } = message.data);
  engine.ask(message.data);
};
