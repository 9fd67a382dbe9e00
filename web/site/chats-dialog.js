/** The saved chats: go on with one, delete one. */
import { chats } from '../browser.js';
import { button, byId, make, messageOf } from './dom.js';
import { bytes, when } from './format.js';

export class ChatsDialog {
  /**
   * @param {import('./desk.js').Desk} desk
   * @param {(name: string, about: import('./desk.js').Remembered | undefined) => void} go
   */
  constructor(desk, go) {
    this.desk = desk;
    this.go = go;
    this.dialog = byId('chats', HTMLDialogElement);
  }

  async open() {
    this.dialog.showModal();
    await this.list();
  }

  async list() {
    const host = byId('saved', HTMLElement);
    try {
      const list = await chats.list();
      const about = this.desk.remembered();
      const rows = list.map((c) => this.row(c, about[c.name]));
      host.replaceChildren(...(rows.length ? rows : [make('li', {}, 'None yet.')]));
    } catch (e) {
      host.replaceChildren(make('li', {}, messageOf(e)));
    }
  }

  /**
   * @param {{ name: string, bytes: number, savedAt: Date }} chat
   * @param {import('./desk.js').Remembered | undefined} about
   */
  row({ name, bytes: size, savedAt }, about) {
    const title = about?.title || name;
    const current = this.desk.chat?.name === name;
    const open = button(current ? 'Open now' : 'Open', () => {
      this.dialog.close();
      this.go(name, about);
    }, { disabled: current, 'aria-label': `${current ? 'Open now' : 'Open'}: ${title}` });
    const remove = button('Delete', async () => {
      if (current) this.desk.open();
      await chats.delete(name);
      this.desk.forget(name);
      await this.list();
    }, { 'aria-label': `Delete: ${title}` });
    const facts = [when(savedAt), bytes(size), about?.label].filter(Boolean).join(' · ');
    return make('li', {}, make('div', {}, make('b', {}, title), make('p', { className: 'says' }, facts)), open, remove);
  }
}
