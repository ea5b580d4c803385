// The page in a real browser against the real relay: what a person sees when two windows talk, when
// the server dies, when a picture is sent, and when somebody is unkind.
//
// Run: npm ci or npm install, then LONGWAVE_BIN=.../longwave npm test. See support.mjs for the rest.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, png, publish, selfSigned, shotPath, startBrowser, startProxy, startRelay } from "./support.mjs";

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

const picture = png(320, 200, (x, y) => [40 + x / 2, 90 + y / 2, 160 - x / 4]);

/** Waits for a page condition; `what` names it in the failure. */
async function until(page, what, condition, argument) {
  await page.waitForFunction(condition, argument, { timeout: 15_000 }).catch(() => assert.fail(`never: ${what}`));
}

const connected = page => page.waitForSelector('#status[data-state="connected"]');

async function open(base, channel, name, options) {
  const page = await browser.window(`${base}#${encodeURIComponent(channel)}`, options);
  await connected(page);
  if (name) {
    await page.fill("#name", name);
    await page.press("#name", "Tab");
  }
  return page;
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

async function attach(page, name, mimeType, buffer) {
  await page.setInputFiles("#file", { name, mimeType, buffer });
}

const own = (page, text) => page.locator(".message.own", { hasText: text });
const chat = (page, text) => page.locator(".message.chat", { hasText: text });
const raw = (page, text) => page.locator(".message.raw", { hasText: text });
const stateOf = locator => locator.getAttribute("data-state");

async function reaches(locator, state) {
  const end = Date.now() + 15_000;
  while (await stateOf(locator) !== state) {
    assert.ok(Date.now() < end, `state ${await stateOf(locator)}, never ${state}`);
    await sleep(20);
  }
}

async function closeAll(...pages) {
  for (const page of pages) await page.context().close();
}

test("two windows talk, and one's own messages stand apart", async () => {
  const [ada, bob] = [await open(relay.url, "two", "Ada"), await open(relay.url, "two", "Bob")];
  await say(ada, "hello Bob");
  await chat(bob, "hello Bob").waitFor();
  await say(bob, "hello Ada");
  await chat(ada, "hello Ada").waitFor();
  await reaches(own(ada, "hello Bob"), "sent");
  assert.equal(await chat(bob, "hello Bob").locator(".meta b").textContent(), "Ada");
  assert.equal(await ada.locator(".message").count(), 2, "each message once on either side");
  assert.equal(await bob.locator(".message").count(), 2);
  await until(ada, "two subscribers counted", () => document.getElementById("subscribers").textContent === "2");
  await until(ada, "bytes counted", () => !["0 B", ""].includes(document.getElementById("bytesIn").textContent)
    && document.getElementById("bytesOut").textContent !== "0 B");
  await closeAll(ada, bob);
});

test("what is not chat is shown as it is", async () => {
  const page = await open(relay.url, "raw");
  for (const text of ["hello", '{"name":"msg","data":[12,5]}', '{"name":"chat","data":[{"from":"a","text":"b"}],"x":1}',
    '{"name":"chat","data":["just text"]}', '{"big":12345678901234567890123}', "two\n  lines"]) {
    await publish(relay.url, "raw", text);
    await raw(page, text).waitFor();
    assert.equal(await page.locator(".message.raw .body").last().textContent(), text);
  }
  await publish(relay.url, "raw", '{"name":"chat","data":[{"from":"a program","text":"hi from curl"}]}');
  await chat(page, "hi from curl").waitFor();
  assert.equal(await chat(page, "hi from curl").locator("b").textContent(), "a program");
  await closeAll(page);
});

test("markup from others is text wherever it stands", async () => {
  const page = await open(relay.url, "unkind"), other = await open(relay.url, "unkind", '<b onclick="x">eve</b>');
  const unkind = '<img src="x" onerror="window.pwned = 1"><script>window.pwned = 2</script>';
  await publish(relay.url, "unkind", unkind);
  await raw(page, unkind).waitFor();
  await say(other, unkind);
  await chat(page, unkind).waitFor();
  await attach(other, '<img src=x onerror=pwned=3>.svg', "image/svg+xml", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="pwned=4"/>'));
  await chat(page, ".svg").waitFor();
  assert.equal(await page.locator("#messages img, #messages script, #messages b *, #messages svg").count(), 0);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await chat(page, ".svg").locator("a[download]").count(), 1, "an SVG is a download");
  await closeAll(page, other);
});

test("the server dies: said at once; what is typed then is unsent, and delivered once when it is back", async () => {
  const [ada, bob] = [await open(relay.url, "crash", "Ada"), await open(relay.url, "crash", "Bob")];
  await relay.kill();
  const killed = Date.now();
  await until(ada, "gone", () => /gone/.test(document.getElementById("statusText").textContent));
  assert.ok(Date.now() - killed < 1500, "said at once");
  await say(ada, "typed while gone");
  assert.equal(await stateOf(own(ada, "typed while gone")), "unsent");
  await ada.locator("#status[data-state=gone] #retry").waitFor();
  await ada.screenshot({ path: shotPath("gone") });
  await sleep(1500);
  assert.equal(await stateOf(own(ada, "typed while gone")), "unsent", "failed attempts change nothing");
  relay = await startRelay(port);
  await connected(bob);
  await reaches(own(ada, "typed while gone"), "sent");
  // The other window may have come back later than the message went out: one more proves the order.
  await connected(ada);
  await say(ada, "after the crash");
  await chat(bob, "after the crash").waitFor();
  assert.ok(await chat(bob, "typed while gone").count() <= 1);
  assert.equal(await own(ada, "typed while gone").count(), 1);
  await closeAll(ada, bob);
});

test("a server that is there but silent is told from a live one", async () => {
  const page = await open(relay.url, "frozen", "Ada");
  relay.freeze();
  await say(page, "anybody?");
  await until(page, "silence said", () => /does not answer/.test(document.getElementById("statusText").textContent));
  await reaches(own(page, "anybody?"), "late");
  relay.thaw();
  await reaches(own(page, "anybody?"), "sent");
  await until(page, "connected again", () => document.getElementById("statusText").textContent === "Connected");
  await closeAll(page);
});

test("what waits is delivered exactly once to a window that was back first", async () => {
  const proxy = await startProxy(port, "");
  const bob = await open(relay.url, "once", "Bob"), ada = await open(proxy.url, "once", "Ada");
  await ada.context().setOffline(true);
  await ada.waitForSelector('#status:not([data-state="connected"])');
  for (const text of ["first", "second", "third"]) await say(ada, text);
  assert.equal(await stateOf(own(ada, "second")), "unsent");
  assert.equal(await bob.locator(".message").count(), 0);
  await ada.context().setOffline(false);
  await chat(bob, "third").waitFor();
  assert.deepEqual(await bob.locator(".message.chat .body").allTextContents(), ["first", "second", "third"]);
  await reaches(own(ada, "third"), "sent");
  proxy.close();
  await closeAll(ada, bob);
});

test("a browser's own offer to compress is taken, both ways", async () => {
  const page = await open(relay.url, "compressed", "Ada");
  const [extensions, same] = await page.evaluate(async () => {
    const text = JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ id: i, name: `number ${i}` })));
    const join = () => new Promise(done => {
      const socket = new WebSocket(`ws://${location.host}/channels/compressed-pair`);
      socket.onopen = () => done(socket);
    });
    const [one, two] = [await join(), await join()];
    const got = new Promise(done => { two.onmessage = event => done(event.data); });
    one.send(text);
    return [one.extensions, await got === text];
  });
  assert.match(extensions, /^permessage-deflate; server_no_context_takeover; client_no_context_takeover/);
  assert.equal(same, true);
  const metrics = await (await fetch(new URL("/metrics", relay.url))).text();
  for (const name of ["deflate_messages", "inflate_messages"]) {
    assert.ok(Number(metrics.match(`longwave_${name}_total (\\d+)`)[1]) > 0, name);
  }
  await closeAll(page);
});

