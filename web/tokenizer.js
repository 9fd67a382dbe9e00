/** Text <-> token ids from the file's own vocabulary. */
import { PalError, checkNames } from './errors.js';
import { cutFor, cutText } from './cuts.js';

/**
 * @typedef {import('./engine.js').Engine} Engine
 * @typedef {import('./engine.js').Region} Region
 * @typedef {import('./gguf.js').Gguf} Gguf
 * @typedef {{ special?: boolean, bos?: boolean }} EncodeOptions
 *   special: text that spells a control token becomes that token (default: it stays text);
 *   bos: add begin and end tokens as the model asks for (default: no)
 */

const DESK_TEXT = 32 << 10; // bytes of text encoded at once; the desk takes about 70 times as much
const BOS = 1;
const SPECIAL = 2;
/** Numbers of tokenizer_id. */
const IDS = /** @type {const} */ (['bos', 'eos', 'eot', 'unk', 'pad', 'eom', 'nl']);
/** Names of tokenizer_type. */
export const TOKEN_TYPES = ['', 'normal', 'unknown', 'control', 'user', 'unused', 'byte'];

export class Tokenizer {
  /**
   * @param {Engine} engine
   * @param {Gguf} gguf
   */
  constructor(engine, gguf) {
    this.engine = engine;
    this.gguf = gguf;
    this.kind = gguf.text('tokenizer.ggml.model') ?? '';
    const bytes = engine.check(engine.c.tokenizer_bytes(gguf.at));
    const region = engine.take(bytes, 'the vocabulary');
    engine.check(engine.c.tokenizer_open(region.at, bytes, gguf.at));
    this.at = region.at;
    this.size = engine.c.tokenizer_n(this.at) >>> 0;
    this.addsBos = engine.c.tokenizer_adds_bos(this.at) !== 0;
    /** Ids of the special tokens, -1 when absent. */
    this.ids = /** @type {Record<typeof IDS[number], number>} */ (
      Object.fromEntries(IDS.map((name, i) => [name, engine.c.tokenizer_id(this.at, i)]))
    );
    this.encoder = new TextEncoder();
    /** @type {Region | undefined} */
    this.desk = undefined;
    this.deskText = 0;
    this.deskScratch = 0;
    this.deskIds = 0;
    this.scratchAt = 0;
    this.idsAt = 0;
    /** Where text is encoded when the memory is shared: browsers encode into no shared one. @type {Uint8Array<ArrayBuffer> | undefined} */
    this.stage = undefined;
    this.reserve(DESK_TEXT);
    /** @type {import('./cuts.js').Cut | null | undefined} */
    this.cut = undefined;
  }

  /** Does this file have a vocabulary at all? @param {Gguf} gguf */
  static present(gguf) {
    const kind = gguf.text('tokenizer.ggml.model');
    return kind !== undefined && kind !== 'none' && kind !== 'no_vocab';
  }

  /**
   * Reserves memory so that texts of this many bytes are encoded whole. Longer ones are cut where that changes no id,
   * and refused when there is no such place. Call it before a session opens: it is the only thing here that grows.
   * @param {number} bytes
   */
  reserve(bytes) {
    if (bytes <= this.deskText) return;
    const { engine } = this;
    if (this.desk) engine.release(this.desk);
    this.deskText = Math.ceil(bytes / 64) * 64;
    if (engine.team) this.stage = new Uint8Array(this.deskText);
    this.deskScratch = engine.c.encode_scratch(this.at, this.deskText) >>> 0;
    this.deskIds = engine.c.encode_max(this.at, this.deskText) >>> 0;
    this.desk = engine.take(this.deskText + Math.ceil(this.deskScratch / 64) * 64 + 4 * this.deskIds, 'the desk of the tokenizer');
    this.scratchAt = this.desk.at + this.deskText;
    this.idsAt = this.scratchAt + Math.ceil(this.deskScratch / 64) * 64;
  }

