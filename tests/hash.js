// The twin of `palimpsest hash` (tests/native/main.c) over a shipped wasm engine; the same file in Node and in a page.
import { Engine } from '../web/engine.js';

/**
 * @typedef {{ name: string, policy: string, budget: number, positions?: number, cache?: number, chunk: number, pin: number }} Setting
 *   positions: 1 = cache; cache: 0 f32, 1 f16, 2 q8
 */

/**
 * @param {BufferSource} module an engine
 * @param {Uint8Array} gguf
 * @param {number[]} ids
 * @param {Setting[]} settings
 * @param {(module: WebAssembly.Module) => Engine | Promise<Engine>} [open] the engine
 * @returns {Promise<string[]>} `logits … state …` of each setting
 */
export async function hashes(module, gguf, ids, settings, open = (compiled) => new Engine(compiled, '')) {
    const engine = await open(await WebAssembly.compile(module));
    if (!engine.probe()) throw new Error('this machine computes the build wrongly (pal_probe)');
    const { c, out } = engine;
    const file = engine.take(gguf.length);
    engine.u8.set(gguf, file.at);
    const files = engine.take(12).at;
    engine.putWords(files, [file.at, gguf.length, gguf.length]);
    const directory = engine.take(engine.check(c.gguf_bytes(files, 1, out)));
    engine.check(c.gguf_open(directory.at, directory.bytes, files, 1));
    const model = engine.take(engine.check(c.model_bytes(directory.at)));
    engine.check(c.model_open(model.at, model.bytes, directory.at));
    engine.check(c.model_weave(model.at, 0, gguf.length));
    c.model_describe(model.at, out);
    const vocab = engine.word(2);
    const idsAt = engine.take(4 * ids.length).at;
    engine.putWords(idsAt, ids);
    const list = engine.take(8 * ids.length).at;
    const limits = engine.take(28).at;

    return settings.map(({ policy, budget, positions, cache, chunk, pin }) => {
        engine.putWords(limits, [engine.policies().indexOf(policy), budget, positions ?? 0, cache ?? 0, 0, 0, chunk]);
        engine.check(c.limits_resolve(model.at, limits));
        const regions = [c.session_bytes(), c.state_bytes(model.at, limits), c.scratch_bytes(model.at, limits)].map((bytes) =>
            engine.take(bytes),
        );
        const [session, state, scratch] = regions;
        engine.check(c.session_open(session.at, model.at, limits, state.at, scratch.at));
        c.session_reset(session.at, 0, 0);
        let n = 0;
        for (let at = 0, step = 0; at < ids.length; at += step) {
            step = Math.min(chunk, ids.length - at);
            if (at < pin) step = Math.min(step, pin - at);
            engine.check(c.feed(session.at, idsAt + 4 * at, step, at < pin ? 1 : 0));
            c.hash(c.logits(session.at), 4 * vocab, out);
            engine.putWords(list + 8 * n++, [engine.word(0), engine.word(1)]);
        }
        const logits = engine.hash(list, 8 * n);
        c.state_hash(session.at, out);
        const line = `logits ${logits} state ${engine.hex64()}`;
        for (const region of regions.reverse()) engine.release(region);
        return line;
    });
}
