// An HTTP server on 127.0.0.1 whose answers go wrong as told. It records what was asked for and how many bytes left.
import fs from 'node:fs';
import http from 'node:http';
import nodePath from 'node:path';
import zlib from 'node:zlib';
import { root } from '../node/fixtures.js';

/**
 * @typedef {object} Served
 * @property {Buffer} bytes
 * @property {string | null} [etag] default: a strong one made of the version
 * @property {string | null} [modified]
 * @property {string} [type]
 * @property {number} [version]
 *
 * @typedef {object} Asked
 * @property {string} path
 * @property {string | undefined} range
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {number} status
 * @property {number} from
 * @property {number} sent bytes of the body that were written
 * @property {FaultServer} server
 *
 * @typedef {(context: { request: http.IncomingMessage, response: http.ServerResponse, file: Served, asked: Asked, n: number }) => boolean | void | Promise<boolean | void>} Fault
 *   returns true when it has answered
 */

/** The buffers are empty, or the other side is gone. @param {http.ServerResponse} response */
const written = (response) => new Promise((done) => {
  const go = () => {
    response.off('drain', go).off('close', go);
    done(undefined);
  };
  response.on('drain', go).on('close', go);
});
const sleep = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Cuts the connection when the page holds the bytes up to `end`: a cut throws away what lies on the way. Where the
 * page began again, its former bytes may be all it told of: a moment passes in any case. One that takes no more is cut too.
 * @param {http.ServerResponse} response
 * @param {FaultServer} server
 * @param {number} end
 */
async function cut(response, server, end) {
  await sleep(200);
  for (let waits = 0; server.told < end && waits < 100 && !response.destroyed; waits++) await sleep(50);
  response.destroy();
}

export class FaultServer {
  constructor() {
    /** @type {Map<string, Served>} */
    this.files = new Map();
    /** @type {Map<string, Fault>} */
    this.faults = new Map();
    /** @type {Asked[]} */
    this.asked = [];
    this.cors = true;
    /** Bytes of the load under way that the page has told it holds. */
    this.told = 0;
    /** Serves the repository too, so that a page can be of this origin (and is not cross-origin isolated). */
    this.pages = false;
    this.server = http.createServer((request, response) => void this.answer(request, response));
  }

