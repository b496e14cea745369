import { beforeEach, describe, expect, test } from 'vitest';
import { EventSocket } from './socket';
import { FakeClock, FakeSocket, last } from './testing';

let clock: FakeClock;
let sockets: FakeSocket[];
let heard: string[];
let resumes: boolean;
let socket: EventSocket;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  heard = [];
  resumes = true;
  socket = new EventSocket(
    () => {
      sockets.push(new FakeSocket());
      return last(sockets);
    },
    clock,
    () => 0.5,
    {
      opened: (missed) => heard.push(missed ? 'missed' : 'whole'),
      event: (event) => heard.push(event.Key),
      closed: (code) => heard.push(`closed ${code}`),
    },
    () => resumes,
  );
  socket.start();
});

const open = () => last(sockets).onopen?.();
const cut = async () => {
  last(sockets).onclose?.({ code: 1006 });
  await clock.advance(20_000);
};
/** A connection with one registration, whose place is `a-1`. */
const begun = () => {
  socket.register('machines.*.*');
  open();
  last(sockets).told('resume', '', { Cursor: 'a-1', Missed: 0 });
};

describe('a server that remembers places', () => {
  test('is asked for places from the first registration on, before or after the connection is there', () => {
    begun();
    socket.register('jobs.*.*');
    expect(sockets[0]!.sent).toEqual(['resume\nmachines.*.*', 'register jobs.*.*']);
    expect(heard).toEqual(['whole']);
  });

  test('registrations of an open connection begin with it too', () => {
    open();
    socket.register('machines.*.*');
    socket.register('jobs.*.*');
    expect(sockets[0]!.sent).toEqual(['resume\nmachines.*.*', 'register jobs.*.*']);
    sockets[0]!.told('resume', '', { Cursor: 'a-1', Missed: 0 });
    expect(heard).toEqual(['whole']);
  });

  test('goes on behind the last event that was told; nothing is missed and nothing is open before it said so', async () => {
    begun();
    sockets[0]!.event('machines', 'update', 'u1', {}, 'a-2');
    await cut();
    open();
    expect(last(sockets).sent).toEqual(['resume a-2\nmachines.*.*']);
    expect(socket.isOpen).toBe(false);
    last(sockets).event('machines', 'update', 'u2', {}, 'a-3');
    last(sockets).told('resume', 'a-2', { Cursor: 'a-3', Missed: 1 });
    expect(socket.isOpen).toBe(true);
    expect(heard).toEqual(['whole', 'u1', 'closed 1006', 'u2', 'whole']);
  });

  test('a cut while it tells what was missed: the next connection goes on from there', async () => {
    begun();
    await cut();
    open();
    last(sockets).event('machines', 'update', 'u2', {}, 'a-3');
    await cut();
    open();
    expect(last(sockets).sent).toEqual(['resume a-3\nmachines.*.*']);
  });

  test('cannot go on: what came since is taken back, all begin anew, and it is told that something was missed', async () => {
    begun();
    await cut();
    socket.register('jobs.*.*');
    open();
    socket.register('late.*.*');
    last(sockets).told('error', 'resume a-1', 'Cannot resume: this server was started anew');
    expect(last(sockets).sent).toEqual(['resume a-1\nmachines.*.*\njobs.*.*', 'register late.*.*', 'deregister late.*.*', 'resume\nmachines.*.*\njobs.*.*\nlate.*.*']);
    expect(socket.isOpen).toBe(false);
    last(sockets).told('resume', '', { Cursor: 'b-1', Missed: 0 });
    expect(last(heard)).toBe('missed');
    await cut();
    open();
    expect(last(sockets).sent[0]).toMatch(/^resume b-1\n/);
  });

  test('refuses to tell places at all: registrations are made as before', async () => {
    socket.register('machines.*.*');
    open();
    socket.register('jobs.*.*');
    sockets[0]!.told('error', 'resume ', 'too many registrations');
    expect(sockets[0]!.sent).toEqual(['resume\nmachines.*.*', 'register jobs.*.*', 'register machines.*.*']);
    await cut();
    open();
    last(sockets).told('resume', '', { Cursor: 'b-1', Missed: 0 });
    expect(last(heard)).toBe('missed');
  });

  test('who stops goes on where it was; who forgets its place does not', () => {
    begun();
    socket.stop();
    expect(sockets[0]!.closed).toBe(true);
    socket.start();
    open();
    expect(last(sockets).sent).toEqual(['resume a-1\nmachines.*.*']);
    socket.stop();
    socket.forgetPlace();
    socket.start();
    open();
    expect(last(sockets).sent).toEqual(['resume\nmachines.*.*']);
    last(sockets).told('resume', '', { Cursor: 'a-9', Missed: 0 });
    expect(last(heard)).toBe('missed');
  });

  test('the place of a reader that hears nothing does not grow old', async () => {
    begun();
    await clock.advance(31_000);
    expect(last(sockets).sent).toEqual(['resume\nmachines.*.*', 'cursor']);
    last(sockets).told('cursor', '', { Cursor: 'a-500' });
    await cut();
    open();
    expect(last(sockets).sent).toEqual(['resume a-500\nmachines.*.*']);
  });

  test('who listens to nothing has missed nothing', async () => {
    begun();
    socket.deregister('machines.*.*');
    await cut();
    open();
    expect(last(sockets).sent).toEqual([]);
    expect(last(heard)).toBe('whole');
    socket.register('jobs.*.*');
    expect(last(sockets).sent).toEqual(['resume\njobs.*.*']);
  });
});

test('a first connection that failed: what was asked for meanwhile may have changed', async () => {
  socket.register('machines.*.*');
  await cut();
  open();
  last(sockets).told('resume', '', { Cursor: 'a-1', Missed: 0 });
  expect(last(heard)).toBe('missed');
});

test('a server that knows no places is told all registrations again, and something was missed', async () => {
  resumes = false;
  socket.register('machines.*.*');
  open();
  expect(heard).toEqual(['whole']);
  await cut();
  open();
  expect(last(sockets).sent).toEqual(['register machines.*.*']);
  expect(last(heard)).toBe('missed');
});
