// What a model writes, shown: never anything but the allowed elements and attributes, nothing runs, nothing is fetched,
// no text is lost. In headless Chromium.
import assert from 'node:assert/strict';
import test from 'node:test';
import { withPage } from './chromium.js';

const hostile = [
    '<img src=x onerror="globalThis.hit=1">',
    '<script>globalThis.hit=1</script>',
    '<svg onload="globalThis.hit=1"><script>globalThis.hit=1</script></svg>',
    '<iframe src="javascript:parent.hit=1"></iframe><iframe srcdoc="<script>parent.hit=1</script>">',
    '<style>*{display:none}</style><link rel=stylesheet href=/spy.css><base href="https://evil.example/">',
    '<math><mtext></form><form><mglyph><style></math><img src onerror=globalThis.hit=1>',
    '[click](javascript:globalThis.hit=1)',
    '[click](JaVaScRiPt:globalThis.hit=1)',
    '[click](java\tscript:globalThis.hit=1)',
    '[click](\u0001javascript:globalThis.hit=1)',
    '[click](data:text/html,<script>parent.hit=1</script>)',
    '[click](vbscript:x) [x](file:///etc/passwd) [y](blob:null/1) [z](//evil.example/x) [w](/login)',
    '[bank](https://bank.example@evil.example/)',
    '![spy](/spy.png) ![spy](https://127.0.0.1:1/spy.png) ![x](data:image/svg+xml,<svg/onload=globalThis.hit=1>)',
    '![a" onerror="globalThis.hit=1](x"onerror="globalThis.hit=1)',
    '[a](https://ok.example/"onmouseover="globalThis.hit=1)',
    '&lt;img src=x onerror=globalThis.hit=1&gt; &#60;script&#62;globalThis.hit=1&#60;/script&#62;',
    '```"><img src=x onerror=globalThis.hit=1>\n<img src=x onerror=globalThis.hit=1>\n```',
    '| <img src=x onerror=globalThis.hit=1> | b |\n|---|---|\n| [x](javascript:globalThis.hit=1) | ` <svg onload=globalThis.hit=1>` |\n',
    '[![alt](https://a.example/spy.png)](https://b.example/)',
    '<a href="javascript:globalThis.hit=1" onclick=globalThis.hit=1 style="position:fixed;inset:0">x</a>',
];

/** In the page: shows text in pieces, and looks at what came into being. */
async function setUp(page) {
    await page.evaluate(async () => {
        const { Markdown } = await import('/web/element/markdown.js');
        const elements = new Set('P H3 H4 H5 H6 CODE EM STRONG S BLOCKQUOTE BR HR UL OL LI SPAN A PRE DIV TABLE THEAD TBODY TR TH TD'.split(' '));
        const values = {
            dir: /^(auto|ltr)$/, class: /^(plain|image|math|task|code|table)$/, part: /^code$/, tabindex: /^0$/, role: /^region$/,
            'aria-label': /^Table$/, scope: /^col$/, start: /^\d{1,9}$/, target: /^_blank$/, rel: /^noopener noreferrer nofollow$/,
            href: /^(https?:\/\/|mailto:)/, title: /^(https?:\/\/|mailto:)/, 'data-lang': /^[^\u202e]{0,40}$/u,
        };
        globalThis.render = (text, sizes = [3]) => {
            const root = document.createElement('div');
            document.body.append(root); // so that whatever can run, runs
            const markdown = new Markdown(root);
            for (let i = 0, k = 0; i < text.length; k++) {
                const size = sizes[k % sizes.length];
                markdown.write(text.slice(i, i + size));
                i += size;
            }
            markdown.end();
            return root;
        };
        globalThis.faults = (root) => {
            const found = [];
            for (const node of root.querySelectorAll('*')) {
                if (!elements.has(node.tagName)) found.push(`<${node.tagName}>`);
                if (node.tagName === 'A' && (!node.rel || node.target !== '_blank' || node.querySelector('a'))) found.push(node.outerHTML);
                for (const { name, value } of node.attributes) if (!values[name]?.test(value)) found.push(`${name}=${value}`);
            }
            return found;
        };
    });
}