  /**
   * @param {string} text
   * @param {EncodeOptions} [options]
   * @returns {number[]}
   */
  encode(text, options) {
    checkNames(options, ['special', 'bos'], 'encode');
    const flags = (options?.bos ? BOS : 0) | (options?.special ? SPECIAL : 0);
    return this.encodeWhole(text, flags) ?? this.encodePieces(text, flags);
  }

  /**
   * undefined when the text does not fit the desk.
   * @param {string} text
   * @param {number} flags
   */
  encodeWhole(text, flags) {
    const { engine, desk, deskText } = this;
    if (!desk || text.length > deskText) return undefined;
    const at = engine.u8.subarray(desk.at, desk.at + deskText);
    const { read, written } = this.encoder.encodeInto(text, this.stage ?? at);
    if (read < text.length) return undefined;
    if (this.stage) at.set(this.stage.subarray(0, written));
    return this.encodeDesk(written, flags);
  }

  /**
   * Bytes instead of text: they need not be UTF-8.
   * @param {Uint8Array} bytes
   * @param {EncodeOptions} [options]
   * @returns {number[]}
   */
  encodeBytes(bytes, options) {
    if (!this.desk || bytes.length > this.deskText) throw new PalError('argument', `${bytes.length} bytes exceed the ${this.deskText} reserved; call reserve(${bytes.length})`);
    this.engine.u8.set(bytes, this.desk.at);
    return this.encodeDesk(bytes.length, (options?.bos ? BOS : 0) | (options?.special ? SPECIAL : 0));
  }

  /**
   * @param {number} bytes
   * @param {number} flags
   * @returns {number[]}
   */
  encodeDesk(bytes, flags) {
    const { engine } = this;
    const at = /** @type {Region} */ (this.desk).at;
    const n = engine.c.encode(this.at, at, bytes, flags, this.idsAt, this.deskIds, this.scratchAt, this.deskScratch);
    if (n < 0) throw new PalError('argument', `this text of ${bytes} bytes could not be encoded (engine: ${n})`);
    const { u32 } = engine;
    const ids = new Array(n);
    for (let i = 0, from = this.idsAt >>> 2; i < n; i++) ids[i] = u32[from + i];
    return ids;
  }

  /**
   * @param {string} text
   * @param {number} flags
   */
  encodePieces(text, flags) {
    if (this.cut === undefined) {
      const tokens = /** @type {string[]} */ (this.gguf.array('tokenizer.ggml.tokens') ?? []);
      this.cut = cutFor(this.kind, tokens, this.prefixed());
    }
    const pieces = this.cut && cutText(text, this.cut, Math.floor(this.deskText / 3));
    if (!pieces) throw new PalError('argument', `this text of ${text.length} characters has no place where it can be cut safely; call model.tokenizer.reserve(${3 * text.length}) before opening a session`);
    const ends = this.encodeWhole('', flags & BOS) ?? [];
    /** @type {number[]} */
    const ids = this.addsBos ? ends.splice(0, 1) : [];
    for (const piece of pieces) {
      for (const id of this.encodeWhole(piece, flags & ~BOS) ?? []) ids.push(id);
    }
    return ids.concat(ends);
  }

  /** Does every text get a space in front (SPM)? */
  prefixed() {
    return this.kind === 'llama' && this.gguf.value('tokenizer.ggml.add_space_prefix') !== false;
  }

  /**
   * The ids of text that continues another: without the space that SPM puts in front of a text.
   * @param {string} text
   * @param {EncodeOptions} [options]
   */
  encodeInner(text, options) {
    if (!this.prefixed() || text === '') return this.encode(text, options);
    const anchor = this.encode('\n');
    const ids = this.encode(`\n${text}`, options);
    return anchor.every((id, i) => ids[i] === id) ? ids.slice(anchor.length) : this.encode(text, options);
  }

  /** Tokens of a text. @param {string} text @param {EncodeOptions} [options] */
  count(text, options) {
    return this.encode(text, options).length;
  }

