// Nchan's own client, npm `nchan`, as it is. It is made for browsers and finds here what Node lacks.

import { setMaxListeners } from 'node:events';
import { createRequire } from 'node:module';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';

import { until } from './longwave.mjs';

const require = createRequire(import.meta.url);

globalThis.XMLHttpRequest = require('xhr2').XMLHttpRequest;
globalThis.window = Object.assign(new EventTarget(), { setTimeout, clearTimeout, XMLHttpRequest });
// Each subscriber listens for the page to be left, and never stops to.
setMaxListeners(0, globalThis.window);
globalThis.WebSocket = WebSocket;
globalThis.EventSource = EventSource;
globalThis.FileReader = class extends EventTarget {
  async readAsText(blob) {
    this.result = await blob.text();
    this.dispatchEvent(new Event('loadend'));
  }
};

const NchanSubscriber = require('nchan');

// A subscriber that has started. `heard` has what came, `[message, meta]` each; `hears(n)` waits until
// it is so much; `connects` counts. It is stopped with the test, for else it would come back for ever.
export function subscribe(t, url, options) {
  const subscriber = new NchanSubscriber(url, { reconnectTimeout: 50, ...options });
  const heard = [];
  const me = {
    subscriber,
    heard,
    connects: 0,
    texts: () => heard.map(([message]) => message),
    hears: (count) => until(() => heard.length >= count, `${count} messages, there are ${heard.length}`),
    stop: () => { if (subscriber.running) subscriber.stop(); },
  };
  subscriber.on('transportNativeCreated', (native, name) => {
    if (name === 'websocket') native.binaryType = 'blob';
  });
  subscriber.on('message', (message, meta) => heard.push([message, meta]));
  subscriber.on('connect', () => { me.connects += 1; });
  t.after(me.stop);
  subscriber.start();
  return me;
}