test("a resend after an unclear cut is shown once", async () => {
  const proxy = await startProxy(port, "/relay");
  const bob = await open(relay.url, "unclear", "Bob"), ada = await open(proxy.url, "unclear", "Ada");
  await bob.evaluate(() => {
    window.copies = [];
    const socket = new WebSocket(`ws://${location.host}/channels/unclear`);
    socket.onmessage = event => window.copies.push(event.data);
    return new Promise(done => { socket.onopen = done; });
  });
  proxy.mute();
  await say(ada, "did this arrive?");
  await chat(bob, "did this arrive?").waitFor();
  assert.equal(await stateOf(own(ada, "did this arrive?")), "sending", "no receipt yet");
  proxy.cut();
  await until(bob, "sent a second time", () => window.copies.length === 2);
  await reaches(own(ada, "did this arrive?"), "sent");
  assert.equal(await bob.evaluate(() => window.copies[0] === window.copies[1]), true, "same id, same bytes");
  await say(ada, "and this?");
  await chat(bob, "and this?").waitFor();
  assert.equal(await chat(bob, "did this arrive?").count(), 1);
  proxy.close();
  await closeAll(ada, bob);
});

test("a picture is sent as binary and seen; other binary is a download", async () => {
  const [ada, bob] = [await open(relay.url, "files", "Ada"), await open(relay.url, "files", "Bob")];
  await attach(ada, "sunset.png", "image/png", picture);
  for (const page of [ada, bob]) await until(page, "picture seen", () => document.querySelector(".message img")?.naturalWidth === 320);
  await publish(relay.url, "files", picture, "image/png");
  await until(bob, "raw picture seen", () => document.querySelector(".message.raw img")?.naturalWidth === 320);
  await attach(ada, "lies.png", "image/png", Buffer.from("<svg onload=alert(1)>"));
  await chat(bob, "lies.png").waitFor();
  assert.equal(await chat(bob, "lies.png").locator("img").count(), 0, "called a picture, is none");
  await publish(relay.url, "files", Buffer.from([0, 1, 2, 0xff, 0xfe, 0x80]), "application/octet-stream");
  await raw(bob, "00 01 02 ff fe 80").waitFor();
  const saved = bob.waitForEvent("download");
  await chat(bob, "lies.png").locator("a").click();
  assert.equal((await saved).suggestedFilename(), "lies.png");
  await closeAll(ada, bob);
});

