// What a token that is written costs at several depths, in turns in one process: the part that Node and a page's worker share.

/**
 * Sessions of one model that stand at different depths; each round every session takes the same few tokens, with the logits
 * after each, and goes back to where it stood.
 * @param {import('../../web/model.js').Model} model
 * @param {{ budget: number, far: number, tokens: number, rounds: number, cache?: string }} options
 * @param {(line: string) => void} tell
 * @returns {Promise<{ name: string, ms: number[] }[]>} milliseconds a token, one of each round
 */
export async function measureDepths(model, { budget, far, tokens, rounds, cache }, tell) {
    const ids = (/** @type {number} */ from, /** @type {number} */ n) => Array.from({ length: n }, (_, i) => ((from + i) * 7919 + 1) % model.vocabularySize);
    const stands = /** @type {{ name: string, session: import('../../web/session.js').Session, ms: number[] }[]} */ ([]);
    const walk = async (/** @type {string} */ policy, /** @type {number[]} */ depths) => {
        const session = model.session({ memory: { tokens: budget, policy, cache }, seed: 0, undo: true });
        for (const depth of depths) {
            for (let read = session.seen; read < depth; read = session.seen) {
                const n = Math.min(10000, depth - read);
                await session.feed(ids(read, n));
                tell(`${policy}: ${session.seen} tokens read`);
            }
            const copy = session.fork();
            copy.mark();
            stands.push({ name: `${policy} ${depth}`, session: copy, ms: [] });
        }
        session.close();
    };
    await walk('tova', [...new Set([0, 512, budget, far])].sort((a, b) => a - b));
    await walk('window', [budget, far]);
    for (let round = 0; round <= rounds; round++) {
        for (const { session, ms } of stands) {
            session.rewind();
            session.feedChunk(ids(1, 1)); // what rewind() touched goes out of the way
            const started = performance.now();
            for (const id of ids(2, tokens)) session.feedChunk([id]), session.logits();
            if (round) ms.push((performance.now() - started) / tokens); // the first round warms up
        }
        await model.breathe();
    }
    return stands.map(({ name, ms }) => ({ name, ms }));
}
