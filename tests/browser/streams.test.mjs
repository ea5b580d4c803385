// What a page hears without a WebSocket, in a real browser: event streams, polls of another origin, a
// frame that never ends, and Nchan's own client; through cuts, restarts and refusals.
//
// Run as page.test.mjs; what is in ../clients has to be installed too.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { atEnd } from "../clients/bounds.mjs";
import { startCutter } from "../clients/cutter.mjs";
import { freePort, publish, startBrowser, startRelay } from "./support.mjs";

let relay, port, browser, pages;

before(async () => {
  port = await freePort();
  relay = await startRelay(port, "--retry", "200ms");
  browser = await startBrowser();
  pages = await startPages();
});

after(async () => {
  await browser?.close();
  await relay?.kill();
});

/** A server of empty pages, of an origin that is not the relay's. */
async function startPages() {
  const server = http.createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin, url: `${origin}/` };
}

/** A relay of the test's own. */
async function another(t, ...args) {
  const own = await startRelay(await freePort(), ...args);
  t.after(() => own.kill());
  return own;
}

async function open(t, url = pages.url) {
  const page = await browser.window(url);
  t.after(() => page.context().close());
  return page;
}

/** Waits until `heard` in the page has so many entries, and gives them. */
async function hears(page, count) {
  await page.waitForFunction(n => window.heard.length >= n, count, { timeout: 10_000 })
    .catch(async () => assert.fail(`never ${count}: ${JSON.stringify(await page.evaluate(() => window.heard))}`));
  return page.evaluate(() => window.heard);
}

/** An EventSource in the page that is open when this resolves; `heard` gets `[event, data, id]`. */
async function source(page, url, names = []) {
  await page.evaluate(([url, names]) => new Promise(done => {
    Object.assign(window, { heard: [], opens: 0, states: [], source: new EventSource(url) });
    for (const name of ["message", "gap", "binary", ...names]) {
      window.source.addEventListener(name, e => window.heard.push([e.type, e.data, e.lastEventId]));
    }
    window.source.onopen = () => { window.opens++; done(); };
    window.source.onerror = () => window.states.push(window.source.readyState);
  }), [url, names]);
}

const say = async (channel, ...texts) => {
  for (const text of texts) await publish(relay.url, channel, text);
};