test("dropped and pasted pictures are sent", async () => {
  const [ada, bob] = [await open(relay.url, "drop", "Ada"), await open(relay.url, "drop", "Bob")];
  await ada.evaluate(bytes => {
    for (const [type, key, name] of [["drop", "dataTransfer", "dropped.png"], ["paste", "clipboardData", "pasted.png"]]) {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
      const event = type === "drop" ? new DragEvent(type, { [key]: data, bubbles: true, cancelable: true })
        : new ClipboardEvent(type, { [key]: data, bubbles: true, cancelable: true });
      document.getElementById("text").dispatchEvent(event);
    }
  }, [...picture]);
  await chat(bob, "dropped.png").waitFor();
  await chat(bob, "pasted.png").waitFor();
  await closeAll(ada, bob);
});

test("a message over the limit is refused clearly, is not sent again, and a picture can go smaller", async () => {
  const proxy = await startProxy(port, "");
  const bob = await open(relay.url, "big", "Bob"), ada = await open(proxy.url, "big", "Ada");
  let seed = 1;
  const noise = png(900, 700, () => [0, 1, 2].map(() => (seed = seed * 48271 % 2147483647) & 255));
  assert.ok(noise.length > 1 << 20);
  await attach(ada, "noise.png", "image/png", noise);
  await own(ada, "too big").waitFor();
  await connected(ada);
  const upgrades = proxy.upgrades;
  await sleep(2000);
  assert.equal(proxy.upgrades, upgrades, "stays connected: the same thing is not sent again");
  await say(ada, "still here");
  await chat(bob, "still here").waitFor();
  await ada.screenshot({ path: shotPath("too-big") });
  await own(ada, "noise.png").getByRole("button", { name: "Send smaller" }).click();
  await until(bob, "smaller picture seen", () => document.querySelector(".message.chat img")?.naturalWidth === 900);
  proxy.close();
  await closeAll(ada, bob);
});

