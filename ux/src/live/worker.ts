/** The worker's thread: gives the engine and the hub the browser's network and clock. One for all tabs where browsers can. */
import { Client } from '../api/client';
import { Engine } from './engine';
import { Hub, type Port } from './hub';
import type { Ask, Patch } from './protocol';
import { RelayedSocket, relayedFetch, type Line } from './relay';
import type { SocketLike } from './socket';
import { readTails } from './tails';

const shared = 'onconnect' in self;
let token = '';
let features: readonly string[] = [];

const client = new Client(
  () => token,
  shared ? (...args) => relayedFetch(hub)(...args) : (...args) => fetch(...args),
  (refused) => hub.take({ kind: 'unauthorized', token: refused }),
);

/** The token goes into a sub-protocol where the server reads it there: addresses end in logs of proxies. */
function connect(): SocketLike {
  const address = `wss://${self.location.host}/api/v3/ws`;
  if (features.includes('ux-socket-token')) return dialled(address, ['mullion.v1', `mullion.bearer.${token}`]);
  return dialled(`${address}?token=${encodeURIComponent(token)}`, []);
}

function dialled(address: string, protocols: string[]): SocketLike {
  return shared ? new RelayedSocket(hub, address, protocols) : (new WebSocket(address, protocols) as unknown as SocketLike);
}

const clock = {
  now: () => performance.now(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

const hub: Hub = new Hub({
  clock,
  ask: (ask) => engine.ask(ask),
  readTails: (jobs) => readTails(client, jobs),
  use: (given, known) => {
    token = given;
    features = known;
  },
  // A tab holds its lock for as long as it lives; who gets it after that knows.
  whenGone: (lock, run) => void navigator.locks?.request(lock, run),
});

const engine = new Engine({ client, connect, clock, random: Math.random, wallClock: Date.now, send: (patch) => hub.take(patch) });

/** The first message of a tab brings the way to its thread that runs errands. */
function listen(line: Line<Ask, Patch>): void {
  let network: MessagePort | undefined;
  const port: Port = {
    send: (patch) => line.postMessage(patch),
    errand: (errand) => {
      const { port1, port2 } = new MessageChannel();
      network!.postMessage(errand, [port2]);
      return port1 as unknown as Line<never, never>;
    },
  };
  line.onmessage = ({ data, ports }: MessageEvent<Ask>) => {
    network ??= ports[0];
    hub.ask(port, data);
  };
}

if (shared) (self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => listen(event.ports[0]! as unknown as Line<Ask, Patch>);
else listen(self as unknown as Line<Ask, Patch>);
