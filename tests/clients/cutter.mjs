// A TCP proxy in front of the relay that breaks its connections when told, and lets nobody in meanwhile.

import { once } from 'node:events';
import net from 'node:net';

// `cut()` ends what is open and refuses what comes until `mend()`. `opened` counts connections.
export async function startCutter(t, target) {
  const state = { away: false, opened: 0, sockets: new Set() };
  const server = net.createServer((socket) => (state.away ? socket.destroy() : join(socket, target, state)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const cut = () => {
    state.away = true;
    for (const socket of state.sockets) socket.destroy();
  };
  t.after(() => { cut(); server.close(); });
  return {
    cut,
    mend: () => { state.away = false; },
    get opened() { return state.opened; },
    http: `http://127.0.0.1:${port}`,
    ws: `ws://127.0.0.1:${port}`,
  };
}

function join(socket, target, state) {
  state.opened += 1;
  const onward = net.connect(target, '127.0.0.1');
  socket.pipe(onward).pipe(socket);
  for (const [one, other] of [[socket, onward], [onward, socket]]) {
    state.sockets.add(one);
    one.on('error', () => {});
    one.on('close', () => { state.sockets.delete(one); other.destroy(); });
  }
}
