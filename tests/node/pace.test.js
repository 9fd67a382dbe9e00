// How memory is brought near: found on the first tokens, whatever is fastest; the bits stay.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Model } from '../../web/node.js';
import { Pace } from '../../web/pace.js';
import { fixtures } from './kit.js';

/** The ways that a machine is asked for whose tokens take so long, until it settles. @param {(ahead: number, n: number) => number} ms */
function asked(ms) {
    /** @type {number[]} */
    const list = [];
    const pace = new Pace({ team_ahead: (bytes) => list.push(bytes) });
    for (let n = 0; n < 100; n++) pace.note(ms(pace.ahead, n));
    return list;
}

test('each way is tried as often as the others, then the fastest stays', () => {
    const near = asked((ahead) => 10 + ahead / 100);
    const tried = near.slice(0, -1);
    const counts = [512, 256, 4].map((ahead) => tried.filter((a) => a === ahead).length);
    assert.deepEqual(counts, [5, 5, 5]);
    assert.equal(near.at(-1), 4);
    assert.equal(asked((ahead) => 10 + Math.abs(ahead - 256)).at(-1), 256);
});

test('equal ones leave the usual, and a busy moment decides nothing', () => {
    assert.equal(asked(() => 10).at(-1), 512);
    assert.equal(asked((ahead, n) => (n > 3 && n < 10 ? 50 : ahead === 4 ? 8 : 10)).at(-1), 4);
});

test('an engine settles while it writes, and writes the same', async () => {
    const model = await Model.load(path.join(fixtures, 'arch/llama_plain/model.gguf'));
    /** @param {number} [ahead] */
    const write = async (ahead) => {
        const session = model.session({ memory: { policy: 'tova', tokens: 48 }, seed: 5 });
        await session.feed([1, 2, 3]);
        for (let n = 0; n < 40; n++) {
            if (ahead !== undefined) model.engine.pace.use(ahead);
            session.feedChunk([session.sample({ temperature: 1 })]);
        }
        const hash = session.hash();
        session.close();
        return hash;
    };
    const hash = await write();
    assert.equal(model.engine.pace.n, 15);
    for (const ahead of [0, 64, 4096, 4, 0xffffffff]) assert.equal(await write(ahead), hash, `ahead ${ahead}`);
});
