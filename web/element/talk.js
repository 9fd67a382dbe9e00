/** One chat on the screen: what the chat says goes to the view, what the user does goes to the chat. */
import { PalError, chats } from '../browser.js';
import { countText } from './words.js';

/**
 * @typedef {import('../page/model.js').Model} Model
 * @typedef {import('../page/chat.js').Chat} Chat
 * @typedef {import('../template.js').Message} Message
 * @typedef {ReturnType<typeof import('./attributes.js').optionsOf>} Options
 *
 * @typedef {object} Host
 * @property {import('./view.js').View} view
 * @property {() => Options} options as they are now
 * @property {(type: string, detail: unknown) => void} emit
 * @property {(error: unknown, action?: { label: string, run: () => void }) => void} fail
 * @property {() => void} refresh
 */

const ignore = () => {}; // what went wrong is on the screen

/** A saved chat keeps its memory; what the page asked for then does not act, and that is said. @param {Chat} chat @param {Options['memory']} asked */
function keeps({ limits, memory }, asked) {
  if (!limits) return '';
  const differs = (asked.tokens ?? limits.budget) !== limits.budget || (asked.bytes ?? memory.bytes) < memory.bytes
    || (asked.policy ?? limits.policy) !== limits.policy || (asked.positions ?? limits.positions) !== limits.positions || (asked.cache ?? limits.cache) !== limits.cache;
  return differs ? ` It keeps its memory of ${countText(limits.budget, 'token')} (${limits.policy}); the settings of this page act in a new chat.` : '';
}

export class Talk {
  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    /** @type {Chat | undefined} */
    this.chat = undefined;
    /** @type {AbortController | undefined} */
    this.turn = undefined;
    /** A conversation to go on with, until the chat is open. @type {readonly Message[] | undefined} */
    this.carried = undefined;
    /** The newest answer was begun here: it can be taken back. A saved one cannot. */
    this.begun = false;
    /** @type {number | undefined} */
    this.frame = undefined;
    this.closed = false;
    this.unlisten = ignore;
  }

  get ready() {
    return this.chat !== undefined;
  }

  /** What another chat can go on with. */
  get conversation() {
    if (!this.chat) return this.carried;
    const { messages } = this.chat;
    return messages.at(-1)?.content === '' ? messages.slice(0, -2) : messages; // the answer had not begun
  }

  get busy() {
    return this.turn !== undefined;
  }

  /**
   * @param {Model} model
   * @param {readonly Message[]} [messages] a conversation to go on with; else the saved one is opened
   */
  async open(model, messages) {
    this.carried = messages;
    const { name, chat: options, memory } = this.host.options();
    const undo = true;
    let chat = name !== undefined && !messages ? await model.open(name, { undo }) : undefined;
    const found = chat !== undefined;
    if (!this.closed) chat ??= model.chat({ ...options, memory, undo, ...(name === undefined ? {} : { name }), ...(messages?.length ? { messages } : {}) });
    try {
      await chat?.ready;
    } catch (e) {
      await chat?.close();
      throw e;
    }
    if (this.closed || !chat) return void chat?.close();
    this.chat = chat;
    const unlisten = [
      chat.on('memory', (now) => (this.rememberSoon(), this.host.emit('pal-memory', now))),
      chat.on('error', (error) => this.host.view.log.note(`This chat could not be saved: ${error.message}`)),
    ];
    this.unlisten = () => unlisten.forEach((end) => end());
    this.show();
    if (found) this.host.view.log.note(`Your saved chat goes on here.${keeps(chat, memory)}`);
  }

  /** The whole conversation, anew. */
  show() {
    if (!this.chat) return;
    this.begun = false;
    const { view } = this.host;
    view.log.fill(this.chat.messages, this.chat.forgotten);
    view.log.toEnd();
    this.offer();
    this.remember();
  }

  /** Once a frame is enough. */
  rememberSoon() {
    this.frame ??= requestAnimationFrame(() => this.remember());
  }

  remember() {
    this.frame = undefined;
    if (!this.chat || this.closed) return;
    const { memory, stats } = this.chat;
    const rate = stats && stats.decodeTokens > 0 ? 1000 / stats.decodeMsPerToken : 0;
    this.host.view.composer.memory(memory, rate);
  }

  /** What can be done with the newest answer. */
  offer() {
    const on = this.chat?.unfinished ? () => void this.answer('continue').catch(ignore) : undefined;
    const again = this.begun ? () => void this.answer('regenerate').catch(ignore) : undefined;
    this.host.view.log.last?.offer({ on, again });
  }

  /**
   * @param {'send' | 'continue' | 'regenerate'} what
   * @param {string} [text]
   * @returns {Promise<string>} the whole answer, or as much as was written until stop()
   */
  async answer(what, text = '') {
    const { chat, host } = this;
    const { view } = host;
    if (!chat || this.turn) throw new PalError('argument', 'this chat is not ready; wait or stop() first');
    const options = this.options();
    const turn = new AbortController();
    this.turn = turn;
    if (what === 'send') this.begun = false;
    const before = chat.messages.length;
    const user = what === 'send' ? view.log.user(text) : undefined;
    const answer = (user ? undefined : view.log.last) ?? view.log.answer();
    const old = answer.raw;
    if (what === 'regenerate') answer.clear();
    if (what === 'continue') answer.reopen();
    if (answer.actions.matches(':focus-within')) view.composer.button.focus(); // it will be Stop
    answer.begin();
    view.ready();
    view.log.toEnd();
    view.say('');
    host.refresh();
    /** @type {unknown} */
    let error;
    try {
      const settings = { ...options, signal: turn.signal, onprogress: (/** @type {{ read: number, total: number }} */ p) => answer.reading(p.read, p.total) };
      for await (const piece of what === 'send' ? chat.send(text, settings) : chat[what](settings)) {
        answer.reading(0, 0);
        answer.write(piece);
        this.begun ||= what === 'send';
        host.emit('pal-piece', { text: piece });
      }
    } catch (e) {
      if (!turn.signal.aborted) error = e;
    }
    this.turn = undefined;
    answer.end();
    if (this.closed) return answer.raw;
    if (error && what === 'regenerate' && answer.raw === '') {
      answer.write(old);
      answer.end();
    }
    const taken = !user || chat.messages.length > before || chat.forgotten > 0;
    if (!taken) {
      view.log.takeBack(user, answer);
      if (view.composer.text === '') view.composer.text = text;
    }
    this.offer();
    this.remember();
    host.refresh();
    if (error) {
      host.fail(error);
      throw error;
    }
    view.say(answer.spoken);
    host.emit('pal-turn', { content: answer.raw, unfinished: chat.unfinished });
    return answer.raw;
  }

  /** Settings of an answer, or why there are none. */
  options() {
    try {
      return this.host.options().send;
    } catch (e) {
      this.host.fail(e);
      throw e;
    }
  }

  stop() {
    this.turn?.abort();
  }

  /** The saved copy goes too. */
  async forget() {
    const name = this.chat?.name;
    await this.close();
    if (name !== undefined) await chats.delete(name);
  }

  /** Gives the memory back, also in the middle of an answer. */
  async close() {
    this.closed = true;
    this.unlisten();
    this.turn?.abort();
    await this.chat?.close();
  }
}
