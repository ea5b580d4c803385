// Event streams as the npm package `eventsource` reads them: names, bytes, cuts, gaps, several channels.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';

import { startCutter } from './cutter.mjs';
import { join, publish, publishAll, start, startAt, until } from './longwave.mjs';

// An EventSource that listens when this resolves. `heard` has `[event, data, id]` of the events named;
// `asked` the Last-Event-ID of each request.
async function listen(t, url, names = []) {
  const me = { heard: [], asked: [], opens: 0 };
  me.source = new EventSource(url, {
    fetch: (address, init) => {
      me.asked.push(new Headers(init.headers).get('Last-Event-ID'));
      return fetch(address, init);
    },
  });
  t.after(() => me.source.close());
  me.source.onopen = () => { me.opens += 1; };
  for (const name of ['message', 'gap', 'binary', ...names]) {
    me.source.addEventListener(name, (e) => me.heard.push([e.type, e.data, e.lastEventId]));
  }
  me.hears = (count) => until(() => me.heard.length >= count, `${count} events, there are ${me.heard.length}`);
  me.data = () => me.heard.map(([, data]) => data);
  await until(() => me.opens, 'connection');
  return me;
}

test('names, lines, bytes and ids', async (t) => {
  const { http, ws } = await start(t);
  const { source, heard, hears } = await listen(t, `${http}/channels/kinds`, ['given', 'price']);
  const send = (body, headers) => publish(http, 'kinds', body, headers);
  await send('grüße');
  await send('one\ntwo\rthree\r\n\r\nfive\n');
  await send('');
  await send(' blank in front, : colon');
  await send('named', { 'Content-Type': 'text/plain', 'X-EventSource-Event': 'given' });
  await send('{"name":"price","data":[12345678901234567890,5]}');
  for (const name of ['error', 'open', 'gap']) await send(`no ${name}`, { 'X-EventSource-Event': name });
  (await join(t, `${ws}/channels/kinds`)).send(Buffer.from([0, 1, 254, 255]));
  await hears(10);
  source.close();
  assert.deepEqual(heard.map(([name, data]) => [name, data]), [
    ['message', 'grüße'],
    ['message', 'one\ntwo\nthree\n\nfive\n'],
    ['message', ''],
    ['message', ' blank in front, : colon'],
    ['given', 'named'],
    ['price', '{"name":"price","data":[12345678901234567890,5]}'],
    ['message', 'no error'], ['message', 'no open'], ['message', 'no gap'],
    ['binary', Buffer.from([0, 1, 254, 255]).toString('base64')],
  ]);
  const [epoch, first] = heard[0][2].split(':').map(Number);
  assert.ok(epoch > 1.7e9);
  assert.deepEqual(heard.map(([, , id]) => id), heard.map((_, i) => `${epoch}:${first + i}`));
});

test('?events=off makes all of them messages, ?base64=true all of them base64', async (t) => {
  const { http } = await start(t);
  const off = await listen(t, `${http}/channels/off?events=off`, ['price']);
  const coded = await listen(t, `${http}/channels/off?base64=true`, ['price']);
  await publish(http, 'off', '{"name":"price","data":1}');
  await publish(http, 'off', new Uint8Array([1, 2]), { 'Content-Type': 'image/png' });
  await off.hears(2);
  await coded.hears(2);
  off.source.close();
  coded.source.close();
  assert.deepEqual(off.heard.map(([name, data]) => [name, data]), [['message', '{"name":"price","data":1}'], ['message', 'AQI=']]);
  assert.deepEqual(coded.heard.map(([name, data]) => [name, data]), [['price', btoa('{"name":"price","data":1}')], ['binary', 'AQI=']]);
});

