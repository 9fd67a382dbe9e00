// Cuts a GGUF into a split model, as llama.cpp's gguf-split does: all keys in the first part, the tensors in turn.
import fs from 'node:fs';
import path from 'node:path';
import { headerBytes } from '../../models/convert/writer.js';
import { Model } from '../../web/node.js';

const ITEMS = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string'];

/**
 * @param {string} file
 * @param {string} folder where the parts go
 * @param {number} count
 * @returns {Promise<string[]>} names of the parts
 */
export async function split(file, folder, count) {
    const bytes = fs.readFileSync(file);
    const { gguf } = await Model.load(file, { weights: false, variant: 'simd' });
    const keys = [...gguf.keys.values()].map(({ key, type, itemType }) =>
        /** @type {[string, string, any]} */ (ITEMS[type] ? [key, ITEMS[type], gguf.value(key)] : [key, `${ITEMS[itemType]}[]`, gguf.array(key)]));
    const tensors = gguf.tensors();
    const share = Math.ceil(tensors.length / count);
    const name = path.basename(file, '.gguf');
    const digits = (/** @type {number} */ n) => String(n).padStart(5, '0');
    return Array.from({ length: count }, (_, no) => {
        const mine = tensors.slice(no * share, (no + 1) * share);
        const own = [['split.no', 'u32', no], ['split.count', 'u32', count], ['split.tensors.count', 'i32', tensors.length]];
        const parts = [headerBytes(/** @type {any} */ ([...(no === 0 ? keys : []), ...own]), mine)];
        for (const t of mine) parts.push(bytes.subarray(t.offset, t.offset + t.bytes), Buffer.alloc((32 - (t.bytes % 32)) % 32));
        const part = `${name}-${digits(no + 1)}-of-${digits(count)}.gguf`;
        fs.writeFileSync(path.join(folder, part), Buffer.concat(parts));
        return part;
    });
}