  /** @param {number} [port] */
  async listen(port = 0) {
    await new Promise((done) => this.server.listen(port, '127.0.0.1', () => done(undefined)));
    this.port = /** @type {import('node:net').AddressInfo} */ (this.server.address()).port;
    this.origin = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /**
   * @param {string} path
   * @param {Buffer} bytes
   * @param {Partial<Served>} [more]
   */
  serve(path, bytes, more = {}) {
    const version = (this.files.get(path)?.version ?? 0) + 1;
    const date = new Date(Date.UTC(2026, 0, version)).toUTCString();
    this.files.set(path, { bytes, version, etag: `"v${version}"`, modified: date, ...more });
    return `${this.origin}${path}`;
  }

  /** @param {string} path @param {Fault} [fault] none: answers are right again */
  fault(path, fault) {
    if (fault) this.faults.set(path, fault);
    else this.faults.delete(path);
  }

  /** Requests for this path since the last `forget`. @param {string} path */
  of(path) {
    return this.asked.filter((a) => a.path === path && a.status !== 0);
  }

  forget() {
    this.asked.length = 0;
  }

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  async answer(request, response) {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    const file = this.files.get(path);
    /** @type {Asked} */
    const asked = { path, range: request.headers.range, headers: request.headers, status: 0, from: 0, sent: 0, server: this };
    response.on('error', () => {});
    if (this.cors) {
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Expose-Headers', 'ETag, Content-Range, Retry-After');
    }
    if (request.method === 'GET') this.asked.push(asked);
    if (request.method === 'OPTIONS') {
      asked.status = 403; // a request that needs permission first must not be made
      this.asked.push(asked);
      return response.writeHead(403).end();
    }
    const fault = this.faults.get(path);
    const n = this.asked.filter((a) => a.path === path).length;
    if (file && request.method === 'GET' && fault && (await fault({ request, response, file, asked, n }))) {
      asked.status ||= response.statusCode;
      return undefined;
    }
    if (!file) return this.pages ? page(path, response) : ((asked.status = 404), response.writeHead(404).end());
    return plain(request, response, file, asked);
  }
}

/** @param {string} path @param {http.ServerResponse} response */
function page(path, response) {
  const file = nodePath.join(root, path);
  if (!file.startsWith(root) || !fs.existsSync(file)) return response.writeHead(404).end();
  const types = /** @type {Record<string, string>} */ ({ '.js': 'text/javascript', '.html': 'text/html' });
  return response.writeHead(200, { 'Content-Type': types[nodePath.extname(path)] ?? 'application/octet-stream' }).end(fs.readFileSync(file));
}

/**
 * The right answer, with ranges and If-Range.
 * @param {http.IncomingMessage} request
 * @param {http.ServerResponse} response
 * @param {Served} file
 * @param {Asked} asked
 * @param {{ stop?: number, then?: 'cut' | 'stall', slow?: number, ignoreRange?: boolean, headers?: Record<string, string | number>, bytes?: Buffer }} [change]
 *   stop: after so many bytes of the body; headers: in place of the right ones ('' leaves one out)
 */
export async function plain(request, response, file, asked, change = {}) {
  const bytes = change.bytes ?? file.bytes;
  const m = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  const stale = condition && condition !== file.etag && condition !== file.modified;
  const ranged = m && !stale && !change.ignoreRange;
  const from = ranged ? Number(m[1]) : 0;
  const to = ranged && m[2] ? Math.min(Number(m[2]) + 1, bytes.length) : bytes.length;
  /** @type {Record<string, string | number | null | undefined>} */
  const headers = { 'Content-Type': file.type ?? 'application/octet-stream', ETag: file.etag, 'Last-Modified': file.modified };
  if (ranged && from >= bytes.length) {
    asked.status = 416;
    return void response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
  }
  headers['Content-Length'] = to - from;
  if (ranged) headers['Content-Range'] = `bytes ${from}-${to - 1}/${bytes.length}`;
  for (const [name, value] of Object.entries({ ...headers, ...change.headers })) {
    if (value !== '' && value !== null && value !== undefined) response.setHeader(name, value);
  }
  asked.status = ranged ? 206 : 200;
  asked.from = from;
  response.writeHead(asked.status);
  if (request.method === 'HEAD') return void response.end();
  response.flushHeaders();
  const end = Math.min(to, from + (change.stop ?? Infinity));
  for (let at = from; at < end && !response.destroyed; ) {
    if (change.slow) await sleep(change.slow);
    const part = bytes.subarray(at, Math.min(end, at + 65536));
    if (!response.write(part)) await written(response);
    at += part.length;
    asked.sent += part.length;
  }
  if (end < to) {
    if (change.then === 'stall') return;
    return cut(response, asked.server, end);
  }
  response.end();
}

/** The faults of the field, by name. Those that take `once` behave from the second request on. */
export const faults = {
  /** @param {number} bytes each answer is cut after so many @param {number} [times] */
  cut: (bytes, times = Infinity) => /** @type {Fault} */ (async ({ request, response, file, asked, n }) => {
    if (n > times) return false;
    await plain(request, response, file, asked, { stop: bytes, then: 'cut' });
    return true;
  }),
  /** The connection ends without an answer. @param {number} [times] */
  silent: (times = Infinity) => /** @type {Fault} */ (({ response, asked, n }) => {
    if (n > times) return false;
    asked.status = -1;
    response.destroy();
    return true;
  }),
  /** @param {number} bytes @param {number} [times] */
  stall: (bytes, times = Infinity) => /** @type {Fault} */ (async ({ request, response, file, asked, n }) => {
    if (n > times) return false;
    await plain(request, response, file, asked, { stop: bytes, then: 'stall' });
    return true;
  }),
  /** Flips a bit. @param {number} at @param {number} [times] */
  corrupt: (at, times = Infinity) => /** @type {Fault} */ (async ({ request, response, file, asked, n }) => {
    if (n > times) return false;
    const bytes = Buffer.from(file.bytes);
    bytes[at] ^= 1;
    await plain(request, response, file, asked, { bytes });
    return true;
  }),
  /** @param {Parameters<typeof plain>[4]} change @param {number} [first] from this request on */
  changed: (change, first = 1) => /** @type {Fault} */ (async ({ request, response, file, asked, n }) => {
    if (n < first) return false;
    await plain(request, response, file, asked, change);
    return true;
  }),
  /** @param {number} code @param {Record<string, string>} [headers] @param {number} [times] */
  status: (code, headers = {}, times = Infinity) => /** @type {Fault} */ (({ response, asked, n }) => {
    if (n > times) return false;
    asked.status = code;
    response.writeHead(code, headers).end('<html>sorry</html>');
    return true;
  }),
  /** Compressed, without a length. */
  gzip: () => /** @type {Fault} */ (({ response, file, asked }) => {
    asked.status = 200;
    const body = zlib.gzipSync(file.bytes);
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Encoding': 'gzip', 'Content-Length': body.length, ETag: 'W/"z"' }).end(body);
    return true;
  }),
  /** Without any length, whole. @param {number} [stop] @param {number} [times] how often it is cut there */
  chunked: (stop, times = 0) => /** @type {Fault} */ (({ response, file, asked, n }) => {
    asked.status = 200;
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    if (n <= times) response.write(file.bytes.subarray(0, stop), () => void cut(response, asked.server, stop ?? file.bytes.length));
    else response.end(file.bytes);
    return true;
  }),
};