test('what a cut lost comes after it, by Last-Event-ID, after the time that `retry` says', async (t) => {
  const { port, http } = await start(t, '--retry', '150ms');
  const cutter = await startCutter(t, port);
  const reader = await listen(t, `${cutter.http}/channels/cut`);
  await publishAll(http, 'cut', ['a', 'b']);
  await reader.hears(2);
  cutter.cut();
  await publishAll(http, 'cut', ['c', 'd']);
  cutter.mend();
  const began = Date.now();
  await reader.hears(4);
  assert.ok(Date.now() - began < 2000, 'its own time to wait is 3 s');
  await publish(http, 'cut', 'e');
  await reader.hears(5);
  await sleep(100);
  reader.source.close();
  assert.deepEqual(reader.data(), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual([reader.asked[0], reader.asked.at(-1)], [null, reader.heard[1][2]]);
});

test('a restart is a gap, and is told once', async (t) => {
  const before = await start(t, '--retry', '100ms');
  const cutter = await startCutter(t, before.port);
  const reader = await listen(t, `${cutter.http}/channels/restart`);
  await publish(before.http, 'restart', 'old');
  await reader.hears(1);
  // Nobody comes back before there is something new.
  cutter.cut();
  await before.kill();
  const after = await startAt(t, before.port, '--retry', '100ms');
  await publish(after.http, 'restart', 'new');
  cutter.mend();
  await reader.hears(2);
  await until(() => reader.opens === 2, 'second connection');
  await publish(after.http, 'restart', 'newer');
  await reader.hears(4);
  await sleep(100);
  reader.source.close();
  assert.deepEqual(reader.heard.map(([name]) => name), ['message', 'gap', 'message', 'message']);
  const { after: last, next, missed, ...rest } = JSON.parse(reader.heard[1][1]);
  assert.equal(last, reader.heard[0][2]);
  assert.equal(next, reader.heard[2][2]);
  assert.equal(missed, null);
  assert.deepEqual(rest, {});
});

test('history that is gone is a gap with its count', async (t) => {
  const { port, http } = await start(t, '--retry', '100ms', '--history-messages', '2');
  const cutter = await startCutter(t, port);
  const reader = await listen(t, `${cutter.http}/channels/short`);
  await publish(http, 'short', 'a');
  await reader.hears(1);
  cutter.cut();
  await publishAll(http, 'short', ['b', 'c', 'd', 'e']);
  cutter.mend();
  await reader.hears(4);
  reader.source.close();
  const gap = JSON.parse(reader.heard[1][1]);
  assert.deepEqual(reader.data().toSpliced(1, 1), ['a', 'd', 'e']);
  assert.equal(reader.heard[1][0], 'gap');
  assert.equal(gap.after, reader.heard[0][2]);
  assert.equal(gap.next, reader.heard[2][2]);
  assert.ok(gap.missed === 2 || gap.missed === null, `missed ${gap.missed}`);
});

test('several channels in one stream, and one id for all of them', async (t) => {
  const { port, http } = await start(t, '--retry', '100ms');
  const cutter = await startCutter(t, port);
  const reader = await listen(t, `${cutter.http}/channels/a,b,%63,a`);
  const order = ['a', 'b', 'c', 'b', 'a'];
  for (const [i, channel] of order.entries()) await publish(http, channel, `${channel} ${i}`);
  await publish(http, 'd', 'not for here');
  await reader.hears(5);
  cutter.cut();
  for (const [i, channel] of order.entries()) await publish(http, channel, `${channel} ${5 + i}`);
  cutter.mend();
  await reader.hears(10);
  reader.source.close();
  assert.deepEqual(reader.data(), [...order, ...order].map((channel, i) => `${channel} ${i}`));
});

test('a relay that stops ends the stream, and the next one is found', async (t) => {
  const before = await start(t, '--retry', '100ms');
  const reader = await listen(t, `${before.http}/channels/stop`);
  before.child.kill('SIGTERM');
  assert.equal(await before.exit, 0);
  await startAt(t, before.port, '--retry', '100ms');
  await until(() => reader.opens === 2, 'second connection');
  reader.source.close();
});
