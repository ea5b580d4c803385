// One channel, many ways to it: what Socket.IO says is heard over WebSocket, event streams and polls, and the other way round.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventSource } from 'eventsource';

import { join, publish, start, until } from './longwave.mjs';
import { WAYS, connect } from './socketio.mjs';

const oneEach = (t, http, namespace) => Promise.all(Object.values(WAYS).map((way) => connect(t, http, namespace, way)));
const BYTES = { 'Content-Type': 'application/octet-stream' };
const ask = (socket, ...event) => socket.timeout(5000).emitWithAck(...event);

// Every one of the readers hears this next.
async function all(readers, event) {
  for (const reader of readers) assert.deepEqual(await reader.next(), event);
}

test('what curl posts is an event: text, bytes, a name beside it, a name inside', async (t) => {
  const { http } = await start(t);
  const readers = await oneEach(t, http, '/news');
  const rows = [
    ['grüße', undefined, ['message', 'grüße']],
    ['', undefined, ['message', '']],
    ['{"no":"form"}', undefined, ['message', '{"no":"form"}']],
    ['[1,2]', undefined, ['message', '[1,2]']],
    [Buffer.from([0, 255]), BYTES, ['message', Buffer.from([0, 255])]],
    [Buffer.alloc(0), BYTES, ['message', Buffer.alloc(0)]],
    ['text', { 'X-EventSource-Event': 'given' }, ['given', 'text']],
    [Buffer.from([1]), { ...BYTES, 'X-EventSource-Event': 'given' }, ['given', Buffer.from([1])]],
    ['{"name":"price","data":[12.50,{"of":"tea"},null]}', undefined, ['price', 12.5, { of: 'tea' }, null]],
    ['{"data":"one","name":"price"}', undefined, ['price', 'one']],
    ['{"name":"price","data":{"a":[]}}', undefined, ['price', { a: [] }]],
    ['{"name":"price","data":null}', undefined, ['price', null]],
    ['{"name":"price","data":[]}', undefined, ['price']],
    ['{"name":"price","data":[[1,2]]}', undefined, ['price', [1, 2]]],
    [' {"name" : "s\\u0070aced" ,\n "data" : [ 1 , 2 ] } ', undefined, ['spaced', 1, 2]],
  ];
  for (const [body, headers, event] of rows) {
    await publish(http, 'news', body, headers);
    await all(readers, event);
  }
});

test('attachments are base64 in what is posted, and bytes in the event', async (t) => {
  const { http } = await start(t);
  const readers = await oneEach(t, http, '/bytes');
  const hole = (num) => ({ _placeholder: true, num });
  await publish(http, 'bytes', JSON.stringify({ name: 'two', data: [hole(1), { in: hole(0) }], attachments: ['AAEC', '/w=='] }));
  await all(readers, ['two', Buffer.from([255]), { in: Buffer.from([0, 1, 2]) }]);
  await publish(http, 'bytes', JSON.stringify({ name: 'one', data: hole(0), attachments: [''] }));
  await all(readers, ['one', Buffer.alloc(0)]);
  // Without attachments a placeholder is an object like any other.
  await publish(http, 'bytes', JSON.stringify({ name: 'none', data: [hole(0)] }));
  await all(readers, ['none', hole(0)]);
});

test('more attachments than their client takes go out as text, to everybody', async (t) => {
  const { http, ws } = await start(t);
  const readers = await oneEach(t, http, '/many');
  const raw = await join(t, `${ws}/channels/many`);
  const bytes = [...Array(11)].map((_, i) => Buffer.from([i]));
  assert.equal(await ask(readers[0], 'pics', ...bytes), 3);
  const text = await raw.next();
  assert.deepEqual(JSON.parse(text).attachments, bytes.map((one) => one.toString('base64')));
  await all(readers.slice(1), ['message', text]);
});

