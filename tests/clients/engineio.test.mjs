// Engine.IO by the npm package `engine.io-client`, with Socket.IO's packets written by hand on top.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fetch, Socket } from 'engine.io-client';

import { start, within } from './longwave.mjs';
import { happens } from './socketio.mjs';

const WAYS = {
  polling: { transports: ['polling'] },
  fetch: { transports: [Fetch] },
  websocket: { transports: ['websocket'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

// A session; `next()` takes its messages one by one.
async function open(t, http, options) {
  const socket = new Socket(http, { path: '/socket.io/', ...options });
  t.after(() => socket.close());
  const messages = [];
  const waiting = [];
  socket.on('message', (message) => {
    const taker = waiting.shift();
    if (taker) taker(message); else messages.push(message);
  });
  socket.next = () => within(messages.length ? Promise.resolve(messages.shift()) : new Promise((r) => waiting.push(r)), 'message');
  socket.unread = () => messages.splice(0);
  socket.ended = new Promise((resolve) => { socket.on('close', resolve); });
  [socket.offer] = await happens(socket, 'handshake');
  if (options.transports.length > 1) await happens(socket, 'upgrade');
  return socket;
}

// A session that is connected to a namespace.
async function enter(t, http, namespace, options) {
  const socket = await open(t, http, options);
  socket.send(`0${namespace},`);
  const reply = await socket.next();
  assert.match(reply, new RegExp(`^0${namespace},\\{"sid":"[\\w-]{16,}"\\}$`));
  socket.inner = JSON.parse(reply.slice(reply.indexOf('{'))).sid;
  return socket;
}

for (const [way, options] of Object.entries(WAYS)) {
  test(`${way}: what the server offers, and packets both ways`, async (t) => {
    const { http } = await start(t, '--ping-interval', '20s', '--ping-timeout', '7s', '--socketio-payload-max', '100000');
    const socket = await enter(t, http, '/room', options);
    assert.deepEqual(Object.keys(socket.offer).sort(), ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
    const { sid, upgrades, ...rest } = socket.offer;
    assert.deepEqual(upgrades, way === 'websocket' ? [] : ['websocket']);
    assert.deepEqual(rest, { pingInterval: 20000, pingTimeout: 7000, maxPayload: 100000 });
    assert.notEqual(sid, socket.inner, 'the two protocols name it differently');
    socket.send('2/room,7["say",1]');
    assert.equal(await socket.next(), '3/room,7[0]');
    const other = await enter(t, http, '/room', WAYS.websocket);
    other.send('2/room,12345678["say","é"]');
    assert.equal(await other.next(), '3/room,12345678[1]');
    assert.equal(await socket.next(), '2/room,["say","é"]', 'without the id of the ack');
  });

  test(`${way}: bytes travel as they are`, async (t) => {
    const { http } = await start(t);
    const [one, two] = [await enter(t, http, '/room', options), await enter(t, http, '/room', options)];
    const [long, short] = [randomBytes(100_000), Buffer.from([0])];
    const head = '/room,["pic",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]';
    one.send(`52-${head.replace('[', '3[')}`);
    one.send(long);
    one.send(short);
    assert.equal(await one.next(), '3/room,3[1]');
    assert.equal(await two.next(), `52-${head}`);
    assert.deepEqual([await two.next(), await two.next()], [long, short]);
  });

  test(`${way}: a second CONNECT does not make anything heard twice`, async (t) => {
    const { http } = await start(t);
    const [one, two] = [await enter(t, http, '/room', options), await enter(t, http, '/room', WAYS.websocket)];
    one.send('0/room,');
    two.send('2/room,1["say",1]');
    assert.match(await two.next(), /^3\/room,1\[[01]\]$/);
    await sleep(200);
    const heard = one.unread().filter((message) => message.startsWith('2'));
    assert.ok(heard.length <= 1, `${heard}`);
  });

  test(`${way}: what is no packet ends the session`, async (t) => {
    const { http } = await start(t);
    const bad = ['abc', '2/room,{}', '2/room,[]', '2/room,x["say"]', '2/room,["connect"]', '5/room,["a"]', '52-/room,["a"]x', '9', '', '2["not entered"]'];
    for (const packet of bad) {
      const socket = await enter(t, http, '/room', options);
      socket.send(packet);
      await within(socket.ended, `end after ${packet}`);
    }
    const socket = await enter(t, http, '/room', options);
    socket.send('2/room,1["say"]');
    assert.equal(await socket.next(), '3/room,1[0]', 'nobody else is left in the room');
  });

  test(`${way}: bytes that belong to nothing, or text where bytes are due, end the session`, async (t) => {
    const { http } = await start(t);
    const stray = await enter(t, http, '/room', options);
    stray.send(Buffer.from([1]));
    await within(stray.ended, 'end');
    const early = await enter(t, http, '/room', options);
    early.send('51-/room,["pic",{"_placeholder":true,"num":0}]');
    early.send('2/room,["say"]');
    await within(early.ended, 'end');
  });

  test(`${way}: who closes has left`, async (t) => {
    const { http } = await start(t);
    const [one, two] = [await enter(t, http, '/room', options), await enter(t, http, '/room', WAYS.websocket)];
    one.close();
    await within(one.ended, 'end');
    await sleep(200);
    two.send('2/room,1["say"]');
    assert.equal(await two.next(), '3/room,1[0]');
  });
}

test('a version or transport that is not spoken here is refused with a code', async (t) => {
  const { http } = await start(t);
  for (const [query, code, message] of [
    ['EIO=4&transport=smoke', 0, 'Transport unknown'],
    ['EIO=4', 0, 'Transport unknown'],
    ['EIO=4&transport=polling&sid=unknown', 1, 'Session ID unknown'],
    ['EIO=3&transport=polling', 5, 'Unsupported protocol version'],
    ['transport=polling', 5, 'Unsupported protocol version'],
  ]) {
    const answer = await fetch(`${http}/socket.io/?${query}`);
    assert.deepEqual([answer.status, await answer.json()], [400, { code, message }], query);
  }
  const posted = await fetch(`${http}/socket.io/?EIO=4&transport=polling`, { method: 'POST', body: '40' });
  assert.deepEqual([posted.status, await posted.json()], [400, { code: 2, message: 'Bad handshake method' }]);
});
