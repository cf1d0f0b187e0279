import { MessageView } from './message_view.js';

const AT_END_PX = 48;

/** The messages of a conversation, and how they are scrolled. */
export class ThreadView {
  /**
   * @param {{scroller: Element, list: Element, toEnd: HTMLButtonElement}} parts
   * @param {import('./message_view.js').Actions} actions
   */
  constructor({ scroller, list, toEnd }, actions) {
    Object.assign(this, { scroller, list, toEnd, actions });
    /** @type {Map<string, MessageView>} */
    this.views = new Map();
    this.follows = true; // the end stays in sight as words come
    this.frame = null;
    this.waiting = new Set(); // views with words to be painted
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    toEnd.addEventListener('click', () => {
      this.scrollToEnd();
      scroller.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.#keepEnd()).observe(scroller);
    // Pictures have their height when they are there.
    list.addEventListener('load', () => this.#keepEnd(), true);
  }

  /** Nothing is left of the conversation before. */
  clear() {
    this.views.clear();
    this.waiting.clear();
    this.list.replaceChildren();
  }

  /**
   * @param {import('./conversation.js').Conversation} conversation
   * @param {string | null} writing the message that is being written
   */
  show(conversation, writing) {
    const path = conversation.path();
    const step = document.activeElement?.closest('.branches') && document.activeElement.dataset.step;
    const shown = new Map();
    path.forEach((message, i) => {
      const view = this.views.get(message.id) ?? new MessageView(message, this.actions);
      view.message = message;
      shown.set(message.id, view);
      view.update(conversation.place(message), message.id === writing);
      if (message.id === writing) this.#paintSoon(view);
      if (this.list.children[i] !== view.element) this.list.insertBefore(view.element, this.list.children[i] ?? null);
      view.element.classList.toggle('last', i === path.length - 1);
    });
    while (this.list.children.length > path.length) this.list.lastChild.remove();
    const gone = step && [...shown.values()].find((view) => !this.views.has(view.message.id));
    this.views = shown;
    // Whoever turns from version to version stays at the buttons.
    if (gone) (gone.branches.querySelector(`[data-step="${step}"]:enabled`) ?? gone.branches.querySelector('button:enabled'))?.focus();
    this.#keepEnd();
  }

  /** Words that have come for a message, if it is shown. */
  append(id, piece) {
    const view = this.views.get(id);
    if (!view) return;
    view.append(piece);
    this.#paintSoon(view);
  }

  #paintSoon(view) {
    this.waiting.add(view);
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      for (const waiting of this.waiting) waiting.paint();
      this.waiting.clear();
      this.#keepEnd();
    });
  }

  /** Brings a message into sight, and the focus to it. */
  reveal(id) {
    const view = this.views.get(id);
    if (!view) return;
    this.follows = false;
    view.element.tabIndex = -1;
    view.element.focus({ preventScroll: true });
    view.element.scrollIntoView({ block: 'center' });
  }

  edit(id) {
    this.views.get(id)?.edit();
  }

  #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }
  #scrolled() {
    this.follows = this.#distance() < AT_END_PX;
    this.toEnd.hidden = this.follows;
  }
  #keepEnd() {
    if (this.follows) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.toEnd.hidden = this.follows || this.#distance() < AT_END_PX;
  }
  scrollToEnd() {
    this.follows = true;
    this.#keepEnd();
  }
}
