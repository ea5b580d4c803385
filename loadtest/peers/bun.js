// A relay on Bun, whose WebSocket server and publish/subscribe are uWebSockets: a path is a channel,
// a message goes to everyone else on it.
//
//   usage: bun bun.js PORT

const port = Number(process.argv[2]);

Bun.serve({
  hostname: "127.0.0.1",
  port,
  fetch(request, server) {
    const channel = new URL(request.url).pathname;
    if (server.upgrade(request, { data: { channel } })) return;
    return new Response("WebSocket only\n", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    maxPayloadLength: 64 * 1024 * 1024,
    backpressureLimit: 16 * 1024 * 1024,
    closeOnBackpressureLimit: true,
    open(socket) {
      socket.subscribe(socket.data.channel);
    },
    message(socket, message) {
      // To all that subscribed but the sender.
      socket.publish(socket.data.channel, message);
    },
  },
});
