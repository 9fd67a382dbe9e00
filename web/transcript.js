/** What was said, as far as it fits in a room of constant size: the oldest messages leave. */
import { jsonBytes } from './bytes.js';

/** @typedef {import('./template.js').Message} Message */

/** Room for the messages, in bytes of JSON. */
export const TRANSCRIPT_BYTES = 64 << 10;
/** One message has half of it: a question and its answer always fit together. */
const MESSAGE_BYTES = TRANSCRIPT_BYTES / 2;
/** A longer one loses its beginning, so much that the next pieces fit. */
const KEPT_BYTES = MESSAGE_BYTES - (MESSAGE_BYTES >> 3);
const CUT = '…';

/** @param {Message} message */
const sizeOf = ({ role, content }) => '{"role":"","content":""},'.length + jsonBytes(role) + jsonBytes(content);

/** The end of a text that takes at most so many bytes, behind a mark. Half a character costs more in JSON than the whole
 *  one: the cut never falls inside. @param {string} text @param {number} bytes */
function endOf(text, bytes) {
  let fits = text.length;
  let tooMany = Math.max(-1, text.length - bytes - 1);
  while (fits - tooMany > 1) {
    const middle = (fits + tooMany) >> 1;
    if (jsonBytes(CUT + text.slice(middle)) <= bytes) fits = middle;
    else tooMany = middle;
  }
  return CUT + text.slice(fits);
}

export class Transcript {
  /**
   * @param {readonly Message[]} [messages]
   * @param {number} [forgotten]
   */
  constructor(messages = [], forgotten = 0) {
    /** @type {Message[]} */
    this.list = [];
    /** Messages that have left. */
    this.forgotten = forgotten;
    /** @type {number[]} bytes of each */
    this.sizes = [];
    this.bytes = 0;
    for (const message of messages) this.say(message);
  }

  /** @param {Message} message */
  say({ role, content }) {
    this.list.push({ role, content: '' });
    this.sizes.push(sizeOf({ role, content: '' }));
    this.bytes += /** @type {number} */ (this.sizes.at(-1));
    this.append(content);
  }

  /** More words of the last message. @param {string} text */
  append(text) {
    if (text === '') return;
    const i = this.list.length - 1;
    const message = this.list[i];
    this.bytes -= this.sizes[i];
    message.content += text;
    this.sizes[i] += jsonBytes(text);
    if (this.sizes[i] > MESSAGE_BYTES) {
      message.content = endOf(message.content, KEPT_BYTES);
      this.sizes[i] = sizeOf(message);
    }
    this.bytes += this.sizes[i];
    while (this.bytes > TRANSCRIPT_BYTES) {
      this.list.shift();
      this.bytes -= /** @type {number} */ (this.sizes.shift());
      this.forgotten++;
    }
  }

  /** Takes back the words of the last message. */
  restart() {
    const { role } = /** @type {Message} */ (this.list.pop());
    this.bytes -= /** @type {number} */ (this.sizes.pop());
    this.say({ role, content: '' });
  }

  /** Are these messages here whole? @param {readonly Message[]} messages */
  holds(messages) {
    return messages.length === this.list.length && messages.every((m, i) => m.content === this.list[i].content);
  }
}
