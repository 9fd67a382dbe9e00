/** The look of <pal-chat>, as a style sheet object: no inline styles, so that a strict Content-Security-Policy allows it.
 *
 *  A page changes it from outside:
 *    pal-chat { block-size: 100dvh; color-scheme: dark; --pal-accent: teal; }
 *    pal-chat::part(bubble) { border-radius: 4px; }
 *  Colours: --pal-background --pal-surface --pal-text --pal-muted --pal-line --pal-accent --pal-on-accent --pal-user
 *    --pal-danger --pal-code
 *  Others: --pal-font --pal-mono --pal-display (of the welcome) --pal-size --pal-radius --pal-width (of the text)
 *  Parts: header name new log message user assistant bubble text actions copy code regenerate continue note down card load
 *    progress cancel retry composer field input send memory gauge
 */

/** Light and dark. Text on its ground has a contrast of at least 4.5. */
const COLOURS = {
  background: ['#fbf9f4', '#161512'],
  surface: ['#ffffff', '#1f1e1a'],
  text: ['#25221c', '#ebe6db'],
  muted: ['#6a6355', '#a59e8f'],
  line: ['#e5dfd2', '#37342d'],
  accent: ['#9c3a20', '#e8967a'],
  'on-accent': ['#ffffff', '#22100a'],
  user: ['#f0eadd', '#2b2822'],
  danger: ['#a3262b', '#f2a09c'],
  code: ['#f4f0e6', '#100f0d'],
};

/** @param {0 | 1} dark */
const palette = (dark) => Object.entries(COLOURS).map(([name, pair]) => `--${name}: var(--pal-${name}, ${pair[dark]});`).join(' ');
const both = Object.entries(COLOURS).map(([name, [light, dark]]) => `--${name}: var(--pal-${name}, light-dark(${light}, ${dark}));`).join(' ');