test('events are heard over raw WebSocket, in an event stream and by a poll as what they are', async (t) => {
  const { http, ws } = await start(t);
  const raw = await join(t, `${ws}/channels/news`);
  const stream = new EventSource(`${http}/channels/news`);
  t.after(() => stream.close());
  const heard = [];
  for (const name of ['price', 'message', 'open', 'pic']) stream.addEventListener(name, (e) => e.data && heard.push([name, e.data]));
  await until(() => stream.readyState === EventSource.OPEN, 'the stream is open');
  for (const [way, options] of Object.entries(WAYS)) {
    const speaker = await connect(t, http, '/news', options);
    assert.equal(await ask(speaker, 'price', 12, '5 "€"', { way }), 2);
    assert.equal(await ask(speaker, 'message', 'plain'), 2);
    assert.equal(await ask(speaker, 'pic', { of: Buffer.from([0, 1, 2]) }, Buffer.from([255])), 2);
    const texts = [
      `{"name":"price","data":[12,"5 \\"€\\"",{"way":"${way}"}]}`,
      '{"name":"message","data":["plain"]}',
      '{"name":"pic","data":[{"of":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}],"attachments":["AAEC","/w=="]}',
    ];
    for (const text of texts) assert.equal(await raw.next(), text);
    await until(() => heard.length >= 3, 'three events');
    assert.deepEqual(heard.splice(0), [['price', texts[0]], ['message', texts[1]], ['pic', texts[2]]]);
    const poll = await fetch(`${http}/channels/news?transport=poll&last_event_id=-1`);
    assert.deepEqual([poll.status, await poll.text()], [200, texts[2]]);
    speaker.disconnect();
  }
});

test('raw WebSocket clients and Socket.IO clients talk to each other', async (t) => {
  const { http, ws } = await start(t);
  const raw = await join(t, `${ws}/channels/talk`);
  const readers = await oneEach(t, http, '/talk');
  raw.send('text');
  await all(readers, ['message', 'text']);
  raw.send(Buffer.from([1, 2]));
  await all(readers, ['message', Buffer.from([1, 2])]);
  raw.send('{"name":"say","data":["hello",{"_placeholder":true,"num":0}],"attachments":["AQ=="]}');
  await all(readers, ['say', 'hello', Buffer.from([1])]);
  assert.equal(await ask(readers[0], 'say', 'back'), 3);
  assert.equal(await raw.next(), '{"name":"say","data":["back"]}');
  await all(readers.slice(1), ['say', 'back']);
});

test('a channel of another name is the main namespace where it is so configured', async (t) => {
  const { http } = await start(t, '--socketio-channel', 'lobby', '--socketio-path', '/rt/');
  const socket = await connect(t, http, '/', { path: '/rt/', ...WAYS.upgrade });
  await publish(http, 'lobby', 'text');
  assert.deepEqual(await socket.next(), ['message', 'text']);
  assert.equal((await fetch(`${http}/socket.io/?EIO=4&transport=polling`)).status, 404);
});

// What somebody may publish so that the parser of the clients would give up, were it passed on as it is.
const num = (n) => `{"_placeholder":true,"num":${n}}`;
const deep = (n) => '['.repeat(n) + ']'.repeat(n);
const NASTY = [
  ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']
    .map((name) => `{"name":"${name}","data":[1]}`),
  '{"name":"\\u0063onnect","data":[1]}', '{"name":"","data":[1]}', '{"name":7,"data":[1]}', '{"name":null,"data":[1]}',
  `{"name":"a","data":[${num(0)}],"attachments":[]}`, `{"name":"a","data":[${num(1)}],"attachments":["AA=="]}`,
  `{"name":"a","data":[${num(-1)}],"attachments":["AA=="]}`, `{"name":"a","data":[${num(0.5)}],"attachments":["AA=="]}`,
  `{"name":"a","data":[${num('"0"')}],"attachments":["AA=="]}`, `{"name":"a","data":[${num('1e99')}],"attachments":["AA=="]}`,
  '{"name":"a","data":[{"_placeholder":true}],"attachments":["AA=="]}', '{"name":"a","data":[{"_placeholder":1,"num":9}],"attachments":["AA=="]}',
  `{"name":"a","data":[${num(0)}],"attachments":["not base64!"]}`, `{"name":"a","data":[${num(0)}],"attachments":"AA=="}`,
  `{"name":"a","data":[${num(0)}],"attachments":[7]}`, '{"name":"a","data":[1],"attachments":["AA=="]}', '{"name":"a","data":[1],"attachments":[]}',
  `{"name":"a","data":[${[...Array(11)].map((_, i) => num(i))}],"attachments":[${Array(11).fill('"AA=="')}]}`,
  '{"name":"a","data":["\\ud800"]}', '{"name":"a\\udc00","data":[1]}', '{"name":"a","data":["\u2028\u2029"]}', '{"name":"a\\u0000b","data":[]}',
  '{"name":"a","data":[1e999,-0,0.1e-999]}', `{"name":"a","data":${deep(100)}}`, `{"name":"a","data":${deep(5000)}}`, `{"name":"a","data":[${deep(300)}]}`,
  '{"name":"a","data":[1]} x', '{"name":"a","data":[1],"name":"connect"}', '{"name":"a","data":[1],"more":1}', '{"name":"a","data":[01]}', '{"name":"a","data":[NaN]}',
  '{"name":"a","data":{"__proto__":{"x":1},"constructor":1}}', '{"name":"__proto__","data":[1]}', '{"name":"toString","data":[1]}',
  'x\x1e2\x1e1', '\x1e', '4', '1', '2', '3probe', '6', '0{"sid":"x"}', 'bAAAA', '42["connect"]', '\u0000\u0001\ufeff', '😀'.repeat(1000),
];

