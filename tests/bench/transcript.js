// node tests/bench/transcript.js [--model models/default.gguf] [--turns 300] [--budget 256] [--seed 1] [--write]
// Does the embedded model chat? Ten everyday openings, each in a chat of its own, and one chat of 300 turns in a memory of
// 256 tokens: how many of its words in threes are new (distinct-3) in the first 50 replies, and in the last 50. Nothing is
// edited or chosen: the same seed writes the same text. --write puts it into models/default-transcript.md.
import fs from 'node:fs';
import { Model } from '../../web/node.js';
import { optionsOf } from './options.js';

const option = (/** @type {string} */ value) => ({ type: /** @type {const} */ ('string'), default: value });
const { values: o } = optionsOf(import.meta.url, { options: { model: option('models/default.gguf'), turns: option('300'), budget: option('256'), seed: option('1'), write: { type: 'boolean' } } });
const [turns, budget, seed] = [o.turns, o.budget, o.seed].map(Number);
const PART = Math.min(50, Math.floor(turns / 2));
const APART = 0.15;
const SAMPLING = { temperature: 0.7, topP: 0.9, maxTokens: 120 };

const OPENINGS = [
    'Hi there!', 'Good morning! How are you?', 'I am a little tired today.', 'Can you tell me a story about a dog?', 'What can you do?',
    'How do I make a cup of tea?', 'Why is the sky blue?', 'My name is Anna. What is my name?', 'Tell me about the moon.', 'I feel sad. Can you cheer me up?',
];

/* What the visitor of the long chat says: one of these, with one of the words where it has a gap. */
const LINES = [
    'Tell me about the {noun}.', 'Tell me a story about a {noun}.', 'Do you like {things}?', 'What do you know about the {noun}?', 'I saw a {noun} today.', 'My name is {name}.',
    'What is my name?', 'I have a dog named {name}.', 'How are you?', 'What shall we talk about?', 'That is nice.', 'Why?', 'I like {things}.', 'My favorite color is {color}.',
    'What is my favorite color?', 'Thank you!', 'Tell me a joke.', 'I am {mood} today.', 'Have you ever seen a {noun}?', 'What is a {noun}?', 'I live in {city}.', 'Where do I live?',
    'Tell me more.', 'What did you do yesterday?', 'Can you help me with a {noun}?', 'Did you read a good book?', 'What do you think of {things}?', 'Write a short story about a {noun} and a {noun}.',
];
/** @type {Record<string, string[]>} */
const WORDS = {
    noun: 'sea moon dog cat river forest house boat tree garden horse king bird fire mountain ship star road castle train lake storm child island farm'.split(' '),
    things: 'music books football apples dogs films rain the_sea old_stories cooking games winter travel flowers trains'.split(' '), name: 'Anna Ben Clara David Emma Felix Nora Oscar Tovim Rulo Mila Jonas'.split(' '),
    color: 'red blue green yellow black white'.split(' '), mood: 'happy sad tired bored hungry well'.split(' '), city: 'Paris Berlin Oslo Rome London Madrid'.split(' '),
};

/** Numbers below n, the same for the same seed. @param {number} state */
const dice = (state) => (/** @type {number} */ n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
};
const roll = dice(seed);
const line = () => LINES[roll(LINES.length)].replaceAll(/{(\w+)}/g, (_, kind) => WORDS[kind][roll(WORDS[kind].length)].replaceAll('_', ' '));

/** The share of all threes of words that are different ones. @param {string[]} replies */
export function distinct3(replies) {
    const threes = replies.flatMap((reply) => {
        const words = reply.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
        return words.slice(2).map((word, i) => `${words[i]} ${words[i + 1]} ${word}`);
    });
    return new Set(threes).size / threes.length;
}

const model = await Model.load(o.model, { threads: 1 });
/** @param {import('../../web/chat.js').Chat} chat @param {string} text */
async function say(chat, text) {
    let reply = '';
    for await (const piece of chat.send(text, SAMPLING)) reply += piece;
    return reply.trim();
}
const spoken = (/** @type {string} */ text) => text.replaceAll(/\n+/g, '\n> ');

const out = [`# What the embedded model says`, '', `Written by \`node tests/bench/transcript.js --seed ${seed} --write\`, unedited. Temperature ${SAMPLING.temperature}, top-p ${SAMPLING.topP}, at most ${SAMPLING.maxTokens} tokens a reply.`, '', '## Ten openings, each in a chat of its own', ''];
for (const opening of OPENINGS) {
    const chat = model.chat({ memory: { tokens: budget }, seed });
    out.push(`**${opening}**`, `> ${spoken(await say(chat, opening))}`, '');
    chat.close();
}

const chat = model.chat({ memory: { tokens: budget }, seed });
const bytes = chat.memory.bytes;
/** @type {string[]} */
const replies = [];
const talk = [];
for (let turn = 0; turn < turns; turn++) {
    const text = line();
    replies.push(await say(chat, text));
    talk.push(`${turn + 1}. **${text}**`, `   > ${spoken(replies[turn]).replaceAll('\n', '\n   ')}`);
}
const [first, last] = [distinct3(replies.slice(0, PART)), distinct3(replies.slice(-PART))];
const { seen, evicted } = chat.memory;
const good = Math.abs(last / first - 1) <= APART && chat.memory.bytes === bytes;
const verdict = `distinct-3 of the first ${PART} replies ${first.toFixed(3)}, of the last ${PART} ${last.toFixed(3)} (${(100 * (last / first - 1)).toFixed(1)} %); ${seen} tokens read, ${evicted} evicted, ${chat.memory.bytes} bytes of memory before and after`;
out.push(`## ${turns} turns in a memory of ${budget} tokens`, '', `${verdict}.`, '', ...talk, '');
if (o.write) fs.writeFileSync('models/default-transcript.md', out.join('\n'));
else console.log(out.join('\n'));
console.log(`${good ? 'ok    ' : 'FAILED'} ${verdict}`);
process.exitCode = good ? 0 : 1;
