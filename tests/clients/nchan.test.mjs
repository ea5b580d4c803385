// The npm package `nchan` on each of its three transports: order, cuts, and ids from one to another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startCutter } from './cutter.mjs';
import { join, publish, publishAll, start, startAt, until } from './longwave.mjs';
import { subscribe } from './nchan.mjs';

const TRANSPORTS = ['websocket', 'eventsource', 'longpoll'];
const OPTIONS = ['--retry', '100ms'];

// An address as the transport wants it.
const address = (server, transport, path) => (transport === 'websocket' ? server.ws : server.http) + path;

const numbered = (from, to) => Array.from({ length: to - from }, (_, i) => `message ${from + i}`);

test('websocket: text, types, bytes and ids', async (t) => {
  const { ws, http } = await start(t);
  const reader = subscribe(t, `${ws}/channels/nchan`, { subscriber: 'websocket' });
  await until(() => reader.connects, 'connection');
  await publish(http, 'nchan', 'grüße', { 'Content-Type': 'text/x-one' });
  (await join(t, `${ws}/channels/nchan`)).send('plain');
  await reader.hears(2);
  await publish(http, 'nchan', new Uint8Array([1, 2, 255]), { 'Content-Type': 'application/octet-stream' });
  await reader.hears(3);
  assert.deepEqual(reader.heard.slice(0, 2).map(([m, meta]) => [m, meta['content-type']]), [['grüße', 'text/x-one'], ['plain', undefined]]);
  const [bytes, meta] = reader.heard[2];
  assert.deepEqual([...new Uint8Array(await bytes.arrayBuffer())], [1, 2, 255]);
  assert.equal(meta['content-type'], 'application/octet-stream');
  assert.equal(reader.subscriber.lastMessageId, meta.id);
  reader.stop();
});

for (const transport of TRANSPORTS) {
  test(`${transport}: what is published while the connection is cut arrives after it, once and in order`, async (t) => {
    const { port, http } = await start(t, ...OPTIONS);
    const cutter = await startCutter(t, port);
    await publishAll(http, 'cut', numbered(0, 3));
    const reader = subscribe(t, address(cutter, transport, '/channels/cut'), { subscriber: transport, id: 'oldest' });
    await reader.hears(3);
    for (let round = 1; round <= 3; round += 1) {
      await publishAll(http, 'cut', numbered(10 * round, 10 * round + 2));
      cutter.cut();
      await publishAll(http, 'cut', numbered(10 * round + 2, 10 * round + 4));
      cutter.mend();
      await publishAll(http, 'cut', numbered(10 * round + 4, 10 * round + 6));
      await reader.hears(3 + 6 * round);
    }
    // Nothing comes a second time.
    await sleep(200);
    const wanted = [numbered(0, 3), numbered(10, 16), numbered(20, 26), numbered(30, 36)].flat();
    assert.deepEqual(reader.texts(), wanted);
    assert.ok(cutter.opened >= 4, `only ${cutter.opened} connections`);
    reader.stop();
  });
}

test('the id of any transport goes on with any other', async (t) => {
  const server = await start(t, ...OPTIONS);
  let id = 'oldest';
  let next = 0;
  // Every transport after every other, and each after itself.
  for (const transport of [0, 1, 2, 0, 2, 1, 0, 0, 1, 1, 2, 2].map((i) => TRANSPORTS[i])) {
    const missed = numbered(next, next + 2);
    await publishAll(server.http, 'carried', missed);
    const reader = subscribe(t, address(server, transport, '/channels/carried'), { subscriber: transport, id });
    await reader.hears(2);
    await publish(server.http, 'carried', `live ${next}`);
    await reader.hears(3);
    reader.stop();
    assert.deepEqual(reader.texts(), [...missed, `live ${next}`], `${transport} from ${id}`);
    id = reader.subscriber.lastMessageId;
    assert.match(id, /^[1-9]\d{9}:\d+$/, transport);
    next += 2;
  }
});

test('the three transports tell the same ids and types', async (t) => {
  const server = await start(t, ...OPTIONS);
  await publishAll(server.http, 'same', numbered(0, 5));
  const ids = [];
  for (const transport of TRANSPORTS) {
    const reader = subscribe(t, address(server, transport, '/channels/same'), { subscriber: transport, id: 'oldest' });
    await reader.hears(5);
    reader.stop();
    assert.deepEqual(reader.texts(), numbered(0, 5), transport);
    ids.push(reader.heard.map(([, meta]) => meta.id));
    const type = { websocket: 'text/plain', eventsource: undefined, longpoll: 'text/plain' }[transport];
    assert.deepEqual(reader.heard.map(([, meta]) => meta['content-type']), Array(5).fill(type), transport);
  }
  assert.deepEqual(ids[1], ids[0]);
  assert.deepEqual(ids[2], ids[0]);
});

test('longpoll: several messages in one answer', async (t) => {
  const server = await start(t, ...OPTIONS);
  await publishAll(server.http, 'several', numbered(0, 5));
  const url = `${server.http}/channels/several?multipart=true`;
  const reader = subscribe(t, url, { subscriber: 'longpoll', id: 'oldest' });
  await reader.hears(5);
  await publishAll(server.http, 'several', ['and', 'more']);
  await reader.hears(7);
  reader.stop();
  // The package takes the CR in front of a delimiter for a part of the message.
  assert.deepEqual(reader.texts(), [...numbered(0, 5), 'and', 'more'].map((text) => `${text}\r`));
  assert.deepEqual([...new Set(reader.heard.map(([, meta]) => meta['content-type']))], ['text/plain']);
  assert.match(reader.subscriber.lastMessageId, /^\d+:\d+$/);
});

test('longpoll: a hold that ends without a message is no end', async (t) => {
  const server = await start(t, '--poll-hold', '1s');
  const reader = subscribe(t, `${server.http}/channels/held`, { subscriber: 'longpoll' });
  const errors = [];
  reader.subscriber.on('error', (code) => errors.push(code));
  await until(() => errors.length > 1, 'two holds');
  assert.deepEqual([...new Set(errors)], [408]);
  await publish(server.http, 'held', 'at last');
  await reader.hears(1);
  reader.stop();
  assert.deepEqual(reader.texts(), ['at last']);
});

for (const transport of TRANSPORTS) {
  test(`${transport}: after a restart of the relay it goes on with what is new`, async (t) => {
    const before = await start(t, ...OPTIONS);
    await publishAll(before.http, 'again', ['old']);
    const reader = subscribe(t, address(before, transport, '/channels/again'), { subscriber: transport, id: 'oldest' });
    await reader.hears(1);
    await before.kill();
    const after = await startAt(t, before.port, ...OPTIONS);
    await publish(after.http, 'again', 'new');
    await until(() => reader.texts().includes('new'), 'what is new');
    await publish(after.http, 'again', 'newer');
    await until(() => reader.texts().includes('newer'), 'what is newer');
    reader.stop();
    // A WebSocket is told of the gap by a record of a type of its own, which is the program's to heed.
    const told = reader.heard.filter(([, meta]) => meta['content-type'] === 'application/vnd.longwave.gap+json');
    assert.equal(told.length, transport === 'websocket' ? 1 : 0);
    assert.deepEqual(reader.heard.filter((m) => !told.includes(m)).map(([m]) => m), ['old', 'new', 'newer']);
  });
}