test("EventSource: names, lines, bytes and ids, in gzip", async t => {
  const page = await open(t);
  const answered = page.waitForEvent("response", answer => answer.url().includes("/channels/"));
  await source(page, `${relay.url}channels/kinds,second`, ["price"]);
  const headers = await (await answered).allHeaders();
  assert.equal(headers["content-encoding"], "gzip");
  const noise = Array.from({ length: 9000 }, () => String.fromCharCode(33 + Math.random() * 90)).join("");
  const texts = ["grüße", "one\ntwo\r\nthree\r", "word ".repeat(20_000), noise, "", '{"name":"price","data":[1.50,12345678901234567890]}'];
  for (const [i, text] of texts.entries()) {
    await say(i % 2 ? "second" : "kinds", text);
    // At once, not when there is enough of it.
    const heard = await hears(page, i + 1);
    assert.equal(heard[i][1], text.replace(/\r\n?/g, "\n"));
  }
  await publish(relay.url, "kinds", Buffer.from([0, 1, 254, 255]), "application/octet-stream");
  const heard = await hears(page, 7);
  assert.deepEqual(heard[6].slice(0, 2), ["binary", "AAH+/w=="]);
  assert.deepEqual(heard.map(([name]) => name), ["message", "message", "message", "message", "message", "price", "binary"]);
  const numbers = heard.map(([, , id]) => Number(id.split(":")[1]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
});

test("EventSource: a cut costs nothing", async t => {
  const cutter = await startCutter(t, port);
  const page = await open(t);
  await source(page, `${cutter.http}/channels/cut`);
  for (let i = 0; i < 12; i += 4) {
    await say("cut", `${i}`, `${i + 1}`);
    if (i !== 4) await hears(page, i + 2);
    cutter.cut();
    await say("cut", `${i + 2}`);
    cutter.mend();
    await say("cut", `${i + 3}`);
    await hears(page, i + 4);
  }
  await sleep(300);
  assert.deepEqual(await page.evaluate(() => window.heard.map(([name, data]) => `${name} ${data}`)), Array.from({ length: 12 }, (_, i) => `message ${i}`));
  assert.ok(await page.evaluate(() => window.opens) >= 4);
});

test("EventSource: a restart is told as a gap, once", async t => {
  const own = await another(t, "--retry", "200ms");
  const ownPort = new URL(own.url).port;
  const cutter = await startCutter(t, ownPort);
  const page = await open(t);
  await source(page, `${cutter.http}/channels/restart`);
  await publish(own.url, "restart", "old");
  await hears(page, 1);
  // Nobody comes back before there is something new.
  cutter.cut();
  await own.kill();
  const next = await startRelay(ownPort, "--retry", "200ms");
  t.after(() => next.kill());
  await publish(next.url, "restart", "new");
  cutter.mend();
  await hears(page, 3);
  await publish(next.url, "restart", "newer");
  const heard = await hears(page, 4);
  assert.deepEqual(heard.map(([name]) => name), ["message", "gap", "message", "message"]);
  assert.deepEqual(JSON.parse(heard[1][1]), { after: heard[0][2], next: heard[2][2], missed: null });
});

test("EventSource: who finds no place comes back when there is one", async t => {
  const own = await another(t, "--retry", "100ms", "--connections-max", "2");
  const held = await Promise.all([0, 1].map(() => fetch(`${own.url}channels/full?transport=eventsource`)));
  const page = await open(t);
  await source(page, `${own.url}channels/full`);
  await page.waitForFunction(() => window.states.length >= 2, undefined, { timeout: 10_000 });
  assert.deepEqual(await page.evaluate(() => [...new Set(window.states)]), [0], "it is always about to connect again");
  await Promise.all(held.map(answer => answer.body.cancel()));
  await page.waitForFunction(async url => {
    await fetch(url, { method: "POST", body: "found a place" }).catch(() => {});
    return window.heard.length > 0;
  }, `${own.url}channels/full`, { timeout: 10_000 });
});

test("polls of another origin, with credentials: read, resumed, and their headers seen", async t => {
  const page = await open(t);
  const url = `${relay.url}channels/polls`;
  await say("polls", "one", "two");
  const heard = await page.evaluate(async url => {
    const heard = [];
    // As programs do that know Nchan: two headers of the answer go into the next question.
    let position = { "If-None-Match": "oldest" };
    for (let i = 0; i < 2; i++) {
      const answer = await fetch(url, { headers: position, credentials: "include" });
      position = { "If-None-Match": answer.headers.get("Etag"), "If-Modified-Since": answer.headers.get("Last-Modified") };
      heard.push([answer.status, await answer.text(), answer.headers.get("Content-Type")]);
    }
    window.poll = (wait, headers = position) => new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      request.open("GET", url + wait);
      request.withCredentials = true;
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.onload = () => done([request.status, request.responseText, request.getResponseHeader("Etag")]);
      request.onerror = () => fail(new Error("refused"));
      request.send();
    });
    return heard;
  }, url);
  assert.deepEqual(heard, [[200, "one", "text/plain"], [200, "two", "text/plain"]]);
  const [status, text, tag] = await page.evaluate(() => window.poll("?wait=0"));
  assert.deepEqual([status, text], [304, ""]);
  assert.match(tag, /^\d+$/);
  const held = page.evaluate(() => window.poll(""));
  await say("polls", "three");
  assert.deepEqual((await held).slice(0, 2), [200, "three"]);
  await fetch(url, { method: "POST", body: "named", headers: { "X-EventSource-Event": "price" } });
  const name = await page.evaluate(async url => (await fetch(`${url}?last_event_id=-1`)).headers.get("X-EventSource-Event"), url);
  assert.equal(name, "price");
  // Nchan's client names what it has in a header that only answers have elsewhere.
  const again = await page.evaluate(() => window.poll("", { Etag: "-2" }));
  assert.deepEqual(again.slice(0, 2), [200, "three"]);
  const gap = await page.evaluate(async url => {
    const answer = await fetch(`${url}?last_event_id=1234567890:7`);
    return answer.headers.get("Longwave-Gap");
  }, url);
  assert.equal(JSON.parse(gap).after, "1234567890:7");
});