const CSS = `
:host { color-scheme: light dark; ${palette(0)} }
@media (prefers-color-scheme: dark) { :host { ${palette(1)} } }
@supports (color: light-dark(#000, #fff)) { :host { ${both} } }
:host {
  --font: var(--pal-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif);
  --mono: var(--pal-mono, ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace);
  --display: var(--pal-display, "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Georgia, serif);
  --radius: var(--pal-radius, 18px);
  --edge: max(1rem, calc((100% - var(--pal-width, 44rem)) / 2));
  display: grid; grid-template-columns: minmax(0, 1fr); grid-template-rows: auto minmax(0, 1fr) auto; position: relative; box-sizing: border-box;
  block-size: 36rem; max-block-size: 100dvh; min-inline-size: 0; overflow: hidden; contain: content; container-type: inline-size;
  background: var(--background); color: var(--text);
  font: 400 var(--pal-size, 1rem)/1.6 var(--font); text-align: start; text-rendering: optimizeLegibility;
  -webkit-text-size-adjust: 100%; overflow-wrap: anywhere;
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
p, h3, h4, h5, h6, ul, ol, blockquote, pre, table, form { margin: 0; }
button, textarea { font: inherit; color: inherit; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.icon { inline-size: 1.25em; block-size: 1.25em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; flex: none; }
.icon.i-stop { fill: currentColor; }

.header {
  display: flex; align-items: center; justify-content: space-between; gap: .75rem; min-block-size: 3.25rem;
  padding: calc(.375rem + env(safe-area-inset-top, 0px)) max(.75rem, env(safe-area-inset-right, 0px)) .375rem max(1rem, env(safe-area-inset-left, 0px));
  border-block-end: 1px solid var(--line);
}
.header:has(.name:empty) { border-color: transparent; }
.name { font-weight: 600; font-size: .9375em; letter-spacing: -.005em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: isolate; }
button { cursor: pointer; border: 0; border-radius: 999px; background: none; display: inline-flex; align-items: center; justify-content: center; gap: .375em; touch-action: manipulation; -webkit-tap-highlight-color: transparent; }
button:disabled { opacity: .5; }
button:disabled, [aria-disabled="true"] { cursor: default; }
.quiet { min-block-size: 2.25rem; padding: 0 .7em; font-size: .8125em; font-weight: 500; color: var(--muted); }
.quiet .icon { inline-size: 1.15em; block-size: 1.15em; }
.main { min-block-size: 2.75rem; padding: 0 1.35em; font-size: .9375em; font-weight: 600; background: var(--accent); color: var(--on-accent); }
@media (hover: hover) {
  .quiet:not(:disabled):hover { background: var(--user); color: var(--text); }
  .main:hover, .send:not([aria-disabled="true"]):hover { filter: brightness(1.08); }
}

.body { position: relative; min-block-size: 0; }
.log { block-size: 100%; overflow: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--line) transparent; outline-offset: -3px; }
.inner { display: flex; flex-direction: column; min-block-size: 100%; padding: 1.5rem var(--edge) 1.25rem; }
.items { display: flex; flex-direction: column; gap: 1.5rem; }
.items:empty { display: none; }
.message { min-inline-size: 0; animation: rise .22s ease-out; }
.user { align-self: end; max-inline-size: min(85%, 34rem); }
.bubble { background: var(--user); border-radius: var(--radius) var(--radius) 5px var(--radius); padding: .55em 1em; white-space: pre-wrap; unicode-bidi: plaintext; }
.assistant { align-self: stretch; }
.note { margin-block: .75rem; text-align: center; font-size: .8125em; color: var(--muted); text-wrap: balance; }
.items .note { margin: 0; }
.empty { margin: auto; padding-block: 2rem; text-align: center; }
.empty:has(~ .card:not([hidden])) { display: none; }
.welcome { font: 400 2.25em/1.15 var(--display); letter-spacing: -.015em; margin-block-end: .35em; }
.detail { color: var(--muted); font-size: .9375em; text-wrap: pretty; }

.text { display: flow-root; unicode-bidi: isolate; }
.text > * + * { margin-block-start: .8em; }
.text p, .text li, .text td, .text th, .text h3, .text h4, .text h5, .text h6 { unicode-bidi: plaintext; }
.text .plain { white-space: pre-wrap; }
.text :is(h3, h4, h5, h6) { font-size: 1em; font-weight: 650; line-height: 1.35; letter-spacing: -.01em; }
.text h3 { font-size: 1.3em; } .text h4 { font-size: 1.15em; }
.text > :is(h3, h4, h5, h6) + * { margin-block-start: .4em; } .text > * + :is(h3, h4) { margin-block-start: 1.3em; }
.text :is(ul, ol) { padding-inline-start: 1.5em; } .text li + li, .text li > * + * { margin-block-start: .3em; }
.text li::marker { color: var(--muted); } .text li:has(> .task) { list-style: none; margin-inline-start: -1.4em; }
.text blockquote { border-inline-start: 3px solid var(--line); padding-inline-start: 1em; color: var(--muted); }
.text blockquote > * + * { margin-block-start: .6em; }
.text hr { border: 0; border-block-start: 1px solid var(--line); margin-block: 1.4em; }
.text a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .18em; unicode-bidi: isolate; }
.image::before { content: "▧ "; }
.text code { font: .9em/1.5 var(--mono); background: var(--code); border-radius: 5px; padding: .12em .35em; direction: ltr; unicode-bidi: isolate; }
.code { position: relative; background: var(--code); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.code::before { content: attr(data-lang); display: block; min-block-size: 2.5rem; padding: .7rem 6rem 0 1rem; font: .75em/1.5 var(--mono); color: var(--muted); overflow: hidden; white-space: nowrap; }
.code .quiet { position: absolute; inset-block-start: .125rem; inset-inline-end: .25rem; }
.code pre { overflow: auto; padding: .1rem 1rem .9rem; outline-offset: -3px; }
.text .code code { display: block; inline-size: max-content; min-inline-size: 100%; background: none; padding: 0; border-radius: 0; font-size: .8125em; line-height: 1.65; white-space: pre; overflow-wrap: normal; tab-size: 4; }
.text code.math { white-space: pre-wrap; }
.table { overflow: auto; outline-offset: -2px; }
table { border-collapse: collapse; font-size: .9375em; min-inline-size: 60%; }
th, td { padding: .45em .9em .45em 0; text-align: start; vertical-align: top; border-block-end: 1px solid var(--line); overflow-wrap: break-word; min-inline-size: 5em; }
th { font-weight: 600; }

.actions { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem; margin-block-start: .5rem; margin-inline-start: -.55rem; }
.actions .main { min-block-size: 2.25rem; font-size: .8125em; padding: 0 1em; margin-inline: .55rem .25rem; }
.waiting { display: flex; align-items: center; gap: .6rem; min-block-size: 1.6em; color: var(--muted); font-size: .875em; }
.text:not(:empty) + .waiting { min-block-size: 1.2em; }
.dots { inline-size: .55em; block-size: .55em; border-radius: 50%; background: var(--accent); animation: breathe 1.2s ease-in-out infinite; }
.down { position: absolute; inset-block-end: .75rem; inset-inline-start: 50%; translate: -50%; inline-size: 2.5rem; block-size: 2.5rem; background: var(--surface); color: var(--text); border: 1px solid var(--line); box-shadow: 0 4px 14px rgb(0 0 0 / .14); }

.card { margin: auto; padding: 1.5rem; inline-size: min(100%, 26rem); display: flex; flex-direction: column; align-items: center; gap: .5rem; text-align: center; animation: rise .22s ease-out; }
.items:not(:empty) ~ .card { margin-block: 1.5rem 0; }
.card .title { font: 400 1.5em/1.25 var(--display); letter-spacing: -.01em; text-wrap: balance; }
.card .detail { white-space: pre-line; }
.card .main { margin-block-start: .75rem; }
.card.error { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.card.error .title { color: var(--danger); }
.amount { color: var(--muted); font-size: .875em; font-variant-numeric: tabular-nums; min-block-size: 1.6em; }
progress { appearance: none; -webkit-appearance: none; border: 0; inline-size: 100%; block-size: 4px; border-radius: 4px; overflow: hidden; background: var(--line); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); border-radius: 4px; transition: inline-size .2s; }
progress::-moz-progress-bar { background: var(--accent); }
progress:not([value]) { animation: breathe 1.4s ease-in-out infinite; }
.card progress { margin-block: .75rem .1rem; }

.composer { padding: .25rem max(var(--edge), env(safe-area-inset-right, 0px)) calc(.75rem + env(safe-area-inset-bottom, 0px)) max(var(--edge), env(safe-area-inset-left, 0px)); }
.field { display: flex; align-items: end; gap: .375rem; padding: .375rem; background: var(--surface); border: 1px solid var(--line); border-radius: calc(var(--radius) + 8px); box-shadow: 0 1px 2px rgb(0 0 0 / .03), 0 6px 24px rgb(0 0 0 / .05); transition: border-color .15s; }
.field:focus-within { border-color: var(--accent); }
.field:has(textarea:focus-visible) { box-shadow: 0 0 0 3px color-mix(in srgb, var(--accent) 22%, transparent); }
textarea:focus-visible { outline: none; }
textarea { flex: 1; min-inline-size: 0; resize: none; border: 0; background: none; padding: .5rem .25rem .5rem .75rem; font-size: max(16px, 1em); line-height: 1.5; field-sizing: content; max-block-size: min(13.5rem, 35dvh); scrollbar-width: thin; }
textarea::placeholder { color: var(--muted); opacity: 1; }
.send { flex: none; inline-size: 2.5rem; block-size: 2.5rem; background: var(--accent); color: var(--on-accent); transition: background .15s, color .15s; }
.send[aria-disabled="true"] { background: var(--user); color: var(--muted); }
.below { display: flex; align-items: center; gap: .75rem; margin-block-start: .6rem; padding-inline: .75rem; }
.gauge { inline-size: 3.5rem; flex: none; }
.memory { flex: 1; display: flex; flex-wrap: wrap; font-size: .75em; line-height: 1.5; color: var(--muted); font-variant-numeric: tabular-nums; }
.memory span { white-space: nowrap; }
.memory span:not(:last-child)::after { content: "·"; padding-inline: .5em; }
@container (max-width: 32rem) {
  .below { flex-direction: column; align-items: stretch; gap: .375rem; padding-inline: 0; }
  .gauge { margin-inline: 1rem; inline-size: auto; block-size: 3px; }
  .memory { justify-content: center; }
  .memory span:not(:last-child)::after { padding-inline: .3em; }
}

@keyframes rise { from { opacity: 0; translate: 0 6px; } }
@keyframes breathe { 50% { opacity: .35; } }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { .field, .bubble, .send, .main { border: 1px solid; } progress { border: 1px solid; } }
`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** One for all elements. */
export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
