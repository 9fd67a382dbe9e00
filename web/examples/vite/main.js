import { Model } from 'palimpsest';

const form = document.querySelector('form');
const answer = document.querySelector('#answer');
const memory = document.querySelector('#memory');

const model = await Model.load('model.gguf', {
  onprogress: ({ loaded, total }) => (answer.textContent = `${loaded} of ${total} bytes`),
});
const chat = model.chat({ memory: { tokens: 256, policy: 'tova' } });
answer.textContent = '';
form.querySelector('button').disabled = false;

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  answer.textContent = '';
  for await (const piece of chat.send(form.question.value, { maxTokens: 100, temperature: 0 })) answer.append(piece);
  memory.textContent = `${chat.memory.held} of ${chat.memory.capacity} tokens remembered, in ${chat.memory.bytes} bytes`;
});