test("a poll that is held for too long goes on in the browser, without a word to the page", async t => {
  const own = await another(t, "--poll-hold", "1s");
  const page = await open(t);
  await publish(own.url, "held", "before");
  const held = page.evaluate(async url => {
    const first = await fetch(`${url}?last_event_id=oldest`);
    await first.text();
    const headers = { "If-None-Match": first.headers.get("Etag"), "If-Modified-Since": first.headers.get("Last-Modified") };
    const answer = await fetch(url, { headers });
    return [answer.status, await answer.text()];
  }, `${own.url}channels/held`);
  await sleep(1500);
  await publish(own.url, "held", "after");
  assert.deepEqual(await held, [200, "after"]);
});

test("a page of an origin that is not named hears nothing", async t => {
  const own = await another(t, "--allow-origin", "http://localhost:1");
  const named = await another(t, "--allow-origin", pages.origin);
  const page = await open(t);
  const tried = url => page.evaluate(async url => {
    await fetch(url, { method: "POST", body: "told" }).catch(() => {});
    const fetched = await fetch(`${url}?last_event_id=oldest&wait=0`, { credentials: "include" }).then(a => a.text(), () => "refused");
    const resumed = await fetch(`${url}?wait=0`, { headers: { "If-None-Match": "oldest" } }).then(a => a.text(), () => "refused");
    const listened = await new Promise(done => {
      const source = new EventSource(`${url}?last_event_id=oldest`);
      source.onmessage = e => { source.close(); done(e.data); };
      source.onerror = () => done(source.readyState === EventSource.CLOSED ? "refused" : "lost");
    });
    return [fetched, resumed, listened];
  }, `${url}channels/origin`);
  await publish(own.url, "origin", "told");
  assert.deepEqual(await tried(own.url), ["refused", "refused", "refused"]);
  assert.deepEqual(await tried(named.url), ["told", "told", "told"]);
});

