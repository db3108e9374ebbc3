// A client of an ignis server, as one would write it for a browser: it authenticates with a token and a
// public key, and reads what is encrypted with WebCrypto. It tells what it was sent, one JSON line each.
// Started as: node ignis.cjs URL TOKEN INFO
"use strict";

const { subtle } = require("node:crypto").webcrypto;
const WebSocket = require("ws");

const [url, token, info] = process.argv.slice(2);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

async function derive(own, { serverPublicKey, salt }) {
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const server = await subtle.importKey("raw", bytes(serverPublicKey), curve, false, []);
  const shared = await subtle.deriveBits({ name: "ECDH", public: server }, own.privateKey, 256);
  const secret = await subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const steps = { name: "HKDF", hash: "SHA-256", salt: bytes(salt), info: new TextEncoder().encode(info) };
  return subtle.deriveKey(steps, secret, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
}

async function main() {
  const own = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  const publicKey = base64(await subtle.exportKey("raw", own.publicKey));
  const socket = new WebSocket(url);
  let key;
  const read = async (text) => {
    const { event, data } = JSON.parse(text);
    if (event !== "encrypted") {
      if (event === "connected" && data.salt) key = await derive(own, data);
      return { clear: text };
    }
    const plain = await subtle.decrypt({ name: "AES-GCM", iv: bytes(data.iv) }, key, bytes(data.ct));
    return { encrypted: Buffer.from(plain).toString("utf8"), iv: data.iv };
  };
  // One after the other, so that what is told is in the order in which it came.
  let before = Promise.resolve();
  const then = (next) => {
    before = before.then(next).catch((error) => tell({ failed: String(error) }));
  };
  socket.on("open", () => {
    const data = { type: "Bearer", token, publicKey };
    socket.send(JSON.stringify({ event: "authenticate", data }));
  });
  socket.on("message", (data) => then(async () => tell(await read(data.toString("utf8")))));
  socket.on("close", (code, reason) => then(() => tell({ closed: code, reason: reason.toString("utf8") })));
  socket.on("error", (error) => then(() => tell({ failed: String(error) })));
  // What it is told to say.
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
  socket.on("close", () => process.stdin.destroy());
}

main();
