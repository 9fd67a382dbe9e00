/** A helper thread: an instance of the engine over the memory of another one, with its own stack. It takes parts of the
 *  other's steps until it is ended from outside; nothing returns from here but failure. */

/**
 * @typedef {object} Call
 * @property {WebAssembly.Module} module
 * @property {WebAssembly.Memory} memory shared
 * @property {number} index from 1
 * @property {number} stack address where its stack begins; it grows downwards
 *
 * @typedef {{ ready: number } | { failed: string }} Answer
 */

/** @param {Call} call @param {(answer: Answer) => void} tell */
export function serve({ module, memory, index, stack }, tell) {
  /** @type {any} */
  let c;
  try {
    c = new WebAssembly.Instance(module, { env: { memory } }).exports;
    c.__stack_pointer.value = stack;
    tell({ ready: index });
    c.team_serve(index);
  } catch (e) {
    c?.team_fail();
    tell({ failed: e instanceof Error ? e.message : String(e) });
  }
}
