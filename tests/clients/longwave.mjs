// Starts a longwave of the test's own and speaks to it with the npm package `ws`.
//
// The binary is named by LONGWAVE_BIN. Every wait has an end: a server that hangs fails a test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

import { freePort, owned, within } from './bounds.mjs';

export { within };
export const WAIT = 10_000;
export const MIB = 1024 * 1024;

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

// Rejects when `promise` takes longer than WAIT.
export const start = async (t, ...options) => startAt(t, await freePort(), ...options);

// The same on a given port, such as that of one before it. `kill()` is as sudden as a crash.
export async function startAt(t, port, ...options) {
  const child = owned(spawn(process.env.LONGWAVE_BIN, ['--listen', `127.0.0.1:${port}`, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  }));
  const exit = once(child, 'exit').then(([code]) => code);
  const kill = async () => { child.kill('SIGKILL'); await exit; };
  t.after(kill);
  const end = Date.now() + WAIT;
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode}`);
    if (Date.now() > end) throw new Error('the server does not listen');
    await sleep(20);
  }
  return { port, child, exit, kill, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}` };
}

// A WebSocket that is joined when this resolves. `next()` takes its messages one by one: text as a
// string, binary as a Buffer. `ended` resolves to the code and the reason of its close.
export async function join(t, url, protocols = [], options = {}) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
  t.after(() => socket.terminate());
  const messages = [];
  const waiting = [];
  socket.on('message', (data, binary) => {
    const message = binary ? data : data.toString();
    const taker = waiting.shift();
    if (taker) taker(message); else messages.push(message);
  });
  socket.on('error', () => {});
  socket.next = () => within(
    messages.length ? Promise.resolve(messages.shift()) : new Promise((r) => waiting.push(r)),
    'message',
  );
  socket.ended = once(socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
  await within(once(socket, 'open'), 'handshake');
  return socket;
}

// The status with which a handshake is refused.
export function refusal(url, protocols, options) {
  const socket = new WebSocket(url, protocols, options);
  return within(new Promise((resolve, reject) => {
    socket.on('unexpected-response', (request, response) => { resolve(response.statusCode); request.destroy(); });
    socket.on('open', () => { socket.terminate(); reject(new Error('it was let in')); });
    socket.on('error', () => {});
  }), 'refusal');
}

// Publishes a text, or bytes of a type; the answer's status has to tell of success.
export async function publish(http, channel, body, headers = { 'Content-Type': 'text/plain' }) {
  const signal = AbortSignal.timeout(WAIT);
  const answer = await fetch(`${http}/channels/${channel}`, { method: 'POST', body, headers, signal });
  if (!answer.ok) throw new Error(`publishing: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
}

// Publishes several texts, one after the other.
export async function publishAll(http, channel, texts) {
  for (const text of texts) await publish(http, channel, text);
}

// Asks until `condition` is true.
export async function until(condition, what) {
  const end = Date.now() + WAIT;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(10);
  }
}
