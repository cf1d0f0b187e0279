import { element, iconButton, textButton } from './dom.js';

const SHOWN_MS = 9000;

/** Short messages at the edge of the page, and what screen readers are told. */
export class Notices {
  /**
   * @param {Element} box
   * @param {Element} live a region that screen readers follow
   */
  constructor(box, live) {
    this.box = box;
    this.live = live;
  }

  /**
   * Shows a text, for a while or until it is closed.
   * @param {string} text
   * @param {{action?: {label: string, run: () => void}, stays?: boolean}} [options]
   */
  show(text, { action, stays = false } = {}) {
    const notice = element('div', { class: 'notice' }, element('p', {}, text),
      action && textButton(action.label, () => {
        leave();
        action.run();
      }),
      iconButton('close', 'Close this notice', () => leave()));
    const leave = () => notice.remove();
    while (this.box.children.length > 2) this.box.firstChild.remove();
    this.box.append(notice);
    this.say(text);
    if (stays) return;
    // It stays as long as somebody is at it.
    const wait = () => setTimeout(() => (notice.matches(':hover, :focus-within') ? wait() : leave()), SHOWN_MS);
    wait();
  }

  /** Tells screen readers, and shows nothing. */
  say(text) {
    this.live.textContent = '';
    // A region that is given the same text again says nothing.
    requestAnimationFrame(() => {
      this.live.textContent = text;
    });
  }
}
