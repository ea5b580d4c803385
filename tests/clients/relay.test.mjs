// The relay as the npm packages `ws` and fetch see it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';

import { join, MIB, refusal, start, within } from './longwave.mjs';

const pair = (t, url) => Promise.all([join(t, url), join(t, url)]);

test('text and binary go to others and not to the sender', async (t) => {
  const { ws } = await start(t);
  const [one, two] = await pair(t, `${ws}/channels/kinds`);
  one.send('grüße');
  one.send(Buffer.from([0, 255]));
  assert.equal(await two.next(), 'grüße');
  assert.deepEqual(await two.next(), Buffer.from([0, 255]));
  two.send('back');
  assert.equal(await one.next(), 'back', 'the first thing the sender hears is somebody else’s');
});

test('?echo=true includes the sender', async (t) => {
  const { ws } = await start(t);
  const one = await join(t, `${ws}/channels/echoed?echo=true`);
  const two = await join(t, `${ws}/channels/echoed`);
  one.send('a');
  assert.equal(await one.next(), 'a');
  assert.equal(await two.next(), 'a');
});

test('one mebibyte arrives whole, in one piece or in fragments', async (t) => {
  const { ws } = await start(t);
  const [one, two] = await pair(t, `${ws}/channels/large`);
  const data = randomBytes(MIB);
  one.send(data);
  assert.ok(data.equals(await two.next()));
  for (let at = 0; at < MIB; at += MIB / 8) {
    one.send(data.subarray(at, at + MIB / 8), { fin: at + MIB / 8 === MIB });
  }
  assert.ok(data.equals(await two.next()));
});

test('a ping between fragments is answered and the message stays whole', async (t) => {
  const { ws } = await start(t);
  const [one, two] = await pair(t, `${ws}/channels/fragments`);
  one.send('Hel', { fin: false });
  one.ping('now');
  const [payload] = await within(once(one, 'pong'), 'pong');
  assert.equal(payload.toString(), 'now');
  one.send('lo', { fin: true });
  assert.equal(await two.next(), 'Hello');
});

test('permessage-deflate: every window, with and without takeover, plain beside compressed', async (t) => {
  const { ws, http } = await start(t);
  const offers = [true, { serverMaxWindowBits: 8 }, { serverMaxWindowBits: 9 }, { serverMaxWindowBits: 12 },
    { clientMaxWindowBits: 9 }, { serverNoContextTakeover: true, clientNoContextTakeover: true }, false];
  const all = await Promise.all(offers.map((perMessageDeflate) => join(
    t, `${ws}/channels/deflate?echo=true`, [], { perMessageDeflate: perMessageDeflate && { threshold: 0, ...Object(perMessageDeflate) } },
  )));
  assert.deepEqual(all.map((socket) => Boolean(socket.extensions)), offers.map(Boolean));
  const sent = [JSON.stringify(Array.from({ length: 400 }, (_, i) => ({ id: i, price: i / 4 }))), 'short', '', randomBytes(9000)];
  for (const socket of all) {
    for (const message of [...sent, ...sent]) {
      socket.send(message);
      for (const reader of all) assert.deepEqual(await reader.next(), message);
    }
  }
  const metrics = await (await fetch(`${http}/metrics`)).text();
  const total = (name) => Number(metrics.match(`longwave_${name}_total (\\d+)`)[1]);
  // One that is long enough and shrinks, from seven senders twice, for windows of 9, 12 and 15 bits.
  assert.equal(total('deflate_messages'), 7 * 2 * 3);
  assert.ok(total('deflate_bytes_after') < total('deflate_bytes_before') / 2);
  assert.ok(total('inflate_messages') >= 6 * 2);
});

test('--no-deflate declines every offer', async (t) => {
  const { ws } = await start(t, '--no-deflate');
  const one = await join(t, `${ws}/channels/deflate`, [], { perMessageDeflate: true });
  const two = await join(t, `${ws}/channels/deflate`, [], { perMessageDeflate: true });
  assert.equal(one.extensions, '');
  one.send('x'.repeat(5000));
  assert.equal(await two.next(), 'x'.repeat(5000));
});

test('subprotocols: the first offered, or the first that is named', async (t) => {
  const any = await start(t);
  assert.equal((await join(t, `${any.ws}/channels/sub`, ['b', 'a'])).protocol, 'b');
  assert.equal((await join(t, `${any.ws}/channels/sub`)).protocol, '');
  const named = await start(t, '--subprotocol', 'v1');
  assert.equal((await join(t, `${named.ws}/channels/sub`, ['v0', 'v1'])).protocol, 'v1');
});

test('only a named origin comes in', async (t) => {
  const { ws, http } = await start(t, '--allow-origin', 'https://good.example');
  const url = `${ws}/channels/origin`;
  assert.equal(await refusal(url, [], { origin: 'https://evil.example' }), 403);
  await join(t, url, [], { origin: 'https://good.example' });
  await join(t, url);
  const headers = { origin: 'https://evil.example' };
  const posted = await fetch(`${http}/channels/origin`, { method: 'POST', body: 'no', headers });
  assert.equal(posted.status, 403);
});

test('a message over the limit is 1009, and one at the limit passes', async (t) => {
  const { ws } = await start(t);
  const [one, two] = await pair(t, `${ws}/channels/limit`);
  one.send(Buffer.alloc(MIB));
  assert.equal((await two.next()).length, MIB);
  one.send(Buffer.alloc(MIB + 1));
  assert.equal((await within(one.ended, 'close')).code, 1009);
});

test('a close is answered with its own code', async (t) => {
  const { ws } = await start(t);
  const one = await join(t, `${ws}/channels/closing`);
  one.close(3456, 'done');
  assert.equal((await within(one.ended, 'close')).code, 3456);
});

test('fetch publishes: 201 with a subscriber, 202 without, many at once', async (t) => {
  const { ws, http } = await start(t);
  const publish = (channel, body) => fetch(`${http}/channels/${channel}`, { method: 'POST', body });
  assert.equal((await publish('nobody', 'hello')).status, 202);
  const one = await join(t, `${ws}/channels/posted`);
  assert.equal((await publish('posted', 'hello')).status, 201);
  assert.equal(await one.next(), 'hello');

  const bodies = Array.from({ length: 50 }, (_, i) => `message ${i}`);
  const answers = await Promise.all(bodies.map((body) => publish('posted', body)));
  assert.deepEqual(new Set(answers.map((a) => a.status)), new Set([201]));
  const heard = [];
  for (const _ of bodies) heard.push(await one.next());
  assert.deepEqual(heard.sort(), bodies.sort(), 'each exactly once');
});

test('a plain request for the WebSocket address gets an answer that says so', async (t) => {
  const { http } = await start(t);
  const answer = await fetch(`${http}/echo`);
  assert.equal(answer.status, 426);
  assert.equal(answer.headers.get('upgrade')?.toLowerCase(), 'websocket');
});

test('SIGTERM: everyone hears 1001 and the exit code is 0', async (t) => {
  const { ws, child, exit } = await start(t);
  const [one, two] = await pair(t, `${ws}/channels/stop`);
  one.send('last words');
  assert.equal(await two.next(), 'last words');
  child.kill('SIGTERM');
  for (const socket of [one, two]) {
    assert.equal((await within(socket.ended, 'close')).code, 1001);
  }
  assert.equal(await within(exit, 'exit'), 0);
});
