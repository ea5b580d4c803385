// The chat of two rooms as the npm package `socket.io-client` holds it: by polling, over WebSocket, and with the upgrade.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { io as io3 } from 'socket.io-client-3';

import { MIB, start } from './longwave.mjs';
import { WAYS, begin, connect, connectAll, connected, happens, listened } from './socketio.mjs';

// One client for each way, in one namespace.
const oneEach = (t, http, namespace) => Promise.all(Object.values(WAYS).map((way) => connect(t, http, namespace, way)));

for (const [way, options] of Object.entries(WAYS)) {
  test(`${way}: two rooms over one connection, everyone hears the others, acks tell how many`, async (t) => {
    const { http } = await start(t);
    const rooms = ['/red', '/blue'];
    const [annRed, annBlue] = await connectAll(t, http, rooms, options);
    const [benRed, benBlue] = await connectAll(t, http, rooms, options);
    const redOnly = await connect(t, http, '/red', options);

    assert.equal(await annRed.timeout(5000).emitWithAck('say', 'hello', { n: 1 }, [1, 2, null]), 2);
    assert.equal(await annBlue.timeout(5000).emitWithAck('say', 'grüße 😀'), 1);
    for (const socket of [benRed, redOnly]) assert.deepEqual(await socket.next(), ['say', 'hello', { n: 1 }, [1, 2, null]]);
    assert.deepEqual(await benBlue.next(), ['say', 'grüße 😀'], 'the first that is heard in a room was said in it');

    benRed.emit('bare');
    benBlue.emit('say', true, false, '', 1.5, -0.25, 1e21, { deep: [{ er: {} }] });
    assert.deepEqual(await annRed.next(), ['bare'], 'nobody hears its own words');
    assert.deepEqual(await annBlue.next(), ['say', true, false, '', 1.5, -0.25, 1e21, { deep: [{ er: {} }] }]);

    for (let i = 0; i < 200; i += 1) (i % 3 ? annRed : annBlue).emit('count', i);
    for (let i = 0; i < 200; i += 1) assert.deepEqual(await (i % 3 ? benRed : benBlue).next(), ['count', i], 'in order');
    assert.equal(await benBlue.timeout(5000).emitWithAck('done'), 1);
    assert.deepEqual([annRed.unread(), benRed.unread(), benBlue.unread()], [0, 0, 0]);
  });

  test(`${way}: attachments, many and nested, stay with their event in each room`, async (t) => {
    const { http } = await start(t);
    const [red, blue] = await connectAll(t, http, ['/red', '/blue'], options);
    const [otherRed, otherBlue] = await connectAll(t, http, ['/red', '/blue'], options);
    const bytes = [...Array(10)].map((_, i) => randomBytes(i * 1000));
    // Nobody waits for anybody: the events of both rooms are mixed on both connections.
    for (let round = 0; round < 5; round += 1) {
      red.emit('ten', ...bytes, round);
      blue.emit('one', { deep: [round, { er: bytes[round + 1] }], none: null });
      blue.emit('none', round);
    }
    assert.equal(await red.timeout(5000).emitWithAck('typed', new Uint8Array([1, 2, 3]), new Uint8Array([4, 5]).buffer), 1);
    for (let round = 0; round < 5; round += 1) {
      assert.deepEqual(await otherRed.next(), ['ten', ...bytes, round]);
      assert.deepEqual(await otherBlue.next(), ['one', { deep: [round, { er: bytes[round + 1] }], none: null }]);
      assert.deepEqual(await otherBlue.next(), ['none', round]);
    }
    assert.deepEqual(await otherRed.next(), ['typed', Buffer.from([1, 2, 3]), Buffer.from([4, 5])]);
  });

  test(`${way}: one mebibyte of text and of bytes reaches every way`, async (t) => {
    const { http } = await start(t);
    const sender = await connect(t, http, '/large', options);
    const readers = await oneEach(t, http, '/large');
    const [text, bytes] = ['é"'.repeat(MIB / 4) + '.'.repeat(MIB / 4), randomBytes(MIB)];
    assert.equal(Buffer.byteLength(text), MIB);
    assert.equal(await sender.timeout(10_000).emitWithAck('text', text), 3);
    assert.equal(await sender.timeout(10_000).emitWithAck('bytes', bytes, 'behind'), 3);
    for (const reader of readers) {
      const [[, heard], [, data, behind]] = [await reader.next(), await reader.next()];
      assert.ok(heard === text && bytes.equals(data) && behind === 'behind');
    }
  });
}

test('every way hears every other', async (t) => {
  const { http } = await start(t);
  const all = await oneEach(t, http, '/mixed');
  for (const speaker of all) {
    assert.equal(await speaker.timeout(5000).emitWithAck('say', speaker.id, Buffer.from([0, 255])), 2);
    for (const hearer of all) {
      if (hearer !== speaker) assert.deepEqual(await hearer.next(), ['say', speaker.id, Buffer.from([0, 255])]);
    }
  }
});

