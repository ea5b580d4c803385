// How connections of `socket.io-client` begin, break, come back and end: restarts, recovery, heartbeats, time limits, refusals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as msgpack from 'socket.io-msgpack-parser';

import { startCutter } from './cutter.mjs';
import { publish, start, startAt, until, within } from './longwave.mjs';
import { WAYS, begin, connect, connectAll, connected, happens } from './socketio.mjs';

// Emits with an ack that is waited for.
const ask = (socket, ...event) => socket.timeout(5000).emitWithAck(...event);

for (const [way, options] of Object.entries(WAYS)) {
  test(`${way}: a server that was killed and is back goes on with everyone`, async (t) => {
    const first = await start(t);
    const [ann, ben] = await Promise.all([connect(t, first.http, '/room', options), connect(t, first.http, '/room', options)]);
    const before = ann.id;
    const lost = [ann, ben].map((socket) => happens(socket, 'disconnect'));
    await first.kill();
    for (const [reason] of await Promise.all(lost)) assert.match(reason, /^transport (close|error)$/);
    ann.emit('say', 'kept');
    await startAt(t, first.port);
    await Promise.all([ann, ben].map(connected));
    assert.notEqual(ann.id, before);
    assert.ok(!ann.recovered);
    assert.equal(await ask(ann, 'say', 'asked'), 1);
    // What ann kept goes out as soon as she is back, which may be before ben is.
    let event = await ben.next();
    if (event[1] === 'kept') event = await ben.next();
    assert.deepEqual(event, ['say', 'asked']);
  });

  test(`${way}: SIGTERM is no end: everyone is sent away in order and comes back to the next server`, async (t) => {
    const first = await start(t);
    const sockets = [await connect(t, first.http, '/room', options), await connect(t, first.http, '/room', options)];
    const left = sockets.map((socket) => happens(socket, 'disconnect'));
    first.child.kill('SIGTERM');
    for (const [reason] of await Promise.all(left)) assert.match(reason, /^transport (close|error)$/, 'the client itself tries again');
    assert.equal(await within(first.exit, 'exit'), 0);
    await startAt(t, first.port);
    await Promise.all(sockets.map(connected));
    assert.equal(await ask(sockets[0], 'say', 1), 1);
    assert.deepEqual(await sockets[1].next(), ['say', 1]);
  });

  test(`${way}: heartbeats hold who is silent, and a server that stands still is noticed`, async (t) => {
    const { http, child } = await start(t, '--ping-interval', '200ms', '--ping-timeout', '300ms');
    const socket = await connect(t, http, '/quiet', options);
    let ended = '';
    socket.on('disconnect', (reason) => { ended = reason; });
    await sleep(1500);
    assert.equal(ended, '');
    child.kill('SIGSTOP');
    try {
      await until(() => ended, 'the client notices');
      assert.equal(ended, 'ping timeout');
    } finally {
      child.kill('SIGCONT');
    }
    await connected(socket);
    assert.equal(await ask(socket, 'say', 1), 0, 'nobody else, not even its first connection');
  });

  test(`${way}: a cut is recovered from: the same id, what was missed, once and in order`, async (t) => {
    const { http, port } = await start(t, '--socketio-recovery');
    const cutter = await startCutter(t, port);
    const [red, blue] = await connectAll(t, cutter.http, ['/red', '/blue'], options);
    const speaker = await connect(t, http, '/red', WAYS.websocket);
    // The offset is the last argument of each event.
    await ask(speaker, 'say', 0, Buffer.from([0]));
    const [, zero, bytes, offset] = await red.next();
    assert.deepEqual([zero, bytes], [0, Buffer.from([0])]);
    assert.match(offset, /^\d+:\d+$/);
    await publish(http, 'blue', 'text');
    assert.deepEqual((await blue.next()).slice(0, 2), ['message', 'text']);
    const [id, blueId] = [red.id, blue.id];
    const lost = happens(red, 'disconnect');
    cutter.cut();
    await lost;
    for (let i = 1; i <= 20; i += 1) await ask(speaker, 'say', i, { in: Buffer.from([i]) });
    cutter.mend();
    await Promise.all([red, blue].map(connected));
    assert.deepEqual([red.recovered, blue.recovered, red.id, blue.id], [true, true, id, blueId]);
    await ask(speaker, 'say', 21, { in: Buffer.from([21]) });
    for (let i = 1; i <= 21; i += 1) assert.deepEqual((await red.next()).slice(0, 3), ['say', i, { in: Buffer.from([i]) }]);
    assert.equal(await ask(red, 'say', 'back'), 1);
    assert.deepEqual((await speaker.next()).slice(0, 2), ['say', 'back']);
    assert.equal(blue.unread(), 0);
  });
}

test('what history no longer has cannot be recovered, and the client is told', async (t) => {
  const { http, port } = await start(t, '--socketio-recovery', '--history-messages', '3');
  const cutter = await startCutter(t, port);
  const [reader, speaker] = [await connect(t, cutter.http, '/room', WAYS.websocket), await connect(t, http, '/room', WAYS.websocket)];
  await ask(speaker, 'say', 0);
  await reader.next();
  const lost = happens(reader, 'disconnect');
  const { id } = reader;
  cutter.cut();
  await lost;
  for (let i = 1; i <= 5; i += 1) await ask(speaker, 'say', i);
  cutter.mend();
  await connected(reader);
  assert.equal(reader.recovered, false);
  assert.notEqual(reader.id, id);
  await ask(speaker, 'say', 6);
  assert.deepEqual((await reader.next()).slice(0, 2), ['say', 6]);
});

