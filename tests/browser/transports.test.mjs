// The page over each of its transports: the same chat, a connection that is cut and catches up, one id
// for all of them, gaps that are told, and a picture that is uploaded as it is.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, png, publish, shotPath, startBrowser, startRelay } from "./support.mjs";

const TRANSPORTS = ["websocket", "eventsource", "longpoll", "polling", "iframe"];

let port, relay, browser;

before(async () => {
  port = await freePort();
  relay = await startRelay(port);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await relay?.kill();
});

/** Waits for a page condition; `what` names it in the failure. */
async function until(page, what, condition, argument) {
  await page.waitForFunction(condition, argument, { timeout: 15_000 }).catch(() => assert.fail(`never: ${what}`));
}

const stateIs = (page, state) => page.waitForSelector(`#status[data-state="${state}"]`);
const fact = (page, id) => page.locator(`#${id}`).textContent();
const bodies = page => page.locator(".message .body").allTextContents();
const withText = (page, text) => page.locator(".message", { hasText: text });

async function open(base, channel, transport, options) {
  const page = await browser.window(`${base}#${encodeURIComponent(channel)}`, options);
  await choose(page, transport);
  return page;
}

/** Takes another transport, and waits until the relay hears of it. */
async function choose(page, transport) {
  const before = await fact(page, "resumes");
  await page.click(`label:has(input[value=${transport}])`);
  if (transport !== "websocket" || before !== "never") await until(page, "resumed", was => document.getElementById("resumes").textContent !== was, before);
  await stateIs(page, "connected");
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

async function receipt(page, text) {
  await withText(page, text).and(page.locator('[data-state="sent"]')).waitFor();
}

async function closeAll(...pages) {
  for (const page of pages) await page.context().close();
}

/** Cuts by the button, and lets three messages pass meanwhile. */
async function miss(page, channel, base = relay.url) {
  await page.click("#cut");
  await stateIs(page, "cut");
  for (const text of ["missed one", "missed two", "missed three"]) await publish(base, channel, text);
  await sleep(300);
  assert.equal(await withText(page, "missed").count(), 0, "the connection is cut");
}

async function gaveAll(page, ...all) {
  await until(page, all.at(-1), text => document.getElementById("messages").textContent.includes(text), all.at(-1));
  await sleep(300);
  assert.deepEqual(await bodies(page), all, "each once, in order");
}

for (const transport of TRANSPORTS) {
  test(`${transport}: the chat, both ways; cut, what was missed is caught up with`, async () => {
    const channel = `over ${transport}`;
    const page = await open(relay.url, channel, transport), bob = await open(relay.url, channel, "websocket");
    await say(bob, "hello page\nsecond line");
    await withText(page, "hello page").waitFor();
    await say(page, "hello Bob");
    await withText(bob, "hello Bob").waitFor();
    await receipt(page, "hello Bob");
    await miss(page, channel);
    await page.screenshot({ path: shotPath(`cut-${transport}`) });
    const [before, count] = [await fact(page, "lastId"), await page.locator(".late").count()];
    assert.match(before, /^\d+:\d+$/);
    assert.equal(count, 0);
    await say(page, "typed while cut");
    await withText(page, "typed while cut").and(page.locator('[data-state="unsent"]')).waitFor();
    await page.click(transport === "polling" ? "#retry" : "#cut");
    await receipt(page, "typed while cut");
    await publish(relay.url, channel, "and live");
    const missed = ["missed one", "missed two", "missed three"];
    await gaveAll(page, "hello page\nsecond line", "hello Bob", "typed while cut", ...missed, "and live");
    await gaveAll(bob, "hello page\nsecond line", "hello Bob", ...missed, "typed while cut", "and live");
    assert.equal(await page.locator(".late").count(), 3);
    assert.equal(await fact(page, "caughtUp"), "3 messages");
    assert.equal(await fact(page, "resumedFrom"), before, "resumed from the last id");
    assert.equal(await fact(page, "gaps"), "0");
    await page.screenshot({ path: shotPath(`caught-up-${transport}`) });
    await closeAll(page, bob);
  });
}

test("one id for all: every switch goes on where the transport before it was", async () => {
  const page = await open(relay.url, "switching", "websocket");
  const all = [];
  const publishNext = async text => {
    await publish(relay.url, "switching", text);
    all.push(text);
  };
  for (const transport of [...TRANSPORTS.slice(1), "websocket", "longpoll"]) {
    await publishNext(`before ${transport}`);
    await gaveAll(page, ...all);
    const id = await fact(page, "lastId");
    await page.click("#cut");
    await publishNext(`between, for ${transport}`);
    await page.click(`label:has(input[value=${transport}])`);
    await stateIs(page, "cut");
    await page.click("#cut");
    await gaveAll(page, ...all);
    assert.equal(await fact(page, "resumedFrom"), id, `${transport} goes on from there`);
  }
  await page.reload();
  await stateIs(page, "connected");
  assert.equal(await page.isChecked("input[value=longpoll]"), true, "the transport is remembered");
  await closeAll(page);
});

test("a quiet channel has an id from the beginning: what comes during the first cut is not lost", async () => {
  for (const transport of TRANSPORTS) {
    const page = await open(relay.url, `quiet ${transport}`, transport);
    await miss(page, `quiet ${transport}`);
    await page.click("#cut");
    await gaveAll(page, "missed one", "missed two", "missed three");
    await closeAll(page);
  }
});

test("text, JSON and bytes come over each transport as they were sent", async () => {
  const texts = ["ünïcode 🛰", '{"name":"msg","data":[12,5]}', '{"name":"error","data":1}', "</script><b>&\u2028", " two\n  lines\n"];
  const picture = png(40, 20, (x, y) => [6 * x, 12 * y, 90]);
  for (const transport of TRANSPORTS) {
    const channel = `as sent ${transport}`, page = await open(relay.url, channel, transport);
    for (const text of texts) await publish(relay.url, channel, text);
    await gaveAll(page, ...texts);
    await publish(relay.url, channel, picture, "image/png");
    await until(page, "the picture", () => document.querySelector(".message.raw img")?.naturalWidth === 40);
    await publish(relay.url, channel, Buffer.from([0, 1, 0xff, 0x80]), "application/octet-stream");
    await withText(page, "00 01 ff 80").waitFor();
    await closeAll(page);
  }
});

test("messages sent at once keep their order, a long one before short ones", async () => {
  for (const transport of TRANSPORTS) {
    const channel = `order ${transport}`, page = await open(relay.url, channel, transport), bob = await open(relay.url, channel, "websocket");
    const texts = Array.from({ length: 12 }, (_, i) => `number ${i}` + " and more".repeat(i % 4 === 0 ? 40_000 : 0));
    await page.evaluate(all => {
      for (const text of all) {
        document.getElementById("text").value = text;
        document.getElementById("composer").requestSubmit();
      }
    }, texts);
    await withText(bob, "number 11").waitFor();
    const starts = all => all.map(text => text.slice(0, 12));
    assert.deepEqual(starts(await bodies(bob)), starts(texts), transport);
    await receipt(page, "number 11");
    await closeAll(page, bob);
  }
});

test("the server dies and comes back: each transport says so, and tells of the gap", async () => {
  const pages = [];
  for (const transport of TRANSPORTS) pages.push(await open(relay.url, "crash", transport));
  await publish(relay.url, "crash", "before");
  for (const page of pages) await gaveAll(page, "before");
  await relay.kill();
  for (const page of pages) await until(page, "gone", () => /gone/.test(document.getElementById("statusText").textContent));
  relay = await startRelay(port);
  for (const page of pages) await stateIs(page, "connected");
  await publish(relay.url, "crash", "behind");
  for (const [i, page] of pages.entries()) {
    await gaveAll(page, "before", "behind");
    assert.equal(await fact(page, "gaps"), "1", TRANSPORTS[i]);
    assert.equal(await page.getByText("A gap:").count(), 1);
  }
  await pages[0].screenshot({ path: shotPath("gap") });
  await closeAll(...pages);
});

test("a server that takes nobody is told from one that is gone, and asked again", async () => {
  const full = await startRelay(await freePort(), "--channels-max", "1");
  const [one, two] = [await open(full.url, "the one", "eventsource"), await browser.window(`${full.url}#another`)];
  await until(two, "not ready", () => /not ready \(it answers 503\)/.test(document.getElementById("statusText").textContent));
  await closeAll(one);
  await stateIs(two, "connected");
  await closeAll(two);
  await full.kill();
});

test("a message that is too big is refused where it is posted too", async () => {
  const page = await open(relay.url, "big post", "eventsource");
  await say(page, "x".repeat(1_200_000));
  await page.getByText("too big for this server").waitFor();
  await say(page, "still here");
  await receipt(page, "still here");
  await closeAll(page);
});

test("a server that lets nobody publish without its key: said at once, over each transport that posts", async () => {
  const keyed = await startRelay(await freePort(), "--publish-key", "0123456789abcdef0123");
  const page = await open(keyed.url, "keyed", "longpoll");
  await say(page, "may I?");
  await page.getByText("does not let this page publish").waitFor();
  await page.setInputFiles("#picture", { name: "a.png", mimeType: "image/png", buffer: png(2, 2, () => [1, 2, 3]) });
  await page.click("#uploadStart");
  await until(page, "refused", () => /does not let this page publish/.test(document.getElementById("uploadState").textContent));
  await closeAll(page);
  await keyed.kill();
});

test("a picture is uploaded with its progress, and seen over each transport", async () => {
  const noise = noisePicture(500, 400);
  const page = await open(relay.url, "upload", "websocket");
  const others = [];
  for (const transport of TRANSPORTS) others.push(await open(relay.url, "upload", transport));
  await watchProgress(page);
  await slowUploads(page, 300_000);
  await page.setInputFiles("#picture", { name: "Bruit d'été.png", mimeType: "image/png", buffer: noise });
  await page.click("#uploadStart");
  await until(page, "under way", () => / % of /.test(document.getElementById("uploadState").textContent));
  await page.screenshot({ path: shotPath("upload-under-way") });
  await until(page, "uploaded", () => /^Uploaded/.test(document.getElementById("uploadState").textContent));
  const shares = await page.evaluate(() => window.shares);
  assert.ok(new Set(shares.filter(share => share > 0 && share < 1)).size >= 2, `progress in steps: ${shares}`);
  assert.deepEqual(shares, [...shares].sort((a, b) => a - b));
  for (const one of [page, ...others]) await until(one, "seen", () => document.querySelector(".message.raw img")?.naturalWidth === 500);
  // Event streams and iframes have no place for a name.
  const names = await Promise.all(others.map(one => one.locator(".message.raw a").textContent()));
  assert.deepEqual(names, ["Bruit d'été.png", "message.png", "Bruit d'été.png", "Bruit d'été.png", "message.png"]);
  await page.screenshot({ path: shotPath("uploaded") });
  await page.setInputFiles("#picture", { name: "big.png", mimeType: "image/png", buffer: noisePicture(900, 700) });
  await page.click("#uploadStart");
  await until(page, "refused", () => /^Not uploaded/.test(document.getElementById("uploadState").textContent));
  await page.screenshot({ path: shotPath("upload-refused") });
  await closeAll(page, ...others);
});

/** Lets the browser send so many bytes in a second. */
async function slowUploads(page, uploadThroughput) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
}

/** Each share of the upload that the page shows, in order. */
async function watchProgress(page) {
  await page.evaluate(() => {
    window.shares = [];
    const note = () => window.shares.push(document.getElementById("uploadProgress").value);
    new MutationObserver(note).observe(document.getElementById("uploadProgress"), { attributes: true });
  });
}

function noisePicture(width, height) {
  let seed = 1;
  return png(width, height, () => [0, 1, 2].map(() => (seed = seed * 48271 % 2147483647) & 255));
}

test("an answer that a browser may be led to runs no more than it has to", async () => {
  const policy = async (query, accept = "*/*") => {
    const stop = new AbortController();
    const url = `${relay.url}channels/policies?last_event_id=oldest${query}`;
    const reply = await fetch(url, { headers: { accept }, signal: stop.signal });
    stop.abort();
    return reply.headers.get("content-security-policy");
  };
  await publish(relay.url, "policies", "hello");
  assert.equal(await policy("&transport=iframe&callback=parent.f"), "default-src 'none'; script-src 'unsafe-inline'");
  assert.equal(await policy(""), "sandbox");
  assert.equal(await policy("&multipart=true"), "sandbox");
});

test("no script error and no refused resource in all of this", () => {
  assert.deepEqual(browser.troubles, []);
});
