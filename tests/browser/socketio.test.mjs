// The official Socket.IO client in Chromium, as a page loads it: from the relay's own files, and from another origin with credentials.

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { atEnd } from "../clients/bounds.mjs";
import { freePort, publish, startBrowser, startRelay } from "./support.mjs";

const CLIENT = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist", "socket.io.min.js");
const WAYS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

let browser, relay, port, folder, elsewhere;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "longwave-socketio-"));
  mkdirSync(join(folder, "socket.io"));
  copyFileSync(CLIENT, join(folder, "socket.io", "socket.io.min.js"));
  writeFileSync(join(folder, "index.html"), '<!doctype html><title>chat</title><script src="/socket.io/socket.io.min.js"></script>');
  port = await freePort();
  relay = await startRelay(port, "--static", folder);
  browser = await startBrowser();
  elsewhere = await startPages();
});

after(async () => {
  await browser?.close();
  await relay?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** A server of empty pages, of an origin that is not the relay's; what it sets as a cookie is for the whole host. */
async function startPages() {
  const server = http.createServer((_, response) => response.writeHead(200, { "content-type": "text/html", "set-cookie": "own=1" }).end("<!doctype html>"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

/** A page with the client in it. */
async function open(t, url) {
  const page = await browser.window(url);
  t.after(() => page.context().close());
  if (url !== relay.url) await page.addScriptTag({ url: `${relay.url}socket.io/socket.io.min.js` });
  return page;
}

/** Connects the page to a namespace; `heard` gets every event, bytes as arrays of numbers. */
async function enter(page, address, options) {
  await page.evaluate(([address, options]) => {
    const plain = value => value instanceof ArrayBuffer ? [...new Uint8Array(value)]
      : Array.isArray(value) ? value.map(plain)
        : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
          : value;
    Object.assign(window, { heard: [], refusals: [], socket: io(address, { reconnectionDelay: 50, reconnectionDelayMax: 200, ...options }) });
    socket.onAny((...event) => heard.push(plain(event)));
    socket.on("connect_error", error => refusals.push(String(error)));
  }, [address, options]);
  const last = options.transports?.at(-1) ?? "websocket";
  await page.waitForFunction(last => socket.connected && socket.io.engine.transport.name === last, last)
    .catch(async () => assert.fail(`not connected by ${last}: ${await page.evaluate(() => refusals)}`));
}

/** Waits until the page has heard so much, and gives it. */
async function hears(page, count) {
  await page.waitForFunction(n => heard.length >= n, count)
    .catch(async () => assert.fail(`never ${count}: ${JSON.stringify(await page.evaluate(() => heard))}`));
  return page.evaluate(() => heard.splice(0));
}

const ask = (page, ...event) => page.evaluate(event => socket.timeout(5000).emitWithAck(...event), event);

test("a page of the relay's own files: polling first, then WebSocket, with acks, bytes, Blobs and files", async t => {
  const [ann, ben] = [await open(t, relay.url), await open(t, relay.url)];
  for (const page of [ann, ben]) await enter(page, "/room", {});
  assert.equal(await ask(ann, "say", "grüße", { n: [1, null] }), 1);
  assert.deepEqual(await hears(ben, 1), [["say", "grüße", { n: [1, null] }]]);
  const count = await ann.evaluate(() => socket.timeout(5000).emitWithAck("bytes",
    new Uint8Array([1, 2]), { in: [new Uint8Array([3]).buffer] }, new Blob(["ab"]), new File(["c"], "c.txt")));
  assert.equal(count, 1);
  assert.deepEqual(await hears(ben, 1), [["bytes", [1, 2], { in: [[3]] }, [97, 98], [99]]]);
  await publish(relay.url, "room", '{"name":"posted","data":[5]}');
  for (const page of [ann, ben]) assert.deepEqual(await hears(page, 1), [["posted", 5]]);
});

for (const [way, transports] of Object.entries(WAYS)) {
  test(`${way}: a page of another origin talks with credentials`, async t => {
    const page = await open(t, elsewhere);
    const own = await open(t, relay.url);
    const room = `${way}-room`;
    await enter(page, `${relay.url}${room}`, { transports, withCredentials: true });
    await enter(own, `/${room}`, {});
    assert.equal(await ask(page, "say", 1), 1);
    assert.deepEqual(await hears(own, 1), [["say", 1]]);
    assert.equal(await own.evaluate(() => socket.timeout(5000).emitWithAck("bytes", new Uint8Array([0, 255]))), 1);
    assert.deepEqual(await hears(page, 1), [["bytes", [0, 255]]]);
    assert.equal(await page.evaluate(() => socket.timeout(5000).emitWithAck("blob", new Blob(["ab"]))), 1);
    assert.deepEqual(await hears(own, 1), [["blob", [97, 98]]]);
  });
}

test("headers of a page's own need a preflight, which lets them through", async t => {
  const page = await open(t, elsewhere);
  await enter(page, `${relay.url}asked`, { transports: ["polling"], withCredentials: true, extraHeaders: { "x-own": "1", authorization: "Bearer x" } });
  assert.equal(await ask(page, "say", 1), 0);
});

test("one mebibyte of bytes by polling, from another origin", async t => {
  const [sender, reader] = [await open(t, elsewhere), await open(t, elsewhere)];
  for (const page of [sender, reader]) await enter(page, `${relay.url}large`, { transports: ["polling"] });
  await reader.evaluate(() => socket.on("large", data => { window.sum = new Uint8Array(data).reduce((a, b) => (a * 31 + b) | 0, 7); }));
  const sum = await sender.evaluate(async () => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 2654435761) >>> 24);
    await socket.timeout(10_000).emitWithAck("large", bytes);
    return bytes.reduce((a, b) => (a * 31 + b) | 0, 7);
  });
  await reader.waitForFunction(sum => window.sum === sum, sum);
});

test("a relay that is back goes on with its pages", async t => {
  const own = await freePort();
  let server = await startRelay(own);
  t.after(() => server.kill());
  const pages = [await open(t, elsewhere), await open(t, elsewhere), await open(t, elsewhere)];
  for (const [i, transports] of Object.values(WAYS).entries()) await enter(pages[i], `${server.url}room`, { transports });
  const before = await Promise.all(pages.map(page => page.evaluate(() => socket.id)));
  await server.kill();
  for (const page of pages) await page.waitForFunction(() => !socket.connected);
  server = await startRelay(own);
  for (const page of pages) await page.waitForFunction(() => socket.connected);
  for (const [i, page] of pages.entries()) assert.notEqual(await page.evaluate(() => socket.id), before[i]);
  assert.equal(await ask(pages[0], "say", 1), 2);
  for (const page of pages.slice(1)) assert.deepEqual(await hears(page, 1), [["say", 1]]);
});

test("nothing was refused to the pages that their browser had to tell of", () => assert.deepEqual(browser.troubles, []));
