// The npm package `ws`, worked from outside: one command per line comes in, one event per line goes out.
// Started as: node client.cjs URL [SUBPROTOCOL...]
"use strict";

const readline = require("node:readline");
const WebSocket = require("ws");

const [url, ...subprotocols] = process.argv.slice(2);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

// As a browser does, it offers compression and keeps to what the server chooses.
const socket = new WebSocket(url, subprotocols, { perMessageDeflate: true });

socket.on("open", () => {
  tell({ open: { subprotocol: socket.protocol, extensions: socket.extensions } });
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const command = JSON.parse(line);
    if ("send" in command) socket.send(command.send);
    else if ("ping" in command) socket.ping(command.ping);
    else socket.close(command.close);
  });
});
socket.on("message", (data, isBinary) => {
  if (isBinary) throw new Error("a binary message, which no strav client expects");
  tell({ text: data.toString("utf8") });
});
socket.on("pong", (data) => tell({ pong: data.toString("utf8") }));
socket.on("close", (code, reason) => {
  tell({ closed: { code, reason: reason.toString("utf8") } });
  process.stdin.destroy();
});
socket.on("error", (error) => tell({ failed: String(error) }));
