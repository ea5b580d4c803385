// Bodies without end and polls, as fetch and Node's own http read them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';

import { publish, publishAll, start, startAt, within } from './longwave.mjs';

// A reader of a body that does not end: `until(text)` reads on until the text is there and gives all up
// to its end, `rest()` reads to the end of the stream.
function reading(t, answer) {
  const reader = answer.body.getReader();
  t.after(() => reader.cancel().catch(() => {}));
  let got = Buffer.alloc(0);
  const more = async () => {
    const { done, value } = await within(reader.read(), 'bytes');
    if (!done) got = Buffer.concat([got, value]);
    return !done;
  };
  return {
    async until(text) {
      let at;
      while ((at = got.indexOf(text)) < 0) assert.ok(await more(), `the end before ${JSON.stringify(text)}`);
      const end = at + Buffer.byteLength(text);
      const taken = got.subarray(0, end);
      got = got.subarray(end);
      return taken.toString();
    },
    async rest() {
      while (await more());
      return got.toString();
    },
  };
}

const get = (url, headers = {}) => within(fetch(url, { headers }), 'answer');

test('an event stream comes event by event, gzip or not', async (t) => {
  const server = await start(t);
  const url = `${server.http}/channels/events`;
  for (const coding of ['gzip', 'identity']) {
    const answer = await get(url, { Accept: 'text/event-stream', 'Accept-Encoding': coding });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('Content-Type'), 'text/event-stream; charset=utf-8');
    assert.equal(answer.headers.get('Content-Encoding'), coding === 'gzip' ? 'gzip' : null);
    assert.equal(answer.headers.get('Cache-Control'), 'no-store');
    assert.equal(answer.headers.get('X-Accel-Buffering'), 'no');
    const body = reading(t, answer);
    assert.match(await body.until('\n\n'), /^:.*\nretry: \d+\nid: \d+:\d+\n\n$/);
    // One by one: each is there before the next is published. Short, compressible, and neither.
    const noise = Array.from({ length: 20_000 }, () => String.fromCharCode(33 + Math.random() * 90)).join('');
    for (const text of ['short', 'long '.repeat(4000), noise, 'ü'.repeat(3000), 'x'.repeat(300_000)]) {
      await publish(server.http, 'events', text);
      const event = await body.until('\n\n');
      const [, data] = event.match(/^id: \d+:\d+\ndata: (.*)\n\n$/);
      assert.ok(data === text, `${coding}: ${data.slice(0, 60)}`);
    }
  }
});

test('compressed streams that begin at different times share their pieces', async (t) => {
  const server = await start(t);
  const url = `${server.http}/channels/shared`;
  const readers = [];
  const texts = Array.from({ length: 6 }, (_, i) => `${i} `.repeat(2000));
  for (const text of texts) {
    readers.push(reading(t, await get(url, { Accept: 'text/event-stream', 'Accept-Encoding': 'gzip', 'Last-Event-ID': 'oldest' })));
    await publish(server.http, 'shared', text);
  }
  for (const body of readers) {
    await body.until('\n\n');
    for (const text of texts) assert.equal((await body.until('\n\n')).replace(/^id: .*\n/, ''), `data: ${text}\n\n`);
  }
});

test('streams end cleanly when the relay stops', async (t) => {
  const server = await start(t);
  const open = async (headers) => reading(t, await get(`${server.http}/channels/end`, headers));
  const bodies = await Promise.all([
    open({ Accept: 'text/event-stream', 'Accept-Encoding': 'gzip' }),
    open({ Accept: 'text/event-stream', 'Accept-Encoding': 'identity' }),
    open({ Accept: 'multipart/mixed' }),
    reading(t, await get(`${server.http}/channels/end?transport=chunked`)),
    reading(t, await get(`${server.http}/channels/end?transport=iframe&callback=parent.hear`)),
  ]);
  await publish(server.http, 'end', 'last words');
  for (const body of bodies) await body.until('last words');
  server.child.kill('SIGTERM');
  const rests = await Promise.all(bodies.map((body) => body.rest()));
  // Those who come back are told when.
  for (const rest of rests.slice(0, 2)) assert.match(rest, /^\n\n:.*\nretry: \d+\n\n$/);
  assert.match(rests[2], /--\r\n$/);
  assert.equal(rests[3], '');
  assert.match(rests[4], /"error"\)<\/script><\/body><\/html>\n$/);
  assert.equal(await server.exit, 0);
});

test('a reader that lags is told of the gap and goes on', async (t) => {
  const server = await start(t, '--slow', 'skip', '--message-bytes-max', '64KiB', '--lag-bytes-max', '1MiB', '--send-buffer', '64KiB');
  const body = reading(t, await get(`${server.http}/channels/lag`, { Accept: 'text/event-stream', 'Accept-Encoding': 'identity' }));
  await body.until('\n\n');
  // More than kernel and fetch keep for who does not read; each so small that no rest of one is too long to keep.
  const count = 800;
  for (let i = 0; i < count; i += 1) await publish(server.http, 'lag', 'x'.repeat(8000));
  const numberIn = (id) => Number(id.split(':')[1]);
  const take = async () => {
    const event = await body.until('\n\n');
    const [, name, id, data] = event.match(/^(?:event: (.*)\n)?id: (.*)\ndata: (.*)\n\n$/);
    return name === 'gap' ? { gap: JSON.parse(data) } : { number: numberIn(id) };
  };
  const first = (await take()).number;
  let last = first;
  let gaps = 0;
  while (last < first + count - 1) {
    const { gap, number } = await take();
    if (gap) {
      gaps += 1;
      assert.equal(numberIn(gap.after), last);
      last += gap.missed;
      if (gap.next) assert.equal(numberIn(gap.next), last + 1);
    } else {
      last += 1;
      assert.equal(number, last);
    }
  }
  assert.ok(gaps > 0, 'it never lagged');
});

