// What the browser tests stand on: the relay as a process, a proxy that can misbehave, a browser, pictures.
//
// Environment: LONGWAVE_BIN, the server binary (required); CHROMIUM, default /usr/bin/chromium;
// SHOTS, a folder for screenshots (default: a fresh temporary one).
// Everything listens on loopback only, and every wait has an end.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32, deflateSync } from "node:zlib";
import { chromium } from "playwright-core";
import { atEnd, owned, within } from "../clients/bounds.mjs";

export { freePort } from "../clients/bounds.mjs";

const BROWSER_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];
const START_MS = 30_000;
const ANSWER_MS = 10_000;
// A browser may be started while everything else on the machine is, too.
const BROWSER_MS = 60_000;

/** The relay on a port; `kill()` is as sudden as a crash, `stop()` is in order, `freeze()` leaves its connections open and silent. */
export async function startRelay(port, ...args) {
  const binary = process.env.LONGWAVE_BIN;
  if (!binary) throw new Error("set LONGWAVE_BIN to the server binary");
  const child = owned(spawn(binary, ["--listen", `127.0.0.1:${port}`, ...args], { stdio: ["ignore", "ignore", "inherit"] }));
  const exited = once(child, "exit");
  await answering(`http://127.0.0.1:${port}/healthz`, child);
  return {
    url: `http://127.0.0.1:${port}/`,
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    stop: () => child.kill("SIGTERM"),
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function answering(url, child) {
  const end = Date.now() + START_MS;
  while (Date.now() < end && child.exitCode === null) {
    const reply = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    if (reply?.ok) return;
    await sleep(30);
  }
  throw new Error(`no relay at ${url}`);
}

/** Publishes as curl does. */
export async function publish(base, channel, body, type = "text/plain") {
  const reply = await fetch(`${base}channels/${encodeURIComponent(channel)}`, {
    method: "POST", body, headers: { "content-type": type }, signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!reply.ok) throw new Error(`publish: ${reply.status}`);
}

/** A key and certificate for 127.0.0.1 that nobody trusts, made by the openssl command. */
export function selfSigned() {
  const folder = mkdtempSync(join(tmpdir(), "longwave-tls-"));
  const [key, cert] = ["key", "cert"].map(name => join(folder, `${name}.pem`));
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

/**
 * A reverse proxy that serves the relay under a prefix (`/relay` and `/relay/...`), over TLS if given a key.
 * `mute()`: what the relay sends on WebSockets is lost from now on. `cut()`: their connections break.
 * `upgrades` counts WebSocket requests.
 */
export async function startProxy(target, prefix, tls) {
  const state = { muted: false, upgrades: 0, sockets: new Set() };
  const strip = url => url.slice(prefix.length).replace(/^\/?/, "/");
  const answer = (request, response) => forward(target, strip(request.url), request, response);
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  server.on("upgrade", (request, socket, head) => tunnel(target, strip(request.url), request, socket, head, state));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = {
    url: `${tls ? "https" : "http"}://127.0.0.1:${server.address().port}${prefix}/`,
    get upgrades() { return state.upgrades; },
    mute() { state.muted = true; },
    cut() {
      for (const socket of state.sockets) socket.destroy();
      state.muted = false;
    },
    close() {
      this.cut();
      server.closeAllConnections();
      server.close();
    },
  };
  atEnd(() => proxy.close());
  return proxy;
}

function forward(target, path, request, response) {
  const options = { host: "127.0.0.1", port: target, path, method: request.method, headers: request.headers };
  const onward = http.request(options, reply => {
    response.writeHead(reply.statusCode, reply.headers);
    reply.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}

function tunnel(target, path, request, socket, head, state) {
  state.upgrades++;
  const onward = net.connect(target, "127.0.0.1");
  const lines = [`${request.method} ${path} HTTP/1.1`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
  onward.write(lines.join("\r\n") + "\r\n\r\n");
  onward.write(head);
  socket.pipe(onward);
  onward.on("data", bytes => state.muted || socket.write(bytes));
  tie(socket, onward, state);
  tie(onward, socket, state);
}

function tie(one, other, state) {
  state.sockets.add(one);
  one.on("error", () => {});
  one.on("close", () => {
    state.sockets.delete(one);
    // What was written to the other still arrives, and what it sends is dropped: a reset could overtake a close frame.
    other.end();
    other.resume();
  });
}

/** A browser whose windows share nothing; `troubles` collects script errors and refused resources. */
export async function startBrowser() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: BROWSER_ARGS, timeout: BROWSER_MS });
  const troubles = [];
  return {
    troubles,
    async window(url, options = {}) {
      const context = await within(browser.newContext({ viewport: { width: 1180, height: 760 }, ...options }), "context", BROWSER_MS);
      const page = await within(context.newPage(), "page", BROWSER_MS);
      page.setDefaultTimeout(15_000);
      // The driver's own waits have an end, but for this one.
      const evaluate = page.evaluate.bind(page);
      page.evaluate = (...all) => within(evaluate(...all), "end of a script in the page", BROWSER_MS);
      page.on("pageerror", error => troubles.push(String(error)));
      page.on("console", line => /Content Security Policy|Uncaught/.test(line.text()) && troubles.push(line.text()));
      if (url) await page.goto(url);
      return page;
    },
    // A browser that does not close is killed by its driver when this process ends.
    close: () => within(browser.close(), "end of the browser"),
  };
}

const SHOTS = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), "longwave-shots-"));
mkdirSync(SHOTS, { recursive: true });
export const shotPath = name => join(SHOTS, `${name}.png`);

/** A PNG of the given size; `colour(x, y)` gives [r, g, b]. */
export function png(width, height, colour) {
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(colour(x, y), y * (1 + 3 * width) + 1 + 3 * x);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(8 + body.length);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), 4 + body.length);
  return out;
}
