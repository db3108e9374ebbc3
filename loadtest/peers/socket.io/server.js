// A peer to measure against: Socket.IO, set up for speed as its documentation says: by WebSocket from the first byte on, with
// bufferutil, with nothing compressed, and without the reference to each connection's request, which only costs memory. Topics
// are its rooms. `sub` with a topic joins and is acknowledged; `pub` with a topic and a body goes to the room as `msg`, with an id.
//
// PORT sets the port; without it 7101. One process uses one core.

import * as http from "node:http";
import { Server } from "socket.io";

const port = Number(process.env.PORT ?? 7101);
const listener = http.createServer();

const io = new Server(listener, {
  transports: ["websocket"],
  allowUpgrades: false,
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  // Idle clients stay silent: the harness measures them.
  pingInterval: 600_000,
  pingTimeout: 600_000,
});

io.engine.on("connection", (rawSocket) => {
  rawSocket.request = null;
});

// Ids are as long as those of real servers (26 characters) and as cheap as can be.
let lastId = 0;
const nextId = () => String(++lastId).padStart(26, "0");

io.on("connection", (socket) => {
  socket.on("sub", (topic, done) => {
    socket.join(topic);
    done();
  });
  socket.on("pub", (topic, body) => {
    io.to(topic).emit("msg", topic, body, nextId());
  });
});

listener.listen(port, "127.0.0.1", 4096, () => {
  console.log(`listening on ws://127.0.0.1:${listener.address().port}/ pid ${process.pid}`);
});
