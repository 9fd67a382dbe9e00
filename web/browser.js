/** Palimpsest in a page. All computing is done in a worker; nothing is fetched but the model.
 *
 *    import { Model } from 'palimpsest';
 *    const model = await Model.load('model.gguf', { onprogress: ({ loaded, total }) => … });
 *    const chat = model.chat({ system: 'Be brief.', memory: { tokens: 1024, policy: 'tova' } });
 *    for await (const piece of chat.send('Hello')) out.append(piece);
 */
export { Model } from './page/model.js';
export { Chat } from './page/chat.js';
export { chats } from './page/saved-chats.js';
export { cache } from './source/cache.js';
export { PalError } from './errors.js';
