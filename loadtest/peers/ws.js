// A relay on the npm package ws: a path is a channel, a message goes to everyone else on it.
//
//   usage: NODE_PATH=.../node_modules node ws.js PORT
"use strict";

const { WebSocketServer, WebSocket } = require("ws");

const BUFFERED_BYTES_MAX = 16 * 1024 * 1024;

const channels = new Map();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
});

server.on("connection", (socket, request) => {
  const name = request.url;
  let members = channels.get(name);
  if (!members) channels.set(name, (members = new Set()));
  members.add(socket);
  socket.on("message", (data, binary) => {
    // The same buffer for all; a reader that falls far behind is cut off.
    const options = { binary };
    for (const member of members) {
      if (member === socket || member.readyState !== WebSocket.OPEN) continue;
      if (member.bufferedAmount > BUFFERED_BYTES_MAX) member.terminate();
      else member.send(data, options);
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    members.delete(socket);
    if (members.size === 0) channels.delete(name);
  });
});
