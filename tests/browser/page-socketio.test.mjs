// The page over Socket.IO, by the client that its authors publish: offered only where that client is served, the
// same chat as over all other transports, and with recovery the same ids.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, png, publish, shotPath, startBrowser, startProxy, startRelay } from "./support.mjs";

const CLIENT = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist/socket.io.min.js");
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let site, plain, recovering, browser;

before(async () => {
  site = mkdtempSync(join(tmpdir(), "longwave-socketio-"));
  copyFileSync(CLIENT, join(site, "socket.io.min.js"));
  plain = await startRelay(await freePort(), "--static", site);
  recovering = await startRelay(await freePort(), "--static", site, "--socketio-recovery");
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await plain?.kill();
  await recovering?.kill();
  rmSync(site, { recursive: true });
});

/** Waits for a page condition; `what` names it in the failure. */
async function until(page, what, condition, argument) {
  await page.waitForFunction(condition, argument, { timeout: 15_000 }).catch(async () => {
    assert.fail(`never: ${what}; the page says: ${await page.textContent("#statusText")}`);
  });
}

const stateIs = (page, state) => page.waitForSelector(`#status[data-state="${state}"]`);
const fact = (page, id) => page.locator(`#${id}`).textContent();
const bodies = page => page.locator(".message .body").allTextContents();
const withText = (page, text) => page.locator(".message", { hasText: text });

/** Waits until the relay counts a subscriber of this kind. */
async function heardOver(base, channel, transport) {
  const end = Date.now() + 15_000;
  for (let seen = {}; ; seen = (await (await fetch(`${base}channels/${encodeURIComponent(channel)}/info`)).json()).transports) {
    if (seen?.[transport] > 0) return;
    assert.ok(Date.now() < end, `never over ${transport}: ${JSON.stringify(seen)}`);
    await sleep(30);
  }
}

async function choose(page, transport) {
  await page.click(`label:has(input[value=${transport}])`);
}

