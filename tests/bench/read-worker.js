// Reads memory with tests/bench/read.c as fast as wasm can, alone or beside other workers.
const BYTES = 256 << 20;
const MS = 300;
/** @type {(at: number, bytes: number) => number} */
let read;

onmessage = async ({ data }) => {
    if (data.module) {
        const memory = new WebAssembly.Memory({ initial: BYTES / 65536 + 16, maximum: 65536 });
        const instance = /** @type {any} */ (await WebAssembly.instantiate(data.module, { env: { memory } }));
        new Uint8Array(memory.buffer).fill(1);
        ({ read } = instance.exports);
        for (let i = 0; i < 3; i++) read(65536, BYTES);
        return postMessage('ready');
    }
    const started = performance.now();
    let n = 0, ms = 0;
    for (; ms < MS; n++, ms = performance.now() - started) read(65536, BYTES);
    return postMessage((n * BYTES) / ms / 1e6);
};
