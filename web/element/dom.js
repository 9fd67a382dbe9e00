/** Nodes are made by name, one by one: no HTML is ever parsed. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean | ((event: any) => void) | undefined>} [attributes] a function is a listener, true an empty attribute
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

const PATHS = {
  send: 'M12 19V5m-6 6 6-6 6 6',
  stop: 'M7 7h10v10H7z',
  down: 'M12 5v14m6-6-6 6-6-6',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  done: 'm5 12.5 4.5 4.5L19 7.5',
  again: 'M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4',
  on: 'M5 12h14m-6-6 6 6-6 6',
  new: 'M12 5v14M5 12h14',
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `icon i-${name}`);
  const path = document.createElementNS(ns, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button that copies and says so for a moment.
 * @param {string} part
 * @param {string} label
 * @param {() => string} text
 */
export function copyButton(part, label, text) {
  const word = h('span', {}, 'Copy');
  const button = h('button', { type: 'button', class: 'quiet', part, 'aria-label': label, click }, icon('copy'), word);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @param {'copy' | 'done'} name @param {string} said */
  function show(name, said) {
    button.firstElementChild?.replaceWith(icon(name));
    word.textContent = said;
    button.setAttribute('aria-label', name === 'copy' && said === 'Copy' ? label : said);
  }
  async function click() {
    try {
      await navigator.clipboard.writeText(text());
      show('done', 'Copied');
    } catch {
      show('copy', 'Not allowed here; select and copy');
    }
    clearTimeout(timer);
    timer = setTimeout(() => show('copy', 'Copy'), 2500);
  }
  return button;
}
