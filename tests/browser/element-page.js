// The page of the element's tests: what its policy forbids and what the element says is written down.
globalThis.violations = [];
globalThis.said = [];
document.addEventListener('securitypolicyviolation', (e) => globalThis.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`));
for (const type of ['ready', 'progress', 'piece', 'turn', 'memory', 'error']) {
    document.addEventListener(`pal-${type}`, (e) => globalThis.said.push({ type, at: e.target.id, detail: type === 'error' ? String(e.detail.error) : type === 'ready' ? {} : e.detail }));
}
const sheet = new CSSStyleSheet();
sheet.replaceSync('body { margin: 0 } pal-chat { block-size: 100dvh }');
document.adoptedStyleSheets = [sheet];

/** An element with these attributes; it is in the page. */
globalThis.make = (attributes = {}) => {
    const element = document.createElement('pal-chat');
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    document.querySelector('main').append(element);
    return element;
};
/** The next event of this type. */
globalThis.next = (type, element = document) => new Promise((done) => element.addEventListener(`pal-${type}`, (e) => done(e.detail), { once: true }));

await import('/web/element/pal-chat.js');
globalThis.loaded = true;