test('hostile Markdown stays text', async () => {
    await withPage(async (page, origin) => {
        const asked = [];
        page.on('request', (request) => asked.push(request.url()));
        await setUp(page);
        for (const text of hostile) {
            for (const sizes of [[1], [3], [1e6]]) {
                const { faults, links, hit, content } = await page.evaluate(async ([t, s]) => {
                    const root = globalThis.render(t, s);
                    await new Promise((r) => setTimeout(r, 5));
                    const anchors = [...root.querySelectorAll('a')].map((a) => a.href);
                    return { faults: globalThis.faults(root), links: anchors, hit: globalThis.hit, content: root.textContent };
                }, /** @type {any} */ ([text, sizes]));
                assert.deepEqual(faults, [], text);
                assert.equal(hit, undefined, text);
                for (const href of links) assert.match(href, /^https:\/\/(ok|a|b|127\.0\.0\.1)/, text);
                if (text.startsWith('<') && !text.includes('<br')) assert.ok(content.includes(text.slice(0, 5)), `${text} became ${content}`);
            }
        }
        assert.deepEqual(asked.filter((url) => /spy|evil|\/x$/.test(url)), []);
        assert.ok(asked.every((url) => url.startsWith(`${origin}/`)));
    });
});

test('Markdown becomes elements; links, images, code, tables, tasks', async () => {
    await withPage(async (page) => {
        await setUp(page);
        const html = (text, sizes) => page.evaluate(([t, s]) => globalThis.render(t, s).innerHTML, /** @type {any} */ ([text, sizes]));
        const link = (href, text, title = ` title="${href}"`) => `<a href="${href}" target="_blank" rel="noopener noreferrer nofollow"${title}>${text}</a>`;
        assert.equal(await html('a **b** *c* ~~d~~ `e`'), '<p dir="auto">a <strong>b</strong> <em>c</em> <s>d</s> <code>e</code></p>');
        assert.equal(await html('# T\ntext'), '<h3 dir="auto">T</h3><p dir="auto">text</p>');
        assert.equal(await html('[x](https://a.example/p)'), `<p dir="auto">${link('https://a.example/p', 'x')}</p>`);
        assert.equal(await html('[x](<https://a.example/p> "title")'), `<p dir="auto">${link('https://a.example/p', 'x')}</p>`);
        assert.equal(await html('[x](not a\nlink)'), '<p dir="auto"><span>x (not a\nlink)</span></p>');
        assert.equal(await html('```\na```\nb\n```\nc'), '<div class="code" part="code"><pre tabindex="0" dir="ltr"><code>a```\nb</code></pre></div><p dir="auto">c</p>');
        assert.equal(await html('see https://a.example/p. Yes'), `<p dir="auto">see ${link('https://a.example/p', 'https://a.example/p.', '')} Yes</p>`);
        assert.equal(await html('[m](mailto:a@b.example)'), `<p dir="auto">${link('mailto:a@b.example', 'm')}</p>`);
        assert.equal(await html('![alt](https://a.example/i.png)'), `<p dir="auto">${link('https://a.example/i.png', 'alt', ' title="https://a.example/i.png" class="image"')}</p>`);
        assert.equal(await html('![alt](data:image/png;base64,AA)'), '<p dir="auto"><span class="image">alt</span></p>');
        assert.equal(await html('[x](javascript:alert(1)'), '<p dir="auto"><span>x</span></p>');
        assert.equal(await html('[![i](https://a.example/i)](https://b.example/)'), `<p dir="auto">${link('https://b.example/', 'i')}</p>`);
        assert.equal(await html('```js\na < b\n```\n'), '<div class="code" part="code" data-lang="js"><pre tabindex="0" dir="ltr"><code>a &lt; b</code></pre></div>');
        assert.equal(await html('- [x] a\n- [ ] b'), '<ul><li dir="auto"><span class="task">☑</span> a</li><li dir="auto"><span class="task">☐</span> b</li></ul>');
        assert.equal(await html('3. a\n4. b'), '<ol start="3"><li dir="auto">a</li><li dir="auto">b</li></ol>');
        assert.match(await html('|a|b|\n|-|-|\n|1|2|\n|3|4|\n'), /<thead><tr><th.*<\/thead><tbody><tr>.*<\/tr><tr>.*<\/tbody>/);
        assert.equal(await html('a $x_1$ b'), '<p dir="auto">a <code class="math">$x_1$</code> b</p>');
        // an answer that was cut off loses nothing
        for (const [cut, content] of [['a **b', 'a b'], ['see [x](https://a.exa', 'see x](https://a.exa'], ['```\ncode', 'code'], ['a `b', 'a b'], ['x <b', 'x <b'], ['a $b', 'a $b']]) {
            assert.equal(await page.evaluate((t) => globalThis.render(t).textContent, cut), content);
        }
    });
});

