// Many clients of `socket.io-client` whose connections break again and again while somebody talks: what recovery is for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startCutter } from './cutter.mjs';
import { start, until } from './longwave.mjs';
import { WAYS, begin, connect } from './socketio.mjs';

const CLIENTS = 36;
const CUTS = 12;
// A client that breaks off polling for an upgrade that is cut notices by its heartbeat alone.
const OPTIONS = ['--socketio-recovery', '--ping-interval', '1s', '--ping-timeout', '2s', '--history-messages', '100000', '--history-bytes', '8MiB'];

// A client that notes which numbers it hears, and how often it comes back.
function reader(t, http, options) {
  const socket = begin(t, http, '/room', options);
  const me = { socket, heard: [], recovered: 0, anew: 0, broken: false };
  let there = false;
  socket.on('say', (number) => me.heard.push(number));
  socket.on('connect', () => {
    there = true;
    if (socket.recovered) me.recovered += 1; else me.anew += 1;
  });
  socket.on('disconnect', () => {
    // A recovery that breaks before its CONNECT: what came of it is kept by the client, which then asks
    // for it once more, and hears it twice. So it does with every server.
    me.broken ||= !there && socket.receiveBuffer.length > 0;
    there = false;
  });
  return me;
}

// Where the numbers do not go on by one: from which to which.
const breaks = (numbers) => numbers.flatMap((number, i) => (i && number !== numbers[i - 1] + 1 ? [[numbers[i - 1], number]] : []));

test('a storm of cuts: everyone hears everything once and in order', async (t) => {
  const { http, port } = await start(t, ...OPTIONS);
  const cutters = await Promise.all([...Array(4)].map(() => startCutter(t, port)));
  const speaker = await connect(t, http, '/room', WAYS.websocket);
  const ways = Object.values(WAYS);
  const readers = [...Array(CLIENTS)].map((_, i) => reader(t, cutters[i % 4].http, ways[i % 3]));
  let said = 0;
  const say = () => { said += 1; return ['say', said, said % 7 ? 'text' : Buffer.alloc(100, said)]; };
  await until(() => readers.every((one) => one.socket.connected), 'all are there');
  // Who has heard nothing yet has nothing to recover from.
  await speaker.timeout(5000).emitWithAck(...say());
  await until(() => readers.every((one) => one.heard.length), 'all have heard');

  let talking = true;
  const talk = (async () => {
    for (; talking; await sleep(2)) for (let i = 0; i < 5; i += 1) speaker.emit(...say());
  })();
  for (let i = 0; i < CUTS; i += 1) {
    cutters[i % 4].cut();
    await sleep(i * 5);
    cutters[i % 4].mend();
    await sleep(50 - i * 3);
  }
  talking = false;
  await talk;
  await until(() => readers.every((one) => one.heard.at(-1) === said), 'all have heard the last');
  for (const one of readers) {
    assert.equal(one.anew, 1, 'all the other times it was recovered');
    if (!one.broken) assert.deepEqual(breaks(one.heard), []);
    assert.deepEqual(new Set(one.heard).size, said, 'nothing is missing');
  }
  assert.ok(readers.reduce((sum, one) => sum + one.recovered, 0) > CLIENTS);
});
