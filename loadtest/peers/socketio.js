// A relay on the npm package socket.io: an event `message` goes to every other socket.
//
//   usage: NODE_PATH=.../node_modules node socketio.js PORT
"use strict";

const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  maxHttpBufferSize: 64 * 1024 * 1024,
});

io.on("connection", (socket) => {
  socket.on("message", (data) => socket.broadcast.emit("message", data));
});

http.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