  /**
   * @param {readonly number[]} ids
   * @param {{ special?: boolean }} [options] special: spell control tokens out (default: leave them away)
   * @returns {string}
   */
  decode(ids, options) {
    checkNames(options, ['special'], 'decode');
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.decodeBytes(ids, options));
  }

  /**
   * @param {readonly number[]} ids
   * @param {{ special?: boolean }} [options]
   * @returns {Uint8Array}
   */
  decodeBytes(ids, options) {
    const { engine } = this;
    const special = options?.special ? 1 : 0;
    const desk = /** @type {Region} */ (this.desk);
    if (ids.length <= this.deskIds) {
      engine.putWords(this.idsAt, ids);
      const n = engine.c.decode(this.at, this.idsAt, ids.length, special, desk.at, this.deskText) >>> 0;
      if (n <= this.deskText) return engine.u8.slice(desk.at, desk.at + n);
    }
    // Too long for the desk: only the first piece differs from the tokens one by one (a leading space goes).
    const half = Math.min(ids.length >> 1, 4096);
    const parts = [this.decodeBytes(ids.slice(0, half), options), ...ids.slice(half).map((id) => this.piece(id, options))];
    return concat(parts);
  }

  /**
   * The bytes of one token: maybe a part of a character.
   * @param {number} id
   * @param {{ special?: boolean }} [options]
   * @returns {Uint8Array}
   */
  piece(id, options) {
    const { engine } = this;
    const desk = /** @type {Region} */ (this.desk);
    const n = engine.c.piece(this.at, id, options?.special ? 1 : 0, desk.at, this.deskText) >>> 0;
    return engine.u8.slice(desk.at, desk.at + Math.min(n, this.deskText));
  }

  /** Bytes of a token as it is spelt, control tokens too. @param {number} id */
  spelledBytes(id) {
    return this.engine.c.piece(this.at, id, 1, 0, 0) >>> 0;
  }

  /** How a token is spelt, control tokens too. @param {number} id */
  spelling(id) {
    return id < 0 ? '' : new TextDecoder().decode(this.piece(id, { special: true }));
  }

  /** 'normal', 'control', ... @param {number} id */
  type(id) {
    return TOKEN_TYPES[this.engine.c.tokenizer_type(this.at, id) >>> 0] ?? 'normal';
  }

  /** Does this token end a generation? @param {number} id */
  isEnd(id) {
    return this.engine.c.tokenizer_is_eog(this.at, id) !== 0;
  }

  /** Turns ids into text as they come; holds back the bytes of unfinished characters. @param {{ special?: boolean }} [options] */
  stream(options) {
    return new TextStream(this, options);
  }
}

/** Bytes at the end that begin a character and do not end it. @param {Uint8Array} bytes */
function unfinished(bytes) {
  for (let n = 1; n <= Math.min(3, bytes.length); n++) {
    const b = bytes[bytes.length - n];
    if ((b & 0xc0) === 0x80) continue;
    const whole = b >= 0xf8 || b < 0xc0 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    return whole > n ? n : 0;
  }
  return 0;
}

export class TextStream {
  /**
   * @param {Tokenizer} tokenizer
   * @param {{ special?: boolean }} [options]
   * @param {ArrayLike<number>} [rest] of a stream that this one continues
   */
  constructor(tokenizer, options, rest = []) {
    this.tokenizer = tokenizer;
    this.options = options;
    /** Bytes of an unfinished character. */
    this.rest = Uint8Array.from(rest);
    this.decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  }

  /** Whole characters that are certain after this token. @param {number} id */
  push(id) {
    const bytes = concat([this.rest, this.tokenizer.piece(id, this.options)]);
    const whole = bytes.length - unfinished(bytes);
    this.rest = bytes.subarray(whole);
    return this.decoder.decode(bytes.subarray(0, whole));
  }

  /** What was held back; an unfinished character becomes U+FFFD. */
  end() {
    const { rest } = this;
    this.rest = new Uint8Array(0);
    return this.decoder.decode(rest);
  }
}

/** @param {readonly Uint8Array[]} parts */
export function concat(parts) {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}
