#!/usr/bin/env node
// Follows channels of longwave as an event stream, with fetch and nothing else.
//
//     node subscriber.mjs http://127.0.0.1:8080/channels/news [ID]
//
// Prints each message on standard output, and what else there is to say on standard error. ID says where
// to begin: `oldest`, `-5` for the last five, or the id of a message; without it, with what comes next.
// After a lost connection it goes on behind the last message that it has, so that nothing is missed.

import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

// longwave sends a comment now and then; who hears nothing for longer has lost the connection.
const SILENCE = 90_000;

// The lines of a body, as they come. longwave ends them with LF.
async function* lines(body, heard) {
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    heard();
    const whole = (rest + text).split('\n');
    rest = whole.pop();
    yield* whole;
  }
}

// The events of a stream: { event, id, data }, and { retry } where it says so.
async function* events(body, heard) {
  let event = 'message', id, data = [];
  for await (const line of lines(body, heard)) {
    const [, field, value] = line.match(/^([^:]*):? ?(.*)$/s);
    if (field === 'event') event = value;
    else if (field === 'id') id = value;
    else if (field === 'data') data.push(value);
    else if (field === 'retry') yield { retry: Number(value) };
    else if (line === '') {
      if (data.length) yield { event, id, data: data.join('\n') };
      event = 'message', data = [];
    }
  }
}

// The messages of channels, { event, id, data }, through lost connections, for ever.
export async function* subscribe(url, last) {
  for (let wait = 3000; ; await sleep(wait)) {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error('silence')), SILENCE);
    try {
      const headers = { Accept: 'text/event-stream', ...(last && { 'Last-Event-ID': last }) };
      const answer = await fetch(url, { headers, signal: silence.signal });
      // 503: it is full, or on its way out. Anything else would be the same the next time.
      if (!answer.ok && answer.status !== 503) {
        throw Object.assign(new Error(`${answer.status} ${await answer.text()}`), { final: true });
      }
      for await (const { retry, ...message } of answer.ok ? events(answer.body, () => timer.refresh()) : []) {
        if (retry !== undefined) { wait = retry; continue; }
        last = message.id;
        yield message;
      }
    } catch (error) {
      if (error.final) throw error;
      console.error(`connection lost: ${error.cause?.message ?? error.message}`);
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [url, last] = process.argv.slice(2);
  if (!url) {
    console.error('usage: node subscriber.mjs URL [ID]');
    process.exit(2);
  }
  for await (const { event, data } of subscribe(url, last)) {
    if (event === 'gap') {
      const { after, missed } = JSON.parse(data);
      console.error(`missed ${missed ?? 'some'} messages after ${after}`);
    } else console.log(data);
  }
}