test('recovery over a restart: a new session, and the next event is heard', async (t) => {
  const first = await start(t, '--socketio-recovery');
  const [reader, speaker] = [await connect(t, first.http, '/room', WAYS.upgrade), await connect(t, first.http, '/room', WAYS.websocket)];
  await ask(speaker, 'say', 0);
  await reader.next();
  const lost = happens(reader, 'disconnect');
  await first.kill();
  await lost;
  await startAt(t, first.port, '--socketio-recovery');
  await Promise.all([reader, speaker].map(connected));
  assert.equal(reader.recovered, false);
  await ask(speaker, 'say', 1);
  assert.deepEqual((await reader.next()).slice(0, 2), ['say', 1]);
});

test('a time limit runs out while the server stands still, and nothing is broken by it', async (t) => {
  const { http, child } = await start(t);
  const [ann, ben] = [await connect(t, http, '/room', WAYS.websocket), await connect(t, http, '/room', WAYS.polling)];
  child.kill('SIGSTOP');
  try {
    await assert.rejects(ann.timeout(200).emitWithAck('say', 'late'), /timed out/);
  } finally {
    child.kill('SIGCONT');
  }
  assert.deepEqual(await ben.next(), ['say', 'late']);
  assert.equal(await ask(ann, 'say', 'in time'), 1);
  assert.deepEqual(await ben.next(), ['say', 'in time']);
});

test('retries: each is acknowledged, in order, and comes once where nothing is lost', async (t) => {
  const { http } = await start(t);
  const ann = await connect(t, http, '/room', { ...WAYS.upgrade, retries: 3, ackTimeout: 5000 });
  const ben = await connect(t, http, '/room', WAYS.websocket);
  const acks = [];
  for (let i = 0; i < 20; i += 1) ann.emit('say', i, (error, count) => acks.push([error, count]));
  for (let i = 0; i < 20; i += 1) assert.deepEqual(await ben.next(), ['say', i]);
  await until(() => acks.length === 20, 'all are acknowledged');
  assert.deepEqual(acks, Array(20).fill([null, 1]));
});

test('retries: what was said while the server was away is heard when it is back', async (t) => {
  const first = await start(t);
  const ann = await connect(t, first.http, '/room', { ...WAYS.websocket, retries: 10, ackTimeout: 300 });
  const lost = happens(ann, 'disconnect');
  await first.kill();
  await lost;
  ann.emit('say', 'patient');
  const second = await startAt(t, first.port);
  assert.equal(await within(new Promise((resolve) => { ann.emit('say', 'second', (_, count) => resolve(count)); }), 'ack'), 0);
  const ben = await connect(t, second.http, '/room', WAYS.websocket);
  ann.emit('say', 'third');
  assert.deepEqual(await ben.next(), ['say', 'third']);
});

test('volatile and uncompressed events are relayed like others', async (t) => {
  const { http } = await start(t);
  const [ann, ben] = [await connect(t, http, '/room', WAYS.upgrade), await connect(t, http, '/room', WAYS.upgrade)];
  await until(() => ann.io.engine.transport.writable, 'it can be written to');
  ann.volatile.emit('say', 'light');
  assert.deepEqual(await ben.next(), ['say', 'light']);
  // One that polls cannot write before its last request is answered: what is volatile is lost then.
  const poller = await connect(t, http, '/room', WAYS.polling);
  await until(() => poller.io.engine.transport.writable, 'it can be written to');
  poller.emit('say', 'first');
  poller.volatile.emit('say', 'lost');
  poller.emit('say', 'last');
  for (const word of ['first', 'last']) assert.deepEqual(await ben.next(), ['say', word]);
  ann.compress(false).emit('say', 'x'.repeat(10_000));
  assert.deepEqual(await ben.next(), ['say', 'x'.repeat(10_000)]);
  ann.compress(true).emit('say', 'y'.repeat(10_000));
  assert.deepEqual(await ben.next(), ['say', 'y'.repeat(10_000)]);
});

test('another parser is refused with a reason', async (t) => {
  const { http } = await start(t);
  for (const [way, options] of Object.entries(WAYS)) {
    for (const namespace of ['/', '/room']) {
      const socket = begin(t, http, namespace, { ...options, parser: msgpack });
      const [error] = await happens(socket, 'connect_error');
      assert.match(error.message, /parser/, `${way} ${namespace}`);
      assert.equal(socket.active, false, 'it is not tried again');
    }
  }
});

test('a channel that is deleted ends its namespace and no other', async (t) => {
  const { http } = await start(t);
  for (const options of Object.values(WAYS)) {
    const [gone, stays] = await connectAll(t, http, ['/gone', '/stays'], options);
    const end = happens(gone, 'disconnect');
    assert.equal((await fetch(`${http}/channels/gone`, { method: 'DELETE' })).status, 200);
    assert.equal((await end)[0], 'io server disconnect');
    assert.equal(stays.connected, true);
    assert.equal(await ask(stays, 'say', 1), 0);
    gone.connect();
    await happens(gone, 'connect');
    assert.equal(await ask(gone, 'say', 1), 0, 'it can be entered again');
    stays.disconnect();
    gone.disconnect();
  }
});
