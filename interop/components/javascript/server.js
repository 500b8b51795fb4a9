// What serve calls: answers requests, each in its own way by its path.

const encoder = new TextEncoder();

const own = ([name]) => name.startsWith("x-");
const text = (request) => `${request.method} ${new URL(request.url).pathname}${new URL(request.url).search}\n`;

async function digest(request) {
  const data = new Uint8Array(await request.arrayBuffer());
  return new Response(`${data.length} bytes, hash ${hash(data)}\n`);
}

function fields(request) {
  const got = [...request.headers].filter(own).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  const headers = new Headers([["Set-Cookie", "a=1"], ["X-Beyond", "gr\xfc\xdfe \xff"], ["set-cookie", "b=2; Path=/"], ["X-Empty", ""], ["x-b", "1"], ["X-B", "2"]]);
  return new Response(got.join(""), { status: 201, headers });
}

// A body that is made while it is sent.
function pieces() {
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of ["first,", "second, longer than the first,", "x".repeat(10_000), "last"]) {
        controller.enqueue(encoder.encode(piece));
        await sleep(5);
      }
      controller.close();
    },
  });
  return new Response(body);
}

async function cut(request) {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  writer.write(encoder.encode(text(request))).then(() => writer.abort(new Error("cut")));
  return new Response(readable);
}

async function vary() {
  const start = performance.now();
  await sleep(2);
  return new Response(`${Date.now()} ${performance.now() - start} ${Math.random()}\n`);
}

// Asks another server, which answers when several ask.
const meet = (request) => fetch(decodeURIComponent(new URL(request.url).search.slice(1)));

function print(request) {
  console.log(`to stdout: ${text(request)}`);
  console.error(`to stderr: ${text(request)}`);
  return new Response("printed\n");
}

function trap() {
  console.error("before the error");
  throw new Error("an error that nobody catches");
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// FNV-1a, 32 bits.
function hash(data) {
  let h = 0x811c9dc5;
  for (let i = 0; i < data.length; i++) h = Math.imul(h ^ data[i], 0x01000193);
  return (h >>> 0).toString(16);
}

const PATHS = {
  "/get": (request) => new Response(text(request), { headers: { "Content-Type": "text/plain" } }),
  "/empty": () => new Response(null, { status: 204 }),
  "/echo": (request) => new Response(request.body, { headers: { "X-Method": request.method } }),
  "/digest": digest, "/fields": fields, "/pieces": pieces, "/cut": cut, "/vary": vary, "/meet": meet, "/print": print, "/trap": trap,
};
const missing = () => new Response("no such path\n", { status: 404 });

addEventListener("fetch", (event) => {
  const answer = PATHS[new URL(event.request.url).pathname] ?? missing;
  event.respondWith(answer(event.request));
});
