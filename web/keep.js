/** Between a chat and its save. */
import { Chat } from './chat.js';
import { PalError } from './errors.js';
import { frozen, thawed } from './pending.js';
import { packHead, unpack } from './saved.js';
import { Session } from './session.js';
import { Transcript } from './transcript.js';

/**
 * @param {Chat} chat
 * @returns {[head: Uint8Array, state: Uint8Array]}
 */
export function piecesOf({ model, session, transcript, given, pending, system, pin, room, log }) {
  if (given && !transcript.holds(given)) throw new PalError('argument', 'the messages that this chat begins with are longer than a save has room for, and not read yet; send a message first');
  const header = {
    model: model.name, words: [...session.words], system, pin, messages: transcript.list, forgotten: transcript.forgotten,
    started: given === undefined, seed: String(session.seed), pending: pending && frozen(pending),
  };
  return [packHead(header, room, log.bytes, 8 * log.capacity, session.cost.state), session.block()];
}

/**
 * @param {import('./model.js').Model} model
 * @param {Uint8Array} blob
 * @param {Pick<import('./chat.js').ChatOptions, 'template' | 'variables' | 'undo'>} options
 */
export function chatOf(model, blob, options) {
  const { header, tokens, state } = unpack(blob);
  const pending = header.pending && thawed(header.pending);
  const session = new Session(model, { seed: BigInt(header.seed), undo: options.undo }, header.words);
  try {
    session.restore(state);
    const transcript = new Transcript(header.messages, header.forgotten);
    const parts = { session, transcript, given: header.started ? undefined : [...transcript.list] };
    const chat = new Chat(model, { ...options, messages: header.system, memory: { pin: header.pin } }, parts);
    if (!chat.log.load(tokens, session.seen, model.vocabularySize)) throw new PalError('foreign', 'this is no saved chat: its tokens are damaged');
    chat.pending = pending;
    return chat;
  } catch (e) {
    session.close();
    throw e;
  }
}
