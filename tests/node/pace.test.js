// How memory is brought near: found while tokens are read one by one, whatever is fastest; the bits stay.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Model } from '../../web/node.js';
import { Pace } from '../../web/pace.js';
import { fixtures } from './kit.js';

/** The way of each of 1000 tokens on a machine where they take so long. @param {(ahead: number, n: number) => number} ms */
function ways(ms) {
    let told = NaN;
    const pace = new Pace({ team_ahead: (bytes) => (told = bytes) });
    return Array.from({ length: 1000 }, (_, n) => {
        const way = told;
        pace.note(ms(way, n));
        return way;
    });
}
/** Between rounds of three. @param {number[]} list */
const kept = (list) => list.filter((_, n) => n >= 15 && (n - 15) % 32 < 29);

test('each way is tried as often as the others, then the fastest stays', () => {
    const list = ways((ahead) => 10 + ahead / 100);
    assert.deepEqual(list.slice(0, 15), [1, 2, 3, 4, 5].flatMap(() => [512, 256, 4]));
    assert.deepEqual(list.slice(15 + 29, 15 + 33), [512, 256, 4, 4], 'another round');
    assert.ok(kept(list).every((ahead) => ahead === 4));
    assert.ok(kept(ways((ahead) => 10 + Math.abs(ahead - 256))).every((ahead) => ahead === 256));
});

test('equal ones leave the usual, be it that a clock shows no time at all', () => {
    for (const ms of [0, 10]) assert.ok(kept(ways(() => ms)).every((ahead) => ahead === 512));
});

test('a busy moment decides nothing, a machine that changes is followed', () => {
    const busy = ways((ahead, n) => (n > 3 && n < 10 ? 50 : ahead === 4 ? 8 : 10));
    assert.ok(kept(busy).every((ahead) => ahead === 4));
    const changes = ways((ahead, n) => (ahead === (n < 300 ? 4 : 256) ? 8 : 10));
    assert.equal(changes[299], 4);
    assert.equal(changes.at(-1), 256);
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
    assert.equal(model.engine.pace.rounds.length, 5);
    for (const ahead of [0, 64, 4096, 4, 0xffffffff]) assert.equal(await write(ahead), hash, `ahead ${ahead}`);
});
