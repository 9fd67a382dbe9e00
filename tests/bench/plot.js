// Two panels over the number of tokens read, both axes logarithmic: milliseconds a token, and bytes kept.

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP, LEGEND] = [440, 300, 56, 34, 40, 24, 190];
const COLOURS = ['#b3261e', '#1c6e4a', '#1f5fa8', '#8a4fbe', '#c07a00', '#00798c', '#7a5c3e', '#4b5563', '#b0377a', '#5a7d2a', '#2e2e8f', '#a05a2c'];

/** @typedef {{ name: string, points: { depth: number, ms: number, bytes: number }[] }} Line */

const escape = (/** @type {string} */ s) => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const bytes = (/** @type {number} */ n) => (n >= 1e6 ? `${n / 1e6} MB` : `${n / 1e3} KB`);

/** @param {Line[]} lines @returns {string} SVG */
export function plot(lines) {
    const depths = lines.flatMap((l) => l.points.map((p) => p.depth));
    const [first, last] = [Math.min(...depths), Math.max(...depths)];
    /** @param {number} left @param {string} title @param {'ms' | 'bytes'} what @param {(n: number) => string} unit */
    const panel = (left, title, what, unit) => {
        const all = lines.flatMap((l) => l.points.map((p) => p[what]));
        const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
        const x = (/** @type {number} */ n) => left + LEFT + ((Math.log10(n) - Math.log10(first)) / (Math.log10(last) - Math.log10(first))) * (WIDTH - LEFT - 16);
        const y = (/** @type {number} */ v) => HEIGHT - BOTTOM - ((Math.log10(v) - low) / (high - low)) * (HEIGHT - BOTTOM - TOP);
        const out = [`<text x="${left + LEFT}" y="18" class="title">${title}</text>`];
        for (let e = low; e <= high; e++) out.push(`<path d="M${left + LEFT} ${y(10 ** e)}H${left + WIDTH - 16}" class="grid"/><text x="${left + LEFT - 6}" y="${y(10 ** e) + 4}" text-anchor="end">${unit(10 ** e)}</text>`);
        for (const n of new Set(depths)) out.push(`<text x="${x(n)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="${n === last ? 'end' : 'middle'}">${n.toLocaleString('en')}</text>`);
        out.push(`<text x="${left + LEFT + (WIDTH - LEFT - 16) / 2}" y="${HEIGHT - 6}" text-anchor="middle">tokens read</text>`);
        for (const [i, { points }] of lines.entries()) {
            const at = points.map((p) => `${x(p.depth).toFixed(1)} ${y(p[what]).toFixed(1)}`);
            out.push(`<path d="M${at.join('L')}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="${i ? 1.6 : 2.6}"/>`);
            const end = points[points.length - 1];
            if (end.depth < last) out.push(`<text x="${x(end.depth) + 4}" y="${y(end[what]) - 6}" fill="${COLOURS[i % COLOURS.length]}">memory full</text>`);
        }
        return out.join('\n');
    };
    const legend = lines.map(({ name }, i) => `<path d="M${2 * WIDTH + GAP} ${TOP + 20 * i}h18" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="${i ? 1.6 : 2.6}"/><text x="${2 * WIDTH + GAP + 24}" y="${TOP + 4 + 20 * i}">${escape(name)}</text>`).join('\n');
    const wide = 2 * WIDTH + GAP + LEGEND;
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${HEIGHT}" width="${wide}" height="${HEIGHT}" role="img" aria-label="Milliseconds a token and bytes kept over the tokens read, by kind of layer">
<style>text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}.grid{stroke:#ddd}</style>
<rect width="${wide}" height="${HEIGHT}" fill="#fff"/>
${panel(0, 'milliseconds a token', 'ms', String)}
${panel(WIDTH, 'bytes kept', 'bytes', bytes)}
${legend}
</svg>
`;
}