/** A relay that serves a page with a frame in it, and that page. `hear` takes what the frame calls. */
async function framed(t, ...args) {
  const folder = mkdtempSync(join(tmpdir(), "longwave-pages-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "hear.html"), `<!doctype html><title>hear</title><script>
    var heard = [];
    var app = { hear: function () { heard.push([].slice.call(arguments)); } };
    function listen(query) {
      var frame = document.querySelector("iframe") || document.body.appendChild(document.createElement("iframe"));
      frame.src = "/channels/frame?transport=iframe&callback=parent.app.hear" + query;
    }</script><body></body>`);
  const own = await startRelay(await freePort(), "--static", folder, ...args);
  t.after(() => own.kill());
  const page = await open(t, `${own.url}hear.html`);
  return { own, page, tell: text => publish(own.url, "frame", text) };
}

test("a frame that never ends: messages at once, whatever is in them", async t => {
  const { own, page, tell } = await framed(t);
  const texts = ["first", "</script><script>parent.pwned = 1</script>", "<!--", "\"'\\\n\r\u2028\u2029\0", "<!--<script>", "grüße 🙂", "]]>&lt;", "x".repeat(100_000)];
  await tell(texts[0]);
  await page.evaluate(() => window.listen("&last_event_id=oldest"));
  for (const [i, text] of texts.entries()) {
    if (i > 0) await tell(text);
    assert.equal((await hears(page, i + 1))[i][0], text);
  }
  await publish(own.url, "frame", '{"name":"price","data":1}');
  await publish(own.url, "frame", Buffer.from([255, 0]), "image/png");
  const heard = await hears(page, texts.length + 2);
  assert.deepEqual(heard.slice(-2).map(([data, , name]) => [data, name]), [['{"name":"price","data":1}', "price"], ["/wA=", "binary"]]);
  assert.ok(heard.every(([, id]) => /^\d+:\d+$/.test(id)));
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  const left = await page.evaluate(() => document.querySelector("iframe").contentDocument.body.children.length);
  assert.ok(left <= 1, `the page grows: ${left}`);
});

test("a frame is told of a gap, and of the end; the next one goes on", async t => {
  const { own, page, tell } = await framed(t);
  await tell("old");
  await page.evaluate(() => window.listen("&last_event_id=1234567890:7"));
  const [[json, , name], [text, id]] = await hears(page, 2);
  assert.deepEqual([name, text], ["gap", "old"]);
  assert.deepEqual(JSON.parse(json), { after: "1234567890:7", next: id, missed: null });
  await page.evaluate(() => { document.querySelector("iframe").src = "about:blank"; });
  await tell("while away");
  await page.evaluate(id => window.listen(`&last_event_id=${id}`), id);
  await hears(page, 3);
  await tell("back");
  assert.deepEqual((await hears(page, 4)).slice(2).map(([text]) => text), ["while away", "back"]);
  own.stop();
  assert.deepEqual((await hears(page, 5))[4], [null, null, "error"]);
});

test("a name that is none is refused, and a frame of another origin reaches nothing", async t => {
  for (const name of ["alert", "parent.eval", "parent.a;b", "parent.location.assign", ""]) {
    const answer = await fetch(`${relay.url}channels/frame?transport=iframe&callback=${encodeURIComponent(name)}`);
    assert.equal(answer.status, 400, name);
  }
  const page = await open(t);
  await page.evaluate(url => {
    window.heard = [];
    window.hear = (...all) => window.heard.push(all);
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.src = `${url}channels/foreign?transport=iframe&callback=parent.hear&last_event_id=oldest`;
    return new Promise(done => setTimeout(done, 300));
  }, relay.url);
  await say("foreign", "hello");
  await sleep(300);
  assert.deepEqual(await page.evaluate(() => window.heard), []);
  assert.match(browser.troubles.pop(), /Blocked a frame with origin .* from accessing a cross-origin frame/);
});

for (const transport of ["websocket", "eventsource", "longpoll"]) {
  test(`Nchan's own client over ${transport}, from another origin, through cuts`, async t => {
    const cutter = await startCutter(t, port);
    const page = await open(t);
    const script = createRequire(new URL("../clients/nchan.mjs", import.meta.url)).resolve("nchan");
    await page.addScriptTag({ path: script });
    const channel = `nchan-${transport}`;
    await say(channel, "0", "1");
    await page.evaluate(([url, transport]) => {
      window.heard = [];
      const subscriber = new window.NchanSubscriber(url, { subscriber: transport, id: "oldest", reconnectTimeout: 100 });
      subscriber.on("message", (text, meta) => window.heard.push([text, meta.id]));
      subscriber.start();
    }, [`${cutter.http}/channels/${channel}`, transport]);
    for (let i = 2; i < 8; i += 3) {
      await hears(page, i);
      cutter.cut();
      await say(channel, `${i}`);
      cutter.mend();
      await say(channel, `${i + 1}`);
      await hears(page, i + 2);
      await say(channel, `${i + 2}`);
    }
    const heard = await hears(page, 8);
    assert.deepEqual(heard.map(([text]) => text), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    const numbers = heard.map(([, id]) => Number(id.split(":")[1]));
    assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
  });
}

test("no script error in all of this", () => {
  assert.deepEqual(browser.troubles, []);
});
