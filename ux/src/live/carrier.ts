/** The thread of a tab that runs errands in the network for the worker of all tabs. */
import { carry, fetchFor, type Carried, type Carry, type Errand, type Fetched, type Line } from './relay';
import type { SocketLike } from './socket';

function run(errand: Errand, port: MessagePort): void {
  if (errand.kind === 'dial') carry(new WebSocket(errand.address, errand.protocols) as unknown as SocketLike, port as unknown as Line<Carry, Carried>);
  else void fetchFor((init) => fetch(errand.address, init), errand.init, port as unknown as Line<'abort', Fetched>);
}

self.onmessage = ({ ports: [line] }: MessageEvent) => {
  line!.onmessage = ({ data, ports }: MessageEvent<Errand>) => run(data, ports[0]!);
};