test('what is said while a connection is upgraded is heard once and in order', async (t) => {
  const { http } = await start(t);
  const steady = await connect(t, http, '/busy', WAYS.websocket);
  for (let round = 0; round < 5; round += 1) {
    const fresh = begin(t, http, '/busy', WAYS.upgrade);
    await happens(fresh, 'connect');
    let sent = 0;
    const upgraded = connected(fresh).then(() => true);
    do {
      for (let i = 0; i < 10; i += 1, sent += 1) {
        fresh.emit('up', sent);
        steady.emit('down', sent);
      }
    } while (!(await Promise.race([upgraded, new Promise((resolve) => { setTimeout(resolve, 1, false); })])));
    for (let i = 0; i < sent; i += 1) {
      assert.deepEqual(await steady.next(), ['up', i]);
      assert.deepEqual(await fresh.next(), ['down', i]);
    }
    fresh.disconnect();
  }
});

test('what is more than one payload is several', async (t) => {
  const { http } = await start(t, '--socketio-payload-max', '200000');
  const [ann, ben] = [await connect(t, http, '/long', WAYS.polling), await connect(t, http, '/long', WAYS.polling)];
  const parts = [...Array(20)].map((_, i) => (i % 2 ? randomBytes(60_000) : `${i}`.padEnd(60_000, '.')));
  for (const part of parts) ann.emit('part', part);
  for (const part of parts) assert.deepEqual(await ben.next(), ['part', part]);
});

test('an event that is too large ends its sender’s connection and nobody else’s', async (t) => {
  const { http } = await start(t, '--socketio-payload-max', '100000');
  for (const [way, options] of Object.entries(WAYS)) {
    const [ann, ben] = [await connect(t, http, `/${way}`, options), await connect(t, http, `/${way}`, options)];
    const lost = happens(ann, 'disconnect');
    ann.emit('say', 'x'.repeat(200_000));
    assert.match((await lost)[0], /^transport (close|error)$/);
    await connected(ann);
    assert.equal(await ann.timeout(5000).emitWithAck('say', 'less'), 1);
    assert.deepEqual(await ben.next(), ['say', 'less']);
  }
});

test('the path may go without its last slash', async (t) => {
  const { http } = await start(t);
  for (const [way, options] of Object.entries(WAYS)) {
    const socket = await connect(t, http, `/${way}`, { ...options, addTrailingSlash: false });
    assert.equal(await socket.timeout(5000).emitWithAck('say', 1), 0);
  }
});

test('the main namespace is a room of its own', async (t) => {
  const { http } = await start(t);
  const [main, other, red] = [await connect(t, http, '/'), await connect(t, http, ''), await connect(t, http, '/red')];
  assert.equal(await main.timeout(5000).emitWithAck('say', 1), 1);
  assert.deepEqual(await other.next(), ['say', 1]);
  assert.equal(await red.timeout(5000).emitWithAck('say', 2), 0);
});

test('names that no channel may have are refused', async (t) => {
  const { http } = await start(t);
  for (const namespace of ['/socket.io', '/..', `/${'x'.repeat(256)}`]) {
    const socket = begin(t, http, namespace, WAYS.websocket);
    const [error] = await happens(socket, 'connect_error');
    assert.equal(error.message, 'Invalid namespace', namespace);
    assert.equal(socket.active, false, 'it is not tried again');
  }
});

test('a namespace of any other name, with a query and auth, is the channel of that name', async (t) => {
  const { http } = await start(t);
  const plain = await connect(t, http, '/grün/rot', { ...WAYS.websocket, auth: { token: 'x"\u2028é', deep: [{}] } });
  const asked = await connect(t, http, '/grün/rot?room=1', { ...WAYS.polling, auth: (give) => give({ token: 1 }) });
  assert.equal(await plain.timeout(5000).emitWithAck('say', 1), 1);
  assert.deepEqual(await asked.next(), ['say', 1]);
});

test('leaving one room leaves the other alone', async (t) => {
  const { http } = await start(t);
  const [red, blue] = await connectAll(t, http, ['/red', '/blue'], WAYS.websocket);
  const [otherRed, otherBlue] = await connectAll(t, http, ['/red', '/blue'], WAYS.polling);
  red.disconnect();
  assert.equal(await blue.timeout(5000).emitWithAck('say', 1), 1);
  assert.deepEqual(await otherBlue.next(), ['say', 1]);
  assert.equal(await otherRed.timeout(5000).emitWithAck('say', 2), 0, 'nobody is left there');
  red.connect();
  await happens(red, 'connect');
  assert.equal(await otherRed.timeout(5000).emitWithAck('say', 3), 1);
  assert.deepEqual(await red.next(), ['say', 3]);
});

test('socket.io-client 3.1 takes part', async (t) => {
  const { http } = await start(t);
  const reader = await connect(t, http, '/old', WAYS.websocket);
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    const old = listened(t, io3(`${http}/old`, { transports, forceNew: true }));
    await happens(old, 'connect');
    old.emit('say', 'old', Buffer.from([1, 2]));
    assert.deepEqual(await reader.next(), ['say', 'old', Buffer.from([1, 2])]);
    reader.emit('say', 'new', { of: Buffer.from([3]) });
    assert.deepEqual(await old.next(), ['say', 'new', { of: Buffer.from([3]) }]);
    old.disconnect();
  }
});
