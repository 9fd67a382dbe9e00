// Runs the C tests that were linked into a wasm engine (tests/c/wasm.c); the same file in Node and in a page.

const pages = (/** @type {number} */ bytes) => Math.ceil(bytes / 65536);

/**
 * @param {BufferSource} bytes the module build/wasm/…/tests-….wasm
 * @param {{name: string, bytes: Uint8Array}[]} fixtures files of tests/fixtures, by path below that folder
 * @param {string} [only] name of one test
 * @returns {Promise<{failures: number, text: string}>} text: the log, a line per test
 */
export async function runEngineTests(bytes, fixtures, only) {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
    let text = '';
    const print = (/** @type {number} */ at, /** @type {number} */ n) => {
        text += new TextDecoder().decode(new Uint8Array(memory.buffer, at, n));
    };
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, print } });
    const exports = /** @type {any} */ (instance.exports);

    const encoder = new TextEncoder();
    let at = exports.heap();
    const take = (/** @type {number} */ n) => {
        const start = (at + 63) & ~63;
        at = start + n;
        if (at > memory.buffer.byteLength) memory.grow(pages(at - memory.buffer.byteLength));
        return start;
    };
    const put = (/** @type {Uint8Array} */ data) => {
        const start = take(data.length);
        new Uint8Array(memory.buffer).set(data, start);
        return start;
    };
    const directory = [fixtures.length];
    for (const file of fixtures) {
        const name = encoder.encode(file.name);
        directory.push(put(name), name.length, put(file.bytes), file.bytes.length);
    }
    const list = put(new Uint8Array(Uint32Array.from(directory).buffer));
    const wanted = only ? put(encoder.encode(only + '\0')) : 0;
    let failures;
    try {
        failures = exports.run(list, take(0), wanted);
    } catch (error) {
        text += `FAILED the module trapped: ${error}\n`;
        failures = 1;
    }
    return { failures, text };
}
