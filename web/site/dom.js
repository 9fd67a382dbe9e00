/** Small helpers for elements. */

/**
 * The element of the page with this id.
 * @template {Element} T
 * @param {string} id
 * @param {{ new (): T }} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * A new element: properties are set, `aria-`, `data-` and `role` are attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(aria-|data-|role$|for$|list$)/.test(name)) element.setAttribute(name, String(value));
    else /** @type {any} */ (element)[name] = value;
  }
  element.append(...children);
  return element;
}

/** A button. @param {string} text @param {() => void} onclick @param {Record<string, unknown>} [properties] */
export const button = (text, onclick, properties = {}) => make('button', { type: 'button', onclick, ...properties }, text);

/** What an error says to a person. @param {unknown} e */
export const messageOf = (e) => (e instanceof Error ? e.message : String(e));

/** @param {unknown} e */
export const isAbort = (e) => e instanceof DOMException && e.name === 'AbortError';