test('multipart/mixed: a part a message, with its type and id', async (t) => {
  const server = await start(t);
  const answer = await get(`${server.http}/channels/parts`, { Accept: 'multipart/mixed' });
  const [, boundary] = answer.headers.get('Content-Type').match(/^multipart\/mixed; boundary=(\S+)$/);
  const body = reading(t, answer);
  const delimiter = `--${boundary}`;
  await body.until(delimiter);
  const sent = [['text/plain', 'one'], ['text/x-two', 'line\r\n\r\nline'], ['text/plain', ''], ['text/plain', 'four']];
  for (const [type, text] of sent) {
    await publish(server.http, 'parts', text, { 'Content-Type': type });
    const part = await body.until(`\r\n${delimiter}`);
    const [, head, payload] = part.match(/^\r\n((?:.+\r\n)+)\r\n([^]*)\r\n--\S+$/);
    const fields = new Headers(head.trim().split('\r\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
    assert.equal(payload, text);
    assert.equal(fields.get('Content-Type'), type);
    assert.match(fields.get('Etag'), /^\d+:\d+$/);
    assert.equal(Number(fields.get('Content-Length')), payload.length);
  }
});

test('chunked: a chunk a message, asked for as Nchan’s clients do', async (t) => {
  const server = await start(t);
  const request = http.get(`${server.http}/channels/chunks`, { headers: { TE: 'chunked' }, agent: false });
  t.after(() => request.destroy());
  const [answer] = await within(once(request, 'response'), 'answer');
  assert.equal(answer.headers['transfer-encoding'], 'chunked');
  const chunks = answer[Symbol.asyncIterator]();
  for (const text of ['one', 'two\r\n', 'x'.repeat(10_000)]) {
    await publish(server.http, 'chunks', text);
    let got = '';
    while (got.length < text.length) got += (await within(chunks.next(), 'chunk')).value;
    assert.equal(got, text);
  }
});

// What names the position of an answer in the next request.
const position = (answer) => ({
  'If-Modified-Since': answer.headers.get('Last-Modified'),
  'If-None-Match': answer.headers.get('Etag'),
});

test('a loop of polls, waiting and not', async (t) => {
  const server = await start(t);
  const url = `${server.http}/channels/polls`;
  const first = await get(`${url}?wait=0`);
  assert.equal(first.status, 304);
  assert.equal(await first.text(), '');
  await publishAll(server.http, 'polls', ['one', 'two']);
  let answer = first;
  for (const text of ['one', 'two']) {
    answer = await get(`${url}?wait=0`, position(answer));
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), text);
  }
  answer = await get(`${url}?wait=0`, position(answer));
  assert.equal(answer.status, 304);
  const held = get(url, position(answer));
  await publish(server.http, 'polls', 'three');
  answer = await held;
  assert.equal(await answer.text(), 'three');
  // The same position as one whole id, in each place where it may stand.
  const date = Date.parse(answer.headers.get('Last-Modified')) / 1000;
  const id = `${date}:${answer.headers.get('Etag')}`;
  await publish(server.http, 'polls', 'four');
  for (const headers of [{ 'If-None-Match': id }, { 'If-None-Match': `"${id}"` }, { Etag: id }, { 'Last-Event-ID': id }]) {
    assert.equal(await (await get(url, headers)).text(), 'four', JSON.stringify(headers));
  }
  assert.equal(await (await get(`${url}?last_event_id=${encodeURIComponent(id)}`)).text(), 'four');
  assert.equal(await (await get(`${url}?last_event_id=-2`)).text(), 'three');
  assert.equal((await get(url, { 'Last-Event-ID': 'nonsense' })).status, 400);
});

test('a hold that ends says where the channel stands', async (t) => {
  const server = await start(t, '--poll-hold', '1s');
  const url = `${server.http}/channels/held`;
  await publish(server.http, 'held', 'before');
  const late = await get(url);
  assert.equal(late.status, 408);
  await publish(server.http, 'held', 'after');
  assert.equal(await (await get(url, position(late))).text(), 'after');
});

test('a poll that goes on after a restart is told of the gap', async (t) => {
  const before = await start(t);
  await publish(before.http, 'again', 'old');
  const old = await get(`${before.http}/channels/again?last_event_id=oldest`);
  assert.equal(await old.text(), 'old');
  assert.equal(old.headers.get('Longwave-Gap'), null);
  await before.kill();
  const after = await startAt(t, before.port);
  await publish(after.http, 'again', 'new');
  const answer = await get(`${after.http}/channels/again`, position(old));
  assert.equal(await answer.text(), 'new');
  const gap = JSON.parse(answer.headers.get('Longwave-Gap'));
  assert.deepEqual(Object.keys(gap).sort(), ['after', 'missed', 'next']);
  const next = await get(`${after.http}/channels/again?wait=0`, position(answer));
  assert.deepEqual([next.status, next.headers.get('Longwave-Gap')], [304, null]);
});

test('HEAD says what a GET would', async (t) => {
  const server = await start(t);
  for (const [accept, type] of [['text/event-stream', 'text/event-stream; charset=utf-8'], ['*/*', null]]) {
    const answer = await within(fetch(`${server.http}/channels/head`, { method: 'HEAD', headers: { Accept: accept } }), 'answer');
    assert.equal(answer.status, 200);
    if (type) assert.equal(answer.headers.get('Content-Type'), type);
    assert.equal(await answer.text(), '');
  }
});
