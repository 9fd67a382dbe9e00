/** The messages. Bounded, like the memory: the oldest leave. Scrolls along only for a reader who is at the end. */
import { h, icon } from './dom.js';
import { Answer, userMessage } from './message.js';

const MOST = 200; // messages
const NEAR = 32; // px

export class Log {
  /** @param {Node} empty what is shown before anything was said @param {Node} card */
  constructor(empty, card) {
    this.items = h('div', { class: 'items' });
    this.left = h('p', { class: 'note', part: 'note', hidden: true }, 'Older messages have left this view.');
    this.empty = h('div', { class: 'empty' }, empty);
    this.inner = h('div', { class: 'inner' }, this.left, this.items, this.empty, card);
    // Not a live region itself: a screen reader would read each piece; the finished answer is announced once (view.js).
    this.scroller = h('div', { class: 'log', part: 'log', role: 'log', 'aria-live': 'off', 'aria-busy': 'false', 'aria-label': 'Conversation', tabindex: '0' }, this.inner);
    this.down = h('button', { type: 'button', class: 'down', part: 'down', 'aria-label': 'Newest message', hidden: true, click: () => this.toEnd() }, icon('down'));
    this.element = h('div', { class: 'body' }, this.scroller, this.down);
    /** The newest answer. @type {Answer | undefined} */
    this.last = undefined;
    this.following = true;
    this.top = 0;
    this.scroller.addEventListener('scroll', () => this.scrolled());
    this.sizes = new ResizeObserver(() => this.following && this.toEnd());
    this.sizes.observe(this.inner);
    this.sizes.observe(this.scroller);
  }

  /** Growing text moves the end away; only going up ends the following. */
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    if (near) this.following = true;
    else if (scrollTop < this.top - 1) this.following = false;
    this.top = scrollTop;
    this.down.hidden = this.following;
  }

  toEnd() {
    this.following = true;
    this.down.hidden = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.top = this.scroller.scrollTop;
  }

  /** @param {HTMLElement} item */
  add(item) {
    this.items.append(item);
    this.empty.hidden = true;
    while (this.items.childElementCount > MOST) {
      this.items.firstElementChild?.remove();
      this.left.hidden = false;
    }
  }

  /** @param {string} text */
  user(text) {
    this.last?.offer();
    this.last = undefined;
    const item = userMessage(text);
    this.add(item);
    return item;
  }

  answer() {
    this.last?.offer();
    const answer = new Answer();
    this.add(answer.element);
    this.last = answer;
    return answer;
  }

  /** A message that the chat did not take. @param {HTMLElement} item @param {Answer} answer */
  takeBack(item, answer) {
    item.remove();
    answer.element.remove();
    this.last = undefined;
    this.empty.hidden = this.items.childElementCount > 0;
  }

  /** @param {string} text */
  note(text) {
    this.items.append(h('p', { class: 'note', part: 'note' }, text));
  }

  clear() {
    this.items.replaceChildren();
    this.left.hidden = true;
    this.empty.hidden = false;
    this.last = undefined;
    this.toEnd();
  }

  /** A transcript. @param {readonly { role: string, content: string }[]} messages @param {number} forgotten */
  fill(messages, forgotten) {
    this.clear();
    this.left.hidden = forgotten === 0 && messages.length <= MOST;
    for (const { role, content } of messages.slice(-MOST)) {
      if (role === 'user') this.user(content);
      else if (role === 'assistant') {
        const answer = this.answer();
        answer.write(content);
        answer.end();
        answer.offer();
      }
    }
  }
}
