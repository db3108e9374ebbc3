// A peer to measure against: Bun's own WebSocket server with its native topics, set up for speed as Bun's
// documentation says: topics live in the runtime (`subscribe`, `server.publish`), no per-message work beyond the
// envelope. It speaks the frames of a strav endpoint: welcome, sub -> ok, unsub, pub -> msg.
//
// PORT sets the port; without it 7101. DEFLATE=1 compresses what it sends, with a compressor that all connections
// share; TLS_CERT and TLS_KEY are files in PEM. One process uses one core.

const { PORT, DEFLATE, TLS_CERT, TLS_KEY } = process.env;
const port = Number(PORT ?? 7101);
const compress = DEFLATE === "1";
const tls = TLS_CERT ? { cert: Bun.file(TLS_CERT), key: Bun.file(TLS_KEY) } : undefined;

// Ids are as long as those of real servers (26 characters) and as cheap as can be.
let lastId = 0;
const nextId = () => String(++lastId).padStart(26, "0");

const server = Bun.serve({
  hostname: "127.0.0.1",
  port,
  tls,
  fetch(request, server) {
    if (server.upgrade(request)) return undefined;
    return new Response("a WebSocket server", { status: 426 });
  },
  websocket: {
    perMessageDeflate: compress && { compress: "shared", decompress: "shared" },
    // Idle clients stay: the harness measures them.
    idleTimeout: 0,
    sendPings: false,
    // A burst for a slow reader must not be dropped: the harness counts what is lost.
    backpressureLimit: 16 << 20,
    open(socket) {
      socket.send(`{"t":"welcome","id":"${nextId()}"}`);
    },
    message(socket, message) {
      const frame = JSON.parse(message);
      switch (frame.t) {
        case "pub": {
          const { c, e, d } = frame;
          server.publish(c, JSON.stringify({ t: "msg", c, e, d, i: nextId() }), compress);
          break;
        }
        case "sub":
          socket.subscribe(frame.c);
          socket.send(JSON.stringify({ t: "ok", c: frame.c }));
          break;
        case "unsub":
          socket.unsubscribe(frame.c);
          break;
      }
    },
  },
});

const scheme = tls ? "wss" : "ws";
console.log(`listening on ${scheme}://127.0.0.1:${server.port}/ pid ${process.pid}`);
