// A peer to measure against: ws, the WebSocket server of most Node.js programs, set up for speed as its documentation says: with
// bufferutil, which unmasks in C (`isUtf8` is Node's own), and nothing compressed unless it is asked for. It has no topics; a broadcast
// is a loop over a set, as in its documentation, with the message encoded once. It speaks the frames of a strav endpoint: welcome,
// sub -> ok, unsub, pub -> msg.
//
// PORT sets the port; without it 7101. DEFLATE=1 compresses what it sends; TLS_CERT and TLS_KEY are files in PEM. One process uses
// one core, beside the threads that zlib gets.

import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { WebSocketServer } from "ws";

const { PORT, DEFLATE, TLS_CERT, TLS_KEY } = process.env;
const port = Number(PORT ?? 7101);
const compress = DEFLATE === "1";

// Ids are as long as those of real servers (26 characters) and as cheap as can be.
let lastId = 0;
const nextId = () => String(++lastId).padStart(26, "0");

// Topics and who subscribes to them. A client has few, and keeps them to leave them.
const topics = new Map();

function subscribe(socket, topic) {
  let subscribers = topics.get(topic);
  if (!subscribers) topics.set(topic, (subscribers = new Set()));
  subscribers.add(socket);
  socket.topics.push(topic);
}

function unsubscribe(socket, topic) {
  const subscribers = topics.get(topic);
  if (!subscribers) return;
  subscribers.delete(socket);
  if (subscribers.size === 0) topics.delete(topic);
}

function publish(topic, text) {
  const subscribers = topics.get(topic);
  if (!subscribers) return;
  // Of bytes, no copy is made for each of them.
  const message = Buffer.from(text);
  for (const socket of subscribers) socket.send(message, { binary: false });
}

const listener = TLS_CERT
  ? https.createServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) })
  : http.createServer();

const server = new WebSocketServer({
  server: listener,
  clientTracking: false,
  // Whatever the size, so that it compresses what the others do.
  perMessageDeflate: compress && { threshold: 0 },
});

server.on("connection", (socket) => {
  socket.topics = [];
  socket.on("error", () => {});
  socket.on("close", () => socket.topics.forEach((topic) => unsubscribe(socket, topic)));
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    switch (frame.t) {
      case "pub": {
        const { c, e, d } = frame;
        publish(c, JSON.stringify({ t: "msg", c, e, d, i: nextId() }));
        break;
      }
      case "sub":
        subscribe(socket, frame.c);
        socket.send(JSON.stringify({ t: "ok", c: frame.c }));
        break;
      case "unsub":
        unsubscribe(socket, frame.c);
        break;
    }
  });
  socket.send(`{"t":"welcome","id":"${nextId()}"}`);
});

listener.listen(port, "127.0.0.1", 4096, () => {
  const scheme = TLS_CERT ? "wss" : "ws";
  console.log(`listening on ${scheme}://127.0.0.1:${listener.address().port}/ pid ${process.pid}`);
});
