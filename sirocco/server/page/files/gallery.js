import { dialog } from './dialogs.js';
import { element, textButton } from './dom.js';
import { showLarge } from './drawn_view.js';
import { figuresOf } from './figures.js';

/**
 * All pictures that were drawn in this browser.
 *
 * @typedef {{conversation: string, message: string, created: number, prompt: string}} Item
 */

const NEAR = '300px';

/** The pictures of all conversations, the newest first. @param {import('./store.js').Head[]} heads */
export function itemsOf(heads) {
  return heads.flatMap(({ id, drawn = [] }) => drawn.map((head) => ({ conversation: id, ...head })))
    .sort((a, b) => b.created - a.created);
}

/** Finds messages, and holds the last conversation that one was found in. */
class Messages {
  #last = null;
  constructor(store) {
    this.store = store;
  }
  /** @param {Item} item */
  async find({ conversation, message }) {
    if (this.#last?.conversation !== conversation) this.#last = { conversation, record: this.store.get(conversation) };
    const record = await this.#last.record;
    return record?.messages.find(({ id }) => id === message) ?? null;
  }
}

/**
 * Shows them in a dialog. Of a long gallery only those in sight are in memory.
 * @param {import('./store.js').DatabaseStore} store
 * @param {{open: (item: Item) => void}} actions `open`: shows the conversation of a picture
 */
export async function showGallery(store, { open }) {
  const items = itemsOf(await store.heads());
  const messages = new Messages(store);
  const tiles = new Map(items.map((item) => [tile(item), item]));
  const box = dialog({
    title: 'Gallery', kind: 'wide', onclose: () => watcher.disconnect(),
    content: items.length > 0
      ? element('ul', { class: 'gallery' }, ...[...tiles.keys()].map((it) => element('li', {}, it)))
      : element('p', { class: 'quiet no-pictures' }, 'No pictures yet. Choose a model that draws, and say what a picture shows.'),
  });
  const watcher = new IntersectionObserver(async (changes) => {
    for (const { target, isIntersecting } of changes) {
      target.wanted = isIntersecting;
      if (!isIntersecting) target.firstChild.removeAttribute('src');
      else if (!target.firstChild.src) await load(target);
    }
  }, { root: box, rootMargin: NEAR });

  async function load(target) {
    const found = await messages.find(tiles.get(target));
    if (!found?.pictures) target.parentElement?.remove();
    else if (target.wanted) target.firstChild.src = found.pictures[0];
  }

  function tile(item) {
    const alt = item.prompt || 'Picture';
    return element('button', { type: 'button', class: 'picture-button', title: alt, onclick: () => enlarge(item) }, element('img', { alt }));
  }

  async function enlarge(item) {
    const message = await messages.find(item);
    if (!message?.pictures) return;
    showLarge(message.pictures[0], message.drawn, {
      words: figuresOf(message).join(' · '),
      more: (close) => [textButton('Open its conversation', () => {
        close();
        box.close();
        open(item);
      })],
    });
  }

  for (const target of tiles.keys()) watcher.observe(target);
}