async function open(t, base, channel, transport = "socketio", options = {}) {
  const page = await browser.window(`${base}#${encodeURIComponent(channel)}`, options);
  t.after(() => page.context().close());
  await stateIs(page, "connected");
  if (transport === "websocket") return page;
  await choose(page, transport);
  await withText(page, "Now over").or(page.getByText("Now over")).first().waitFor();
  if (transport === "socketio") await heardOver(base, channel, "socket.io");
  return page;
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

async function receipt(page, text) {
  await withText(page, text).and(page.locator('[data-state="sent"]')).waitFor();
}

async function gaveAll(page, ...all) {
  await until(page, all.at(-1), text => document.getElementById("messages").textContent.includes(text), all.at(-1));
  await sleep(300);
  assert.deepEqual(await bodies(page), all, "each once, in order");
}

const offered = page => page.locator("input[name=transport]").evaluateAll(all => all.map(one => one.value));

test("it is offered where its client is among the files, and only where it is spoken", async t => {
  const others = ["websocket", "eventsource", "longpoll", "polling", "iframe"];
  const below = join(site, "below");
  mkdirSync(join(below, "socket.io"), { recursive: true });
  copyFileSync(CLIENT, join(below, "socket.io/socket.io.min.js"));
  for (const [args, all] of [[[], others], [["--static", site, "--socketio-path="], others],
    [["--static", below, "--socketio-path=/own/path/"], [...others, "socketio"]]]) {
    const relay = await startRelay(await freePort(), ...args);
    t.after(() => relay.kill());
    const page = await browser.window(relay.url);
    t.after(() => page.context().close());
    await stateIs(page, "connected");
    assert.deepEqual(await offered(page), all, args.join(" "));
    if (!all.includes("socketio")) continue;
    await choose(page, "socketio");
    await heardOver(relay.url, "lobby", "socket.io");
  }
});

test("the chat both ways, with receipts; cut by hand, and back", async t => {
  const page = await open(t, plain.url, "chat"), bob = await open(t, plain.url, "chat", "websocket");
  await say(bob, "hello page\nsecond line");
  await withText(page, "hello page").waitFor();
  await say(page, "hello Bob");
  await withText(bob, "hello Bob").waitFor();
  await receipt(page, "hello Bob");
  assert.match(await withText(page, "hello Bob").locator(".state").getAttribute("title"), /went to 1 subscriber$/);
  assert.equal(await fact(page, "lastId"), "none without recovery");
  await page.click("#cut");
  await stateIs(page, "cut");
  await publish(plain.url, "chat", "missed");
  await say(page, "typed while cut");
  await withText(page, "typed while cut").and(page.locator('[data-state="unsent"]')).waitFor();
  await page.click("#cut");
  await receipt(page, "typed while cut");
  await publish(plain.url, "chat", "and live");
  await gaveAll(page, "hello page\nsecond line", "hello Bob", "typed while cut", "and live");
  await gaveAll(bob, "hello page\nsecond line", "hello Bob", "missed", "typed while cut", "and live");
});

test("two pages over Socket.IO; a picture from either side, over either transport", async t => {
  const channel = "pictures ✓", pages = [await open(t, plain.url, channel), await open(t, plain.url, channel), await open(t, plain.url, channel, "websocket")];
  for (const [i, page] of pages.entries()) {
    const buffer = png(60 + i, 20, (x, y) => [4 * x, 12 * y, 90]);
    await page.setInputFiles("#file", { name: `from ${i}.png`, mimeType: "image/png", buffer });
    for (const one of pages) await until(one, `picture ${i}`, width => [...document.querySelectorAll(".message img")].some(image => image.naturalWidth === width), 60 + i);
    await receipt(page, `from ${i}.png`);
  }
  const names = [["from 1.png", "from 2.png"], ["from 0.png", "from 2.png"], ["from 0.png", "from 1.png"]];
  for (const [i, page] of pages.entries()) assert.deepEqual(await page.locator(".message.chat a[download]").allTextContents(), names[i]);
});

test("text, JSON and bytes from others are shown as over other transports", async t => {
  const page = await open(t, plain.url, "as sent");
  const texts = ["ünïcode 🛰", '{"name":"msg","data":[12,5]}', '{"name":"connect","data":[1]}', "</script><b>&\u2028", " two\n  lines\n", "12:5",
    '{"name":"up","data":[{"_placeholder":true,"num":0}],"attachments":["AAH/gA=="]}'];
  for (const text of texts) await publish(plain.url, "as sent", text);
  await gaveAll(page, ...texts);
  await publish(plain.url, "as sent", Buffer.from([0, 1, 0xff, 0x80]), "application/octet-stream");
  await withText(page, "00 01 ff 80").waitFor();
  assert.deepEqual(await page.locator(".message.raw .meta span").last().textContent(), "binary, 4 B");
});

test("what is too big is refused before it is sent", async t => {
  const page = await open(t, plain.url, "big");
  await say(page, "x".repeat(1_600_000));
  await page.getByText("too big for this server").waitFor();
  await say(page, "still here");
  await receipt(page, "still here");
  assert.equal(await page.getByText("The server is gone").count(), 0);
});

test("where no WebSocket gets through, it polls; bytes then count as base64", async t => {
  const page = await browser.window("");
  t.after(() => page.context().close());
  await page.addInitScript(() => {
    const Real = WebSocket;
    window.WebSocket = class extends Real {
      constructor(url, ...rest) { super(url.includes("/socket.io/") ? url.replace("/socket.io/", "/nowhere/") : url, ...rest); }
    };
  });
  await page.goto(`${plain.url}#polls`);
  await stateIs(page, "connected");
  await choose(page, "socketio");
  await heardOver(plain.url, "polls", "socket.io-polling");
  const send = (name, size) => page.setInputFiles("#file", { name, mimeType: "application/octet-stream", buffer: Buffer.alloc(size, 7) });
  await send("large.bin", 1_200_000);
  await page.getByText("too big for this server").waitFor();
  await send("fits.bin", 1_048_576);
  await receipt(page, "fits.bin");
});

test("names that no namespace can have are told; that of the configuration is the namespace /", async t => {
  const page = await open(t, plain.url, "socket.io");
  await say(page, "on the first namespace");
  await receipt(page, "on the first namespace");
  await page.fill("#channel", "a,b");
  await page.press("#channel", "Enter");
  await until(page, "told", () => /no namespace can have this name/.test(document.getElementById("statusText").textContent));
  await choose(page, "websocket");
  await stateIs(page, "connected");
});

test("with recovery: cut, and what was missed is caught up with, each once and in order", async t => {
  const page = await open(t, recovering.url, "missed"), bob = await open(t, recovering.url, "missed", "websocket");
  await say(bob, "hello page");
  await withText(page, "hello page").waitFor();
  await say(page, "hello Bob");
  await receipt(page, "hello Bob");
  for (const round of [1, 2]) {
    const before = await fact(page, "lastId");
    assert.match(before, /^\d+:\d+$/);
    await page.click("#cut");
    await stateIs(page, "cut");
    for (const text of ["one", "two"]) await publish(recovering.url, "missed", `missed ${text} of round ${round}`);
    await page.screenshot({ path: shotPath(`socketio-cut-${round}`) });
    await page.click("#cut");
    await until(page, "caught up", n => document.getElementById("caughtUp").textContent === `${n} messages`, 2 * round);
    assert.equal(await fact(page, "resumedFrom"), before);
    assert.equal(await fact(page, "gaps"), "0");
  }
  await publish(recovering.url, "missed", '{"name":"msg","data":["and","live"]}');
  const missed = round => [`missed one of round ${round}`, `missed two of round ${round}`];
  await gaveAll(page, "hello page", "hello Bob", ...missed(1), ...missed(2), '{"name":"msg","data":["and","live"]}');
  await page.screenshot({ path: shotPath("socketio-caught-up") });
});

test("with recovery: one id for it and all others", async t => {
  const page = await open(t, recovering.url, "switching", "websocket");
  const all = [];
  const next = async text => {
    await publish(recovering.url, "switching", text);
    all.push(text);
  };
  for (const transport of ["socketio", "longpoll", "socketio", "eventsource", "socketio", "websocket"]) {
    await next(`before ${transport} ${all.length}`);
    await gaveAll(page, ...all);
    const id = await fact(page, "lastId");
    await page.click("#cut");
    await next(`between, for ${transport} ${all.length}`);
    await choose(page, transport);
    await stateIs(page, "cut");
    await page.click("#cut");
    await gaveAll(page, ...all);
    assert.equal(await fact(page, "resumedFrom"), id, `${transport} goes on from there`);
  }
  await choose(page, "socketio");
  await heardOver(recovering.url, "switching", "socket.io");
  await page.reload();
  await stateIs(page, "connected");
  assert.equal(await page.isChecked("input[value=socketio]"), true, "the transport is remembered");
});

test("with recovery: a server that comes back tells of the gap", async t => {
  const port = await freePort(), args = ["--static", site, "--socketio-recovery"];
  let relay = await startRelay(port, ...args);
  t.after(() => relay.kill());
  const page = await open(t, relay.url, "crash");
  await publish(relay.url, "crash", "before");
  await gaveAll(page, "before");
  await relay.kill();
  await until(page, "gone", () => /gone/.test(document.getElementById("statusText").textContent));
  relay = await startRelay(port, ...args);
  await stateIs(page, "connected");
  await publish(relay.url, "crash", "behind");
  await gaveAll(page, "before", "behind");
  assert.equal(await fact(page, "gaps"), "1");
});

test("behind a proxy's prefix, in the light, in the dark and on a phone", async t => {
  const proxy = await startProxy(Number(new URL(recovering.url).port), "/relay");
  t.after(() => proxy.close());
  const looks = { light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, phone: { ...PHONE, colorScheme: "light" } };
  for (const [look, options] of Object.entries(looks)) {
    const page = await browser.window(`${proxy.url}#${look}`, options);
    t.after(() => page.context().close());
    await stateIs(page, "connected");
    if (look === "phone") await page.click("#transportCard summary");
    await choose(page, "socketio");
    await heardOver(recovering.url, look, "socket.io");
    await stateIs(page, "connected");
    await say(page, `Written in the ${look}`);
    await receipt(page, "Written in");
    await publish(recovering.url, look, '{"name":"chat","data":[{"from":"Ada","text":"and answered"}]}');
    await withText(page, "and answered").waitFor();
    await page.screenshot({ path: shotPath(`socketio-${look}`) });
    await page.locator("#transportCard").scrollIntoViewIfNeeded();
    await page.locator("#transportCard").screenshot({ path: shotPath(`socketio-${look}-card`) });
  }
});

test("no script error and no refused resource in all of this", () => {
  assert.deepEqual(browser.troubles, []);
});
