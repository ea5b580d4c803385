// The subprotocol ws+meta.nchan: ids and media types, as npm `ws` reads them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join, start } from './longwave.mjs';

const META = 'ws+meta.nchan';

const post = (url, type, body) => fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body });

test('each message carries its id, and ids ascend over all channels', async (t) => {
  const { ws } = await start(t);
  const one = await join(t, `${ws}/channels/one`, ['chat', META]);
  const two = await join(t, `${ws}/channels/two`, [META]);
  assert.equal(one.protocol, META);
  const publish = async (channel, text) => (await join(t, `${ws}/channels/${channel}`)).send(text);
  const ids = [];
  for (const [channel, reader] of [['one', one], ['two', two], ['one', one]]) {
    await publish(channel, 'payload\n\nid: 9:9\n');
    const found = (await reader.next()).match(/^id: (\d+):(\d+)\n\n(.*)$/s);
    assert.equal(found[3], 'payload\n\nid: 9:9\n');
    ids.push([Number(found[1]), Number(found[2])]);
  }
  const [[epoch, number]] = ids;
  assert.ok(epoch > 1.7e9 && epoch <= Date.now() / 1000);
  assert.deepEqual(ids, [[epoch, number], [epoch, number + 1], [epoch, number + 2]]);
});

test('bytes are a binary frame with a type in front', async (t) => {
  const { ws, http } = await start(t);
  const reader = await join(t, `${ws}/channels/bytes`, [META]);
  (await join(t, `${ws}/channels/bytes`)).send(Buffer.from([0, 255]));
  const found = (await reader.next()).toString('latin1').match(/^id: \d+:\d+\ncontent-type: (.*)\n\n(.*)$/s);
  assert.deepEqual(found.slice(1), ['application/octet-stream', '\x00\xff']);
  await post(`${http}/channels/bytes`, 'image/x-two', new Uint8Array([254]));
  const image = (await reader.next()).toString('latin1').match(/\ncontent-type: (.*)\n\n(.*)$/s);
  assert.deepEqual(image.slice(1), ['image/x-two', '\xfe']);
});

test('no publisher can pretend to tell of a gap', async (t) => {
  const { http } = await start(t);
  const type = 'application/vnd.longwave.gap+json';
  assert.equal((await post(`${http}/channels/gap`, type, '{}')).status, 400);
});
