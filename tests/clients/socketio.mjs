// Clients of the npm package `socket.io-client`, each with connections of its own.

import { io, Manager } from 'socket.io-client';

import { within } from './longwave.mjs';

// The three ways in which the client can talk: what it is asked for.
export const WAYS = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

// Reconnecting does not take long.
const BRISK = { reconnectionDelay: 20, reconnectionDelayMax: 100, randomizationFactor: 0, forceNew: true };

// What an emitter of theirs says the next time; theirs are not those of Node.
export const happens = (emitter, event) => within(new Promise((resolve) => {
  emitter.once(event, (...values) => resolve(values));
}), event);

// Gives the events of a socket one by one, each as [name, ...arguments], from when it is made on.
export function listened(t, socket) {
  t.after(() => { socket.io.reconnection(false); socket.io._close(); });
  const events = [];
  const waiting = [];
  socket.onAny((...event) => {
    const taker = waiting.shift();
    if (taker) taker(event); else events.push(event);
  });
  socket.next = () => within(
    events.length ? Promise.resolve(events.shift()) : new Promise((resolve) => waiting.push(resolve)),
    `event in ${socket.nsp}`,
  );
  socket.unread = () => events.length;
  return socket;
}

// A client that begins to connect.
export const begin = (t, http, namespace, options = {}) => listened(t, io(`${http}${namespace}`, { ...BRISK, ...options }));

// A client that is connected, and where it upgrades has done so.
export async function connect(t, http, namespace, options = {}) {
  const socket = begin(t, http, namespace, options);
  await connected(socket);
  return socket;
}

// Clients of several namespaces over one connection.
export async function connectAll(t, http, namespaces, options = {}) {
  const manager = new Manager(http, { ...BRISK, ...options });
  const sockets = namespaces.map((namespace) => listened(t, manager.socket(namespace)));
  await Promise.all(sockets.map(connected));
  return sockets;
}

// Waits for the namespace, and for the upgrade if one is to come.
export async function connected(socket) {
  if (!socket.connected) await happens(socket, 'connect');
  const { engine, opts } = socket.io;
  const last = opts.transports?.at(-1);
  if (last && engine.transport.name !== last) await happens(engine, 'upgrade');
}
