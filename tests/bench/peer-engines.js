// The engines as a page uses them, behind one face. Runs in the page of tests/bench/peers.js.
//
//    open(url, { threads, keep, context, policy, memory, variant }) -> { about, answer, close }; memory: format of keys and values
//    answer(prompt, tokens, budget) -> { promptTokens, promptMs, steps, stepMs, state? }   greedy; times are the engine's own
//
// keep: the browser's storage is used: filled if the file is not there, else read. A step draws a token and computes the
// logits after it.

const LEFT_OUT = /threads/; // an option that this palimpsest does not know yet

const palimpsest = {
    /** @param {string} url @param {any} options */
    async open(url, { threads, keep, policy, memory, variant }) {
        const { Model } = await import(/** @type {string} */ ('/dist/page/palimpsest.js'));
        const options = { cache: keep, variant };
        const model = await Model.load(url, { ...options, threads }).catch((/** @type {Error} */ e) => {
            if (!(e instanceof TypeError && LEFT_OUT.test(e.message))) throw e;
            if (threads > 1) throw new Error('absent: this palimpsest has one thread');
            return Model.load(url, options);
        });
        if ((model.threads ?? threads) !== threads) throw new Error(`palimpsest took ${model.threads} threads, not ${threads}`);
        return {
            about: [model.variant, model.note].filter((s) => s).join(': '),
            async answer(/** @type {string} */ prompt, /** @type {number} */ tokens, /** @type {number} */ budget) {
                const chat = model.chat({ template: '{{ messages[0].content }}', memory: { tokens: budget, policy, cache: memory }, seed: 0 });
                await chat.ask(prompt, { temperature: 0, maxTokens: tokens, ignoreEnd: true });
                const { promptTokens, promptMs, decodeTokens, decodeMs, bytes } = chat.stats;
                await chat.close();
                return { promptTokens, promptMs, steps: decodeTokens, stepMs: decodeMs, state: bytes.state + bytes.scratch };
            },
            close: async () => model.close(),
        };
    },
};

const WLLAMA = '/node_modules/@wllama/wllama/esm/';

const wllama = {
    /** @param {string} url @param {any} options */
    async open(url, { threads, keep, context }) {
        const { Wllama } = await import(`${WLLAMA}index.min.js`);
        const quiet = { debug() {}, log() {}, warn() {}, error() {} };
        const engine = new Wllama({ default: `${location.origin}${WLLAMA}wasm/wllama.wasm` }, { suppressNativeLog: true, logger: quiet });
        const options = { n_ctx: context, n_threads: threads, n_gpu_layers: 0, n_parallel: 1, warmup: false };
        if (keep) await engine.loadModelFromUrl(url, options);
        else await engine.loadModel([await (await fetch(url)).blob()], options); // its own way without keeping keeps, too
        if (engine.getNumThreads() !== threads) throw new Error(`wllama took ${engine.getNumThreads()} threads, not ${threads}`);
        return {
            about: `llama.cpp ${Wllama.getLibllamaVersion()}`,
            async answer(/** @type {string} */ prompt, /** @type {number} */ tokens) {
                const sampling = { temperature: 0, samplers: ['top_k'], top_k: 1, ignore_eos: true, seed: 1 };
                const { timings: t, usage } = await engine.createCompletion({ prompt, max_tokens: tokens, cache_prompt: false, ...sampling });
                if (t.cache_n) throw new Error(`wllama read ${t.cache_n} tokens from its cache`);
                if (usage.completion_tokens !== tokens) throw new Error(`wllama wrote ${usage.completion_tokens} tokens of ${tokens}`);
                // Its clock starts when the first token has been drawn from the prompt's logits: one step less than tokens.
                return { promptTokens: t.prompt_n, promptMs: t.prompt_ms, steps: t.predicted_n - 1, stepMs: t.predicted_ms };
            },
            close: () => engine.exit(),
        };
    },
};

/** @type {Record<string, { open: (url: string, options: any) => Promise<any> }>} */
const engines = { palimpsest, wllama };

/** @type {any} */ (window).peer = {
    /** The open engine. @type {any} */
    engine: undefined,
    /** From nothing in the page to the first token. @param {string} name @param {string} url @param {any} options @param {string} prompt */
    async load(name, url, options, prompt) {
        url = new URL(url, location.href).href;
        const started = performance.now();
        this.engine = await engines[name].open(url, options);
        await this.engine.answer(prompt, 1, 512);
        return { ms: performance.now() - started, about: this.engine.about };
    },
    /** @param {string} prompt @param {number} tokens @param {number} budget what palimpsest remembers */
    answer(prompt, tokens, budget) {
        return this.engine.answer(prompt, tokens, budget);
    },
    async close() {
        await this.engine?.close();
        this.engine = undefined;
    },
};