test('text that deceives the eye: direction and width', async () => {
    await withPage(async (page) => {
        await setUp(page);
        const { text, lone } = await page.evaluate(() => ({
            text: globalThis.render('`a\u202Eb\u200Bc`\n\n```py\u202E\nif x:\u2066 # \u202Eadmin\n```\n').textContent,
            lone: globalThis.render('\u05D0\u05D1 \u202E abc\n\nnext').querySelectorAll('p[dir=auto]').length,
        }));
        assert.equal(text, 'a⟨U+202E⟩b⟨U+200B⟩cif x:⟨U+2066⟩ # ⟨U+202E⟩admin');
        assert.equal(lone, 2);
    });
});

test('random Markdown: never a fault, never a lost word', async () => {
    await withPage(async (page) => {
        await setUp(page);
        const { faults, lost, plain } = await page.evaluate(() => {
            let seed = 12345;
            const random = (/** @type {number} */ n) => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) % n;
            const bits = ['*', '**', '_', '__', '~~', '`', '```', '```\n', '\n', '\n\n', ' ', '  ', '    ', '\t', '#', '## ', '> ', '>', '- ', '* ', '+ ',
                '1. ', '23. ', '|', '|-|-|\n', '| a ', '[', ']', '](', ')', '![', '[x](', 'http://a.b/', 'https://', 'javascript:', '<', '<br>', '<br/', '>', '&amp;',
                '\\', '\\(', '\\[', '\\)', '\\]', '$', '$$', '$$\n', '---\n', '***', '- [x] ', '[ ] ', '\r\n', '\u202E', '\u200B', '\u0000', '\uD800', '😀', 'é', 'h', '<img onerror=x>'];
            const out = { faults: /** @type {string[]} */ ([]), lost: 0, plain: 0 };
            for (let round = 0; round < 1500; round++) {
                let text = '';
                const words = [];
                for (let i = 1 + random(80); i > 0; i--) {
                    if (random(3) === 0) {
                        const word = `q${round}x${words.length}z`;
                        words.push(word);
                        text += word;
                    } else text += bits[random(bits.length)];
                }
                let root;
                try {
                    root = globalThis.render(text, [1 + random(9), 1 + random(30), 1]);
                } catch (e) {
                    out.faults.push(`threw ${e} on ${JSON.stringify(text)}`);
                    continue;
                }
                out.faults.push(...globalThis.faults(root));
                if (root.querySelector('p.plain')) out.plain++;
                const content = root.textContent + [...root.querySelectorAll('[href],[data-lang]')].map((n) => n.title + n.dataset.lang).join();
                for (const word of words) if (!content.includes(word) && !new RegExp(`(\\]\\(|\`\`\`)[^\\n]*${word}`).test(text)) out.lost++;
                root.remove();
            }
            return out;
        });
        assert.deepEqual(faults.slice(0, 5), []);
        assert.equal(lost, 0);
        assert.ok(plain < 750, `${plain} of 1500 were shown plain`);
    });
});

test('long and deep answers: the work grows with the length', async () => {
    await withPage(async (page) => {
        await setUp(page);
        const long = {
            'one paragraph': 'word '.repeat(40_000),
            'code': '```\n' + 'x = 1;\n'.repeat(30_000),
            'quotes': '>'.repeat(20_000) + ' x',
            'nested lists': Array.from({ length: 400 }, (_, i) => ' '.repeat(2 * i) + '- item').join('\n'),
            'emphasis': '*a _b '.repeat(10_000),
            'brackets': '['.repeat(20_000),
            'a link without end': '[x](' + 'https://a.example/'.repeat(8_000),
            'an address without end': 'https://a.example/' + 'x'.repeat(150_000),
            'a fence without end': '```' + 'x'.repeat(150_000),
            'table': '|a|b|\n|-|-|\n' + '|1|2|\n'.repeat(5_000),
            'spaces in code': '```\n' + ' '.repeat(150_000) + 'x',
        };
        for (const [name, text] of Object.entries(long)) {
            const { letters, depth, nodes, faults } = await page.evaluate((t) => {
                const root = globalThis.render(t, [4]);
                let deepest = 0;
                for (const node of root.querySelectorAll('*')) {
                    let d = 0;
                    for (let n = node; n !== root; n = n.parentNode) d++;
                    deepest = Math.max(deepest, d);
                }
                const count = { letters: root.textContent.replace(/[^a-z1]/g, '').length, depth: deepest, nodes: root.querySelectorAll('*').length, faults: globalThis.faults(root) };
                root.remove();
                return count;
            }, text);
            assert.deepEqual(faults, [], name);
            assert.ok(depth < 40, `${name}: ${depth} deep`);
            assert.ok(nodes < 40_000, `${name}: ${nodes} elements`);
            assert.ok(letters >= text.replace(/[^a-z1]/g, '').length - 20, `${name}: ${letters} letters of ${text.length}`);
        }
    });
});
