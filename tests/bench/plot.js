// Panels side by side as SVG, with one legend. plot() is that of the kinds, over the number of tokens read: milliseconds a
// token, and bytes kept.

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP, LEGEND] = [440, 300, 56, 34, 40, 24, 190];
const COLOURS = ['#b3261e', '#1c6e4a', '#1f5fa8', '#8a4fbe', '#c07a00', '#00798c', '#7a5c3e', '#4b5563', '#b0377a', '#5a7d2a', '#2e2e8f', '#a05a2c'];

/**
 * @typedef {{ ticks: number[], name: (n: number) => string, log?: boolean, title?: string }} Axis it reaches from its first tick to its last
 * @typedef {[x: number, y: number, error?: number][]} Points
 * @typedef {{ title: string, x: Axis, y: Axis, lines: { points: Points, end?: string }[] }} Panel
 * @typedef {{ name: string, points: { depth: number, ms: number, bytes: number }[] }} Line
 */

const escape = (/** @type {string} */ s) => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const bytes = (/** @type {number} */ n) => (n >= 1e6 ? `${n / 1e6} MB` : `${n / 1e3} KB`);

/** The powers of ten around these numbers. @param {number[]} all */
const decades = (all) => {
    const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
    return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
};

/** A few round numbers around these. @param {number[]} all */
export function round(all) {
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const about = (high - low || Math.abs(high) || 1) / 5;
    const step = [1, 2, 5, 10].map((n) => n * 10 ** Math.floor(Math.log10(about))).findLast((n) => n <= about) ?? about;
    const first = Math.floor(low / step);
    return Array.from({ length: Math.max(1, Math.ceil(high / step) - first) + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Where a number lies on an axis, 0..1. @param {Axis} axis */
const place = ({ ticks, log }) => {
    const of = log ? Math.log10 : Number;
    const [low, high] = [of(ticks[0]), of(ticks[ticks.length - 1])];
    return (/** @type {number} */ n) => (of(n) - low) / (high - low);
};

/** @param {Panel} panel @param {number} left */
function draw({ title, x: across, y: up, lines }, left) {
    const last = across.ticks[across.ticks.length - 1];
    const [px, py] = [place(across), place(up)];
    const x = (/** @type {number} */ n) => left + LEFT + px(n) * (WIDTH - LEFT - 16);
    const y = (/** @type {number} */ v) => HEIGHT - BOTTOM - py(v) * (HEIGHT - BOTTOM - TOP);
    const out = [`<text x="${left + LEFT}" y="18" class="title">${escape(title)}</text>`];
    for (const v of up.ticks) out.push(`<path d="M${left + LEFT} ${y(v)}H${left + WIDTH - 16}" class="grid"/><text x="${left + LEFT - 6}" y="${y(v) + 4}" text-anchor="end">${up.name(v)}</text>`);
    for (const n of across.ticks) if (n === last || x(last) - x(n) > 50) out.push(`<text x="${x(n)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="${n === last ? 'end' : 'middle'}">${across.name(n)}</text>`);
    out.push(`<text x="${left + LEFT + (WIDTH - LEFT - 16) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${across.title}</text>`);
    for (const [i, { points, end }] of lines.entries()) {
        const colour = COLOURS[i % COLOURS.length];
        if (!points.length) continue;
        out.push(`<path d="M${points.map(([n, v]) => `${x(n).toFixed(1)} ${y(v).toFixed(1)}`).join('L')}" fill="none" stroke="${colour}" stroke-width="${i ? 1.6 : 2.6}"/>`);
        // Bars of several lines over one number stand beside each other.
        const bars = points.flatMap(([n, v, error]) => (error ? [`M${(x(n) + 2 * (i - (lines.length - 1) / 2)).toFixed(1)} ${y(v - error).toFixed(1)}V${y(v + error).toFixed(1)}`] : []));
        if (bars.length) out.push(`<path d="${bars.join('')}" stroke="${colour}" stroke-width="1.2"/>`);
        const [n, v] = points[points.length - 1];
        if (end && n < last) out.push(`<text x="${x(n) + 4}" y="${y(v) - 6}" fill="${colour}">${escape(end)}</text>`);
    }
    return out.join('\n');
}

/** Line i of every panel is names[i]. @param {Panel[]} panels @param {string[]} names @param {string} label for those who do not see it @returns {string} SVG */
export function figure(panels, names, label) {
    const right = panels.length * WIDTH + GAP;
    const legend = names.map((name, i) => `<path d="M${right} ${TOP + 20 * i}h18" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="${i ? 1.6 : 2.6}"/><text x="${right + 24}" y="${TOP + 4 + 20 * i}">${escape(name)}</text>`).join('\n');
    const wide = right + Math.max(LEGEND, ...names.map((name) => 30 + 7 * name.length));
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${HEIGHT}" width="${wide}" height="${HEIGHT}" role="img" aria-label="${escape(label)}">
<style>text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}.grid{stroke:#ddd}</style>
<rect width="${wide}" height="${HEIGHT}" fill="#fff"/>
${panels.map((panel, i) => draw(panel, i * WIDTH)).join('\n')}
${legend}
</svg>
`;
}

/** @param {Line[]} lines @returns {string} SVG */
export function plot(lines) {
    const depths = [...new Set(lines.flatMap((l) => l.points.map((p) => p.depth)))].sort((a, b) => a - b);
    /** @param {string} title @param {'ms' | 'bytes'} what @param {(n: number) => string} name @returns {Panel} */
    const panel = (title, what, name) => ({
        title,
        x: { ticks: depths, name: (n) => n.toLocaleString('en'), log: true, title: 'tokens read' },
        y: { ticks: decades(lines.flatMap((l) => l.points.map((p) => p[what]))), name, log: true },
        lines: lines.map((l) => ({ points: l.points.map((p) => [p.depth, p[what]]), end: 'memory full' })),
    });
    const panels = [panel('milliseconds a token', 'ms', String), panel('bytes kept', 'bytes', bytes)];
    return figure(panels, lines.map((l) => l.name), 'Milliseconds a token and bytes kept over the tokens read, by kind of layer');
}
