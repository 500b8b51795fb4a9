// One row of the matrix: javascript ROW [ADDRESS]

import { getArguments, getEnvironment, initialCwd } from "wasi:cli/environment@0.2.12";
import { exit } from "wasi:cli/exit@0.2.12";
import { getStdin } from "wasi:cli/stdin@0.2.12";
import { getDirectories } from "wasi:filesystem/preopens@0.2.12";

const LARGE = 10 << 20;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

// What needs no network.

async function clocks() {
  const start = performance.now();
  console.log(`${Date.now()} ms since 1970`);
  await sleep(20);
  const passed = performance.now() - start;
  console.log(`slept at least 20 ms: ${passed >= 19.9}`);
  console.log(`${passed} ms`);
}

function random() {
  console.log(`${Math.random()}`);
  console.log(`${crypto.getRandomValues(new Uint8Array(9))}`);
}

function environment() {
  console.log(JSON.stringify(getArguments()));
  console.log(JSON.stringify(getEnvironment()));
  console.log(JSON.stringify(initialCwd()));
  console.error(`${getEnvironment().find(([name]) => name === "ABSENT")}`);
}

function* stdin(size) {
  const stream = getStdin();
  for (;;) {
    try {
      yield stream.blockingRead(BigInt(size));
    } catch (error) {
      if (error.payload?.tag !== "closed") throw error;
      return;
    }
  }
}

function lines() {
  let number = 0;
  let rest = "";
  for (const piece of stdin(7)) {
    const text = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = text.pop();
    for (const line of text) {
      console.log(`${number++}: ${line}`);
      if (line === "enough") {
        console.error("the rest is left");
        return;
      }
    }
  }
}

function whole() {
  const data = join([...stdin(1 << 16)]);
  console.log(`${data.length} bytes, hash ${hash(data)}`);
}

function files() {
  const [[root, name]] = getDirectories();
  const read = (path) => {
    try {
      return JSON.stringify(decoder.decode(root.openAt({ symlinkFollow: true }, path, {}, { read: true }).read(1000n, 0n)[0]));
    } catch (error) {
      return error.payload;
    }
  };
  console.log(name, read("notes.txt"), read("absent"), read("../secret"));
  root.createDirectoryAt("new");
  const file = root.openAt({}, "new/one", { create: true }, { read: true, write: true });
  const stream = file.writeViaStream(0n);
  stream.blockingWriteAndFlush(encoder.encode("first\nsecond\n"));
  file.write(encoder.encode("SECOND"), 6n);
  file.setSize(12n);
  console.log(read("new/one"), `${file.stat().size}`, `${file.stat().dataModificationTimestamp.seconds}`);
  root.renameAt("new/one", root, "new/two");
  const entries = root.openAt({}, "new", { directory: true }, {}).readDirectory();
  for (let entry; (entry = entries.readDirectoryEntry()); ) console.log(JSON.stringify(entry));
  root.unlinkFileAt("new/two");
  root.removeDirectoryAt("new");
  console.log(read("new/two"));
}

function panic() {
  console.log("before the error");
  throw new Error("an error that nobody catches");
}

// Takes memory until there is none.
function memory() {
  const kept = [];
  console.log("before the memory is used up");
  for (;;) kept.push(new Uint8Array(1 << 20));
}

// Requests.

async function show(to, path, options) {
  try {
    const response = await fetch(`http://${to}${path}`, options);
    const data = new Uint8Array(await response.arrayBuffer());
    const text = data.length < 200 ? JSON.stringify(decoder.decode(data)) : `hash ${hash(data)}`;
    console.log(`${path}: ${response.status} ${data.length} bytes ${text}`);
  } catch (error) {
    console.log(`${path}: ${error}`);
  }
}

const post = (to, path, body) => show(to, path, { method: "POST", body });

async function get(to) {
  for (const path of ["/get?a=1&b=two", "/nowhere", "/status?code=204", "/status?code=302"]) await show(to, path);
}

async function postBefore(to) {
  for (const body of ["a short body, sent once", "y".repeat(100_000), ""]) await post(to, "/echo", body);
  await post(to, "/digest", "y".repeat(100_000));
}

// A stream is written while the request is on its way.
async function postAfter(to) {
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of ["a ", "body ", "in pieces"]) {
        controller.enqueue(encoder.encode(piece));
        await sleep(5);
      }
      controller.close();
    },
  });
  await show(to, "/echo", { method: "POST", body, duplex: "half" });
}

async function four(to) {
  await Promise.all([1600, 400, 1200, 800].map((ms) => show(to, `/slow?ms=${ms}`)));
}

async function together(to) {
  const start = performance.now();
  await Promise.all([200, 200, 200, 200].map((ms) => show(to, `/slow?ms=${ms}`)));
  console.log(`${Math.round((performance.now() - start) * 1000)} us`);
}

async function chunked(to) {
  for (const path of ["/chunked", "/drip"]) await show(to, path);
}

async function cut(to) {
  for (const path of ["/cut", "/cut-chunk", "/cut-head", "/close"]) await show(to, path);
}

async function fields(to) {
  const headers = new Headers([["X-B", "1"], ["x-a", "gr\xfc\xdfe"], ["x-b", "2"], ["X-Empty", ""]]);
  const response = await fetch(`http://${to}/fields`, { headers });
  for (const [name, value] of response.headers) console.log(`${name}: ${JSON.stringify(value)}`);
  console.log(JSON.stringify(response.headers.getSetCookie()));
  console.log(`${hash(new Uint8Array(await response.arrayBuffer()))}`);
}

// 10 MiB of random bytes, down and up.
async function large(to) {
  const response = await fetch(`http://${to}/random?bytes=${LARGE}&seed=7`);
  const body = await response.arrayBuffer();
  console.log(`${response.status} ${body.byteLength} bytes`);
  await post(to, "/digest", body);
}

// A response's body as a request's, while it arrives.
async function forward(to) {
  const { body } = await fetch(`http://${to}/random?bytes=300000&seed=3`);
  await show(to, "/digest", { method: "POST", body, duplex: "half" });
}

async function race(to) {
  await first(to, 0, 1500);
  await first(to, 1500, 50);
}

async function raceClose(to) {
  for (let i = 0; i < 10; i++) await first(to, 30, 30);
}

async function first(to, response, timer) {
  const answer = fetch(`http://${to}/slow?ms=${response}`).then(() => 1);
  console.log(`first: ${await Promise.race([answer, sleep(timer).then(() => 2)])}`);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function join(pieces) {
  const whole = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
  pieces.reduce((n, p) => (whole.set(p, n), n + p.length), 0);
  return whole;
}

// FNV-1a, 32 bits.
function hash(data) {
  let h = 0x811c9dc5;
  for (let i = 0; i < data.length; i++) h = Math.imul(h ^ data[i], 0x01000193);
  return (h >>> 0).toString(16);
}

const ROWS = {
  clocks, random, environment, lines, whole, files, panic, memory,
  exit: () => exit({ tag: "err" }),
  get, "post-before": postBefore, "post-after": postAfter, four, together, chunked, cut, fields,
  refused: (to) => show(to, "/"),
  unknown: (to) => show(to, "/"),
  large, forward, race, "race-close": raceClose,
};

export const run = {
  async run() {
    const [, row, address] = getArguments();
    await ROWS[row](address);
  },
};
