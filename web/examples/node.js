// node node.js model.gguf "Tell me about the sea."
import { Model } from 'palimpsest';

const [file, question = 'Hello!'] = process.argv.slice(2);
const model = await Model.load(file);
const chat = model.chat({ memory: { tokens: 256, policy: 'tova' } });
for await (const piece of chat.send(question, { maxTokens: 100, temperature: 0 })) process.stdout.write(piece);
const { held, capacity, bytes } = chat.memory;
console.log(`\n[${held} of ${capacity} tokens remembered, in ${bytes} bytes that never become more]`);