test("under a path prefix, with and without the last slash", async () => {
  const proxy = await startProxy(port, "/relay");
  const bob = await open(relay.url, "prefix", "Bob");
  for (const base of [proxy.url, proxy.url.slice(0, -1)]) {
    const ada = await open(base, "prefix", "Ada");
    await say(ada, `through ${base.length}`);
    await chat(bob, `through ${base.length}`).waitFor();
    assert.match(await ada.locator("#curlLine").textContent(), /\/relay\/channels\/prefix$/);
    await until(ada, "info polled", () => document.getElementById("subscribers").textContent === "2");
    await closeAll(ada);
  }
  proxy.close();
  await closeAll(bob);
});

test("over wss behind a proxy that ends TLS", async () => {
  const proxy = await startProxy(port, "/relay", selfSigned());
  const bob = await open(relay.url, "tls", "Bob"), ada = await open(proxy.url, "tls", "Ada", { ignoreHTTPSErrors: true });
  await say(ada, "sealed");
  await chat(bob, "sealed").waitFor();
  assert.match(await ada.locator("#curlLine").textContent(), / https:/);
  assert.match(await ada.locator("#listenLine").textContent(), /"wss:/);
  proxy.close();
  await closeAll(ada, bob);
});

test("the lines to copy work as they stand", async () => {
  const name = "it's a, channel/ü";
  const page = await open(relay.url, name);
  const [, url] = /^curl -d 'hello' (\S+)$/.exec(await page.locator("#curlLine").textContent());
  assert.doesNotMatch(url, /['"$&;()*?#\s]/);
  await fetch(url, { method: "POST", body: "hello", headers: { "content-type": "application/x-www-form-urlencoded" } });
  await raw(page, "hello").waitFor();
  await closeAll(page);
});

test("copying works without a clipboard too, as on plain http", async () => {
  const page = await open(relay.url, "copy");
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.locator("#lines summary").click();
  for (const [button, text] of [["[data-copy=curlLine]", await page.locator("#curlLine").textContent()], ["#share", page.url()]]) {
    await page.click(button);
    await page.locator(button, { hasText: "Copied" }).waitFor();
    await page.fill("#text", "");
    await page.focus("#text");
    await page.keyboard.press("Control+V");
    assert.equal(await page.inputValue("#text"), text);
  }
  await closeAll(page);
});

test("channel and name are remembered, a link carries the channel, bad names are refused", async () => {
  const page = await open(relay.url, "first", "Zoë");
  await page.fill("#channel", "..");
  await page.press("#channel", "Enter");
  await page.locator("#channelProblem").waitFor();
  assert.match(page.url(), /#first$/);
  await page.fill("#channel", "second");
  await page.press("#channel", "Enter");
  await until(page, "moved", () => document.getElementById("title").textContent === "second");
  await connected(page);
  assert.match(page.url(), /#second$/);
  await publish(relay.url, "second", "for the second");
  await raw(page, "for the second").waitFor();
  await page.goBack();
  await until(page, "back", () => document.getElementById("title").textContent === "first");
  assert.equal(await raw(page, "for the second").isVisible(), false);
  await page.goto("about:blank");
  await page.goto(relay.url);
  await connected(page);
  assert.equal(await page.inputValue("#channel"), "first");
  assert.equal(await page.inputValue("#name"), "Zoë");
  await closeAll(page);
});

test("the list is bounded and lets go of its pictures", async () => {
  const page = await open(relay.url, "flood");
  await page.evaluate(() => {
    window.revoked = 0;
    const revoke = URL.revokeObjectURL;
    URL.revokeObjectURL = url => { window.revoked++; revoke.call(URL, url); };
  });
  await publish(relay.url, "flood", picture, "image/png");
  await page.locator(".message img").waitFor();
  const other = await open(relay.url, "elsewhere");
  await other.evaluate(() => {
    const socket = new WebSocket(`ws://${location.host}/channels/flood`);
    socket.onopen = () => { for (let i = 1; i <= 5000; i++) socket.send(`number ${i}`); };
  });
  await raw(page, "number 5000").waitFor();
  assert.equal(await page.locator("#messages > li").count(), 500);
  assert.equal(await page.evaluate(() => window.revoked), 1);
  await closeAll(page, other);
});

async function scene(name, options) {
  const channel = `harbour ${name}`;
  const page = await open(relay.url, channel, "Ada", options), bob = await open(relay.url, channel, "Bob");
  await say(bob, "Morning! Is the new transmitter on the air?");
  await chat(page, "Morning").waitFor();
  await say(page, "Since six. Every receiver on the coast has it,\nand not one of them asked twice.");
  await chat(bob, "Since six").waitFor();
  await publish(relay.url, channel, "hello from curl");
  await raw(page, "hello from curl").waitFor();
  await publish(relay.url, channel, '{"name":"reading","data":{"station":7,"dB":-43.5}}');
  await attach(bob, "sunrise.png", "image/png", picture);
  await until(page, "picture", () => document.querySelector(".message img")?.naturalWidth > 0);
  await say(bob, "And a picture from the mast.");
  await chat(page, "from the mast").waitFor();
  await until(page, "counted", () => document.getElementById("subscribers").textContent === "2");
  await sleep(700);
  await page.screenshot({ path: shotPath(name) });
  await closeAll(bob);
  return page;
}

test("light and dark differ as the system says", async () => {
  const shade = () => getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((sum, part) => sum + Number(part), 0);
  const light = await scene("light", { colorScheme: "light" }), dark = await scene("dark", { colorScheme: "dark" });
  assert.ok(await light.evaluate(shade) > 600 && await dark.evaluate(shade) < 150);
  await closeAll(light, dark);
});

test("fits a phone of 360 pixels", async () => {
  const options = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const page = await scene("phone", options);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, "nothing wider than the screen");
  const box = await page.locator("#composer").boundingBox();
  assert.ok(box.y + box.height <= 640, "the message field is on the screen");
  const log = await page.locator("#log").boundingBox();
  // A line of status more or less is no matter.
  assert.ok(log.height >= 200, `room for messages: ${log.height}`);
  for (const card of ["lines", "uploadCard", "transportCard"]) {
    await page.locator(`#${card} summary`).click();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, `with ${card} open too`);
    await page.screenshot({ path: shotPath(`phone-${card}`), fullPage: true });
  }
  await closeAll(page);
});

test("everything can be reached and done by keyboard", async () => {
  const page = await open(relay.url, "keys");
  await page.focus("#lines summary");
  await page.keyboard.press("Enter");
  await page.focus("#channel");
  const reached = new Set();
  for (let i = 0; i < 24; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const node = document.activeElement;
      return node.id || node.dataset.copy || node.value || node.tagName;
    }));
  }
  for (const id of ["name", "SUMMARY", "websocket", "cut", "picture", "uploadStart", "curlLine", "listenLine", "share", "log", "file", "text"]) assert.ok(reached.has(id), `${id} is not reached`);
  await closeAll(page);
});

test("an empty channel says what to do", async () => {
  const page = await open(relay.url, "nobody here yet");
  assert.equal(await page.locator("#empty").isVisible(), true);
  await page.screenshot({ path: shotPath("empty") });
  await say(page, "somebody");
  assert.equal(await page.locator("#empty").isVisible(), false);
  await closeAll(page);
});

test("no script error and no refused resource in all of this", () => {
  assert.deepEqual(browser.troubles, []);
});