test('nothing that is published cuts a client, and each message is heard once', async (t) => {
  const { http, ws } = await start(t);
  const readers = await oneEach(t, http, '/nasty');
  const raw = await join(t, `${ws}/channels/nasty`);
  const ends = [];
  readers.forEach((reader) => reader.on('disconnect', (reason) => ends.push(reason)));
  for (const [i, text] of NASTY.entries()) {
    raw.send(text);
    raw.send(`{"name":"behind","data":[${i}]}`);
    const heard = await Promise.all(readers.map((reader) => reader.next()));
    for (const event of heard) assert.deepEqual(event, heard[0], text);
    assert.ok(!['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].includes(heard[0][0]), text);
    if (heard[0][0] === 'message') assert.deepEqual(heard[0], ['message', text]);
    await all(readers, ['behind', i]);
    assert.deepEqual(ends, [], text);
  }
});

test('reserved names go out as message with the whole text', async (t) => {
  const { http } = await start(t);
  const readers = await oneEach(t, http, '/reserved');
  for (const text of NASTY.slice(0, 7)) {
    await publish(http, 'reserved', text);
    await all(readers, ['message', text]);
  }
  await publish(http, 'reserved', 'text', { 'X-EventSource-Event': 'connect' });
  await all(readers, ['message', 'text']);
});

test('pages of other origins may talk, with credentials, and read why they may not', async (t) => {
  const { http } = await start(t);
  const headers = { Origin: 'https://page.example' };
  const base = `${http}/socket.io/?EIO=4&transport=`;
  const told = (answer) => ['origin', 'credentials'].map((name) => answer.headers.get(`access-control-allow-${name}`));
  const check = (answer, status) => assert.deepEqual([answer.status, ...told(answer)], [status, 'https://page.example', 'true'], answer.url);
  const opened = await fetch(`${base}polling`, { headers });
  check(opened, 200);
  const { sid } = JSON.parse((await opened.text()).slice(1));
  check(await fetch(`${base}polling&sid=${sid}`, { method: 'POST', body: '40', headers }), 200);
  check(await fetch(`${base}polling&sid=${sid}`, { headers }), 200);
  check(await fetch(`${base}polling&sid=unknown`, { headers }), 400);
  check(await fetch(`${base}smoke`, { headers }), 400);
  check(await fetch(`${http}/socket.io/?EIO=3&transport=polling`, { headers }), 400);
  const preflight = await fetch(`${base}polling&sid=${sid}`, {
    method: 'OPTIONS',
    headers: { ...headers, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-own' },
  });
  assert.ok(preflight.ok);
  assert.deepEqual(told(preflight), ['https://page.example', 'true']);
  assert.equal(preflight.headers.get('access-control-allow-headers'), 'content-type,x-own', 'whatever a page sends means nothing here');
});

test('pages of an origin that is not let in are refused', async (t) => {
  const { http } = await start(t, '--allow-origin', 'https://good.example');
  const url = `${http}/socket.io/?EIO=4&transport=polling`;
  assert.equal((await fetch(url, { headers: { Origin: 'https://good.example' } })).status, 200);
  const refused = await fetch(url, { headers: { Origin: 'https://evil.example' } });
  assert.equal(refused.status, 403);
  assert.equal((await fetch(url)).status, 200, 'who is no page at all');
});
