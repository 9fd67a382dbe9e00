/** One file behind a URL, read in order and by ranges. Every answer is held against what is known of the file: status,
 *  range, length, ETag and Last-Modified. Cuts, stalls and busy servers are tried again from where they stopped. */
import { PalError } from '../errors.js';
import { STEP } from '../file.js';
import { problemOf, rangeOf, sizeOf, versionOf, waitOf } from './answer.js';
import { Again, Line, Restart, Untrusted, pause } from './line.js';
import { unreachable } from './reach.js';
import { Reader } from './reader.js';

/**
 * @typedef {import('./answer.js').Version} Version
 * @typedef {{ stallMs?: number, backoffMs?: number }} Patience
 * @typedef {(bytes: number) => void} OnBytes
 */

const TRIES = 5; // without a new byte
const SILENT = 3; // without any answer
const STALL_MS = 30_000;
const BACKOFF_MS = 500;
const LONGEST_WAIT_MS = 60_000;

export class Remote {
  /**
   * @param {string} url absolute
   * @param {Patience} [patience]
   */
  constructor(url, { stallMs = STALL_MS, backoffMs = BACKOFF_MS } = {}) {
    this.url = url;
    this.stallMs = stallMs;
    this.backoffMs = backoffMs;
    /** Bytes of the file; undefined: not known, or not said by the server. @type {number | undefined} */
    this.size = undefined;
    /** @type {Version | undefined} */
    this.version = undefined;
    /** A checksum of the whole will decide: ranges are put together also where the server names no version. */
    this.proven = false;
    this.ranges = true;
    /** If-Range would make a request to another origin ask for permission first (preflight). */
    this.conditional = new URL(url).origin === /** @type {any} */ (globalThis).origin;
    this.answered = false;
    /** Did the last request get an answer? */
    this.heard = false;
    /** Connections that failed before the first answer. */
    this.silent = 0;
    /** Asks once without Range. */
    this.plainly = false;
    /** @type {{ line: Line, reader: Reader, at: number, end: number } | undefined} */
    this.stream = undefined;
  }

  /** Nothing is known of the file any more. */
  forget() {
    this.hangUp();
    this.size = undefined;
    this.version = undefined;
  }

  hangUp() {
    this.stream?.line.end();
    this.stream = undefined;
  }

  /**
   * Asks for the bytes from `from` up to `until`, so that size and version are known.
   * @param {number} from
   * @param {number} until
   * @param {AbortSignal} [signal]
   */
  async start(from, until, signal) {
    await this.retry(signal, () => this.connect(from, until, signal));
  }

  /**
   * Fills target with the bytes at `from`; more may follow up to `until`, over the same connection.
   * @param {number} from
   * @param {number} until
   * @param {Uint8Array} target
   * @param {AbortSignal | undefined} signal
   * @param {OnBytes} onbytes
   */
  async read(from, until, target, signal, onbytes) {
    let done = 0;
    await this.retry(signal, async (progress) => {
      while (done < target.length) {
        const chunk = await this.next(from + done, until, target.length - done, signal);
        if (!chunk) throw new Again(`the connection was cut at byte ${from + done}`);
        target.set(chunk, done);
        done += chunk.length;
        progress();
        onbytes(chunk.length);
      }
    });
    await this.endStream(until, signal);
  }

  /**
   * Leaves a stream that gave what it was asked for; one that goes on behind its announced end is not what it claimed to be.
   * @param {number} until
   * @param {AbortSignal} [signal]
   */
  async endStream(until, signal) {
    const { stream } = this;
    if (!stream || (stream.at < stream.end && stream.at < until)) return;
    const more = stream.at === stream.end && (await this.take(1).catch(() => undefined));
    this.hangUp();
    signal?.throwIfAborted();
    if (more) throw new Untrusted('download', `${this.url}: the server sent more bytes than it announced (compressed?); load it from another server`);
  }

  /**
   * All bytes of a file whose size the server does not say, in order and never across a STEP. When it is cut, `onchunk`
   * gets the first byte again.
   * @param {(at: number, chunk: Uint8Array) => void} onchunk
   * @param {AbortSignal} [signal]
   */
  async readAll(onchunk, signal) {
    return this.retry(signal, async () => {
      for (let at = 0; ; ) {
        const chunk = await this.next(at, Infinity, STEP - (at % STEP), signal);
        if (!chunk) return at;
        onchunk(at, chunk);
        at += chunk.length;
      }
    });
  }

  /**
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {(progress: () => void) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async retry(signal, work) {
    for (let failures = 0; ; ) {
      try {
        return await work(() => (failures = 0));
      } catch (e) {
        this.hangUp();
        signal?.throwIfAborted();
        if (!(e instanceof Again)) throw e;
        if (++failures > TRIES) throw await this.surrender(e);
        await pause(e.waitMs ?? this.backoffMs * 2 ** (failures - 1), signal);
      }
    }
  }

  /** @param {Again} last */
  async surrender(last) {
    const problem = this.heard ? undefined : await unreachable(this.url, this.answered);
    return problem ?? new PalError('download', `${this.url}: ${last.message}; tried ${TRIES + 1} times. Try again later${this.ranges ? '' : ' or from a server that answers byte ranges'}`);
  }

