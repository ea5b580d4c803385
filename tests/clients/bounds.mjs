// No test file runs for ever: what it started is ended with it, a test that hangs ends it, and so does
// whatever would keep the process alive when its tests are done. `node --test` waits for that process.
//
// It is enough to import this; the timers and listeners of a test that works keep nothing alive.

import { once } from 'node:events';
import { writeSync } from 'node:fs';
import net from 'node:net';
import { after, afterEach, beforeEach } from 'node:test';

// The longest tests take a quarter of a minute on a quiet machine.
const TEST_MS = Number(process.env.TEST_MS ?? 120_000);
// From the last test to the end of the process: a browser has to be closed meanwhile.
const LEAVE_MS = Number(process.env.LEAVE_MS ?? 30_000);

const ends = new Set();

// `end` is called when the tests of this file are done, or given up: it must not wait.
export function atEnd(end) {
  ends.add(end);
}

// A child process that does not outlive the file.
export function owned(child) {
  const end = () => child.kill('SIGKILL');
  atEnd(end);
  child.once('exit', () => ends.delete(end));
  return child;
}

// What `promise` gives, unless that takes longer than `ms`.
export async function within(promise, what, ms = 10_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// A port that nobody listens on. It is below those that the kernel gives to outgoing connections, so
// that none takes it before a server does, or while one is started again.
export async function freePort() {
  for (let i = 0; i < 100; i += 1) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const listener = net.createServer().listen(port, '127.0.0.1');
    const free = await once(listener, 'listening').then(() => true, () => false);
    if (!free) continue;
    listener.close();
    await once(listener, 'close');
    return port;
  }
  throw new Error('no free port');
}

function endAll() {
  for (const end of ends) {
    try { end(); } catch (error) { say(`cannot end it: ${error}`); }
  }
  ends.clear();
}

// Straight to the descriptor: the process ends with the next statement.
const say = (text) => writeSync(2, `${text}\n`);

let watch;

// Ends the process unless the next stage begins in time. Keeps nothing alive.
function stage(name, ms) {
  clearTimeout(watch);
  watch = setTimeout(() => {
    say(`not done within ${ms / 1000} s: ${name}; what is open: ${process.getActiveResourcesInfo().join(' ')}`);
    process.exit(1);
  }, ms).unref();
}

process.on('exit', endAll);
stage('what comes before the tests', TEST_MS);
beforeEach((t) => stage(`the test "${t.name}"`, TEST_MS));
afterEach(() => stage('what comes between two tests', TEST_MS));
after(() => {
  stage('the end of the file, for something keeps it alive', LEAVE_MS);
  endAll();
});