  /**
   * The next bytes at `at`, undefined where the stream ends.
   * @param {number} at
   * @param {number} until
   * @param {number} most
   * @param {AbortSignal} [signal]
   */
  async next(at, until, most, signal) {
    if (!this.stream || this.stream.at !== at || at === this.stream.end) await this.connect(at, until, signal);
    return this.take(most);
  }

  /** @param {number} most */
  async take(most) {
    const stream = /** @type {NonNullable<typeof this.stream>} */ (this.stream);
    const chunk = await stream.line.within(() => stream.reader.next(most)).catch((e) => {
      throw e instanceof Again ? e : new Again(`the connection was cut at byte ${stream.at}`);
    });
    stream.at += chunk?.length ?? 0;
    return chunk;
  }

  /**
   * @param {number} from
   * @param {number} until
   * @param {AbortSignal} [signal]
   */
  async connect(from, until, signal) {
    this.hangUp();
    signal?.throwIfAborted();
    const line = new Line(signal, this.stallMs);
    const response = await this.ask(line, from, until).catch((e) => (line.end(), Promise.reject(e)));
    try {
      const { start, end } = this.accept(response, from, until);
      if (!response.body) throw new Again('the answer had no body');
      this.stream = { line, reader: new Reader(response.body), at: start, end };
    } catch (e) {
      line.end();
      throw e;
    }
    while (this.stream.at < from) { // the server ignores Range: go past what is here already
      if (!(await this.take(from - this.stream.at))) throw new Again(`the connection was cut before byte ${from}`);
    }
  }

  /**
   * @param {Line} line
   * @param {number} from
   * @param {number} until
   */
  async ask(line, from, until) {
    const last = until < (this.size ?? Infinity) ? until - 1 : '';
    const known = this.version && (this.version.etag ?? this.version.modified);
    const ranges = this.ranges && !this.plainly;
    this.plainly = false;
    const headers = new Headers(ranges ? { Range: `bytes=${from}-${last}` } : {});
    this.heard = false;
    const conditional = this.conditional && ranges && from > 0 && known;
    if (conditional) headers.set('If-Range', known);
    try {
      return await line.within(() => fetch(this.url, { headers, cache: 'no-store', signal: line.controller.signal }));
    } catch (e) {
      if (!(e instanceof TypeError)) throw e;
      if (conditional) {
        this.conditional = false; // it may lead to another origin
        throw new Again('the connection failed', 0);
      }
      // Said soon when there never was an answer, but not after the first: a cut looks the same.
      const ask = !this.answered && (++this.silent === SILENT || globalThis.navigator?.onLine === false);
      this.plainly = !this.answered && this.silent === SILENT - 1; // a server that compresses nevertheless fails with Range
      throw (ask && (await unreachable(this.url, false))) || new Again('the connection failed');
    }
  }

  /**
   * Where the body of this answer begins and ends in the file, or why it cannot be used.
   * @param {Response} response
   * @param {number} from
   * @param {number} until
   */
  accept(response, from, until) {
    const { status } = response;
    this.answered = true;
    this.heard = true;
    if ([408, 425, 429].includes(status) || status >= 500) {
      const waitMs = waitOf(response);
      if (waitMs !== undefined && waitMs > LONGEST_WAIT_MS) throw new PalError('download', `${this.url}: the server answers ${status} and asks to come back in ${Math.ceil(waitMs / 1000)} s; try again then`);
      throw new Again(`the server answers ${status}`, waitMs);
    }
    if (status === 416 && from > 0) throw this.restart('the file became shorter on the server');
    if (status === 416 && this.ranges) return this.without(`the server refuses the range from byte ${from}`);
    const problem = problemOf(this.url, response);
    if (problem) throw problem;
    const range = status === 206 ? rangeOf(response) : { start: 0, end: sizeOf(response) ?? Infinity, size: sizeOf(response) };
    if (range && range.size === undefined) this.ranges = false; // of compressed bytes
    if (!range) return this.without('the server answers a byte range with something else');
    const wanted = Math.min(until, range.size ?? Infinity);
    if (status === 206 && (range.start !== from || range.end > wanted)) return this.without('the server answers with another byte range than asked for');
    this.compare(range.size, versionOf(response), from);
    return range;
  }

  /**
   * From now on no ranges are asked for.
   * @param {string} why
   * @returns {never}
   */
  without(why) {
    if (!this.ranges) throw new PalError('download', `${this.url}: ${why}; load it from another server`);
    this.ranges = false;
    throw new Again(why, 0);
  }

  /** @param {string} why */
  restart(why) {
    return new Restart(`${this.url}: ${why}`);
  }

  /**
   * Is this still the same file?
   * @param {number | undefined} size
   * @param {Version} version
   * @param {number} from
   */
  compare(size, version, from) {
    if (!this.version) {
      this.size = size;
      this.version = version;
      return;
    }
    const { etag, modified } = this.version;
    if (size !== this.size) throw this.restart(`the file changed on the server: it had ${this.size} bytes and has ${size ?? 'an unknown number of'} now`);
    if (etag ? etag !== version.etag : modified !== version.modified) throw this.restart('the file changed on the server: its ETag or Last-Modified is another one');
    // Without any of them two answers could be of two files of the same length, and nobody would notice.
    if (!etag && !modified && from > 0 && !this.proven) throw this.restart('the server names neither ETag nor Last-Modified, so an interrupted download cannot be continued safely');
  }
}
