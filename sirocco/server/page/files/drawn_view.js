import { dialog } from './dialogs.js';
import { element, iconButton, saveFile, textButton } from './dom.js';
import { figuresOf } from './figures.js';
import { blobOf } from './pictures.js';

/**
 * Pictures that were drawn, on the page.
 *
 * @typedef {import('./conversation.js').Message} Message
 * @typedef {import('./message_view.js').Actions} Actions
 */

/** An image of a drawn picture. Its room is there before its bytes are. */
export function drawnImage(url, { prompt, size }) {
  const [width, height] = size?.split('x') ?? [];
  return element('img', { src: url, alt: prompt || 'Picture', width, height });
}

/** Saves a picture as the PNG file that it is. */
export function savePicture(url, { prompt, seed }) {
  const words = prompt.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 40) || 'picture';
  saveFile(`${words}${seed === undefined ? '' : `-${seed}`}.png`, 'image/png', blobOf(url));
}

/** Shows a picture as large as there is room. `more`: other buttons below it. */
export function showLarge(url, drawn, { words, more = () => [] }) {
  const box = dialog({
    title: 'Picture', kind: 'large',
    content: element('div', { class: 'large-picture' }, drawnImage(url, drawn),
      element('p', {}, drawn.prompt), element('p', { class: 'quiet' }, words),
      element('div', { class: 'dialog-buttons' }, ...more(() => box.close()),
        textButton('Save the picture', () => savePicture(url, drawn)))),
  });
}

/** The picture of an answer: what is expected while it is drawn, then the picture itself. */
export class DrawnView {
  /**
   * @param {Message} message
   * @param {Actions} actions
   */
  constructor(message, actions) {
    this.message = message;
    this.element = element('div', { class: 'drawn' });
    this.ofPicture = [
      iconButton('save', 'Save the picture', () => savePicture(message.pictures[0], message.drawn)),
      iconButton('brush', 'Draw from this', () => actions.drawFrom(message.pictures[0]), { class: 'icon-button draw-from' }),
    ];
    this.buttons = [
      iconButton('again', 'Another picture', () => actions.regenerate(message), { class: 'icon-button again' }),
      ...this.ofPicture,
      iconButton('trash', 'Delete', () => actions.remove(message)),
    ];
  }

  update(writing) {
    const { message } = this;
    const url = message.pictures?.[0];
    for (const button of this.ofPicture) button.hidden = !url;
    if (url) this.#showPicture(url);
    else if (!writing) this.element.replaceChildren();
    else if (this.element.childElementCount === 0) {
      this.element.append(element('p', { class: 'quiet being-drawn' }, 'The picture is being drawn …'));
    }
  }

  /** @param {string} url what the picture is expected to become */
  showPartial(url) {
    if (this.message.pictures) return;
    const shown = this.element.querySelector('img');
    if (shown) shown.src = url;
    else this.element.replaceChildren(element('img', { src: url, class: 'partial', alt: `Being drawn: ${this.message.drawn.prompt}` }));
  }

  #showPicture(url) {
    if (this.shown) return;
    this.shown = true;
    const { message } = this;
    this.element.replaceChildren(element('button', {
      type: 'button', class: 'picture-button', title: 'Show large',
      onclick: () => showLarge(url, message.drawn, { words: figuresOf(message).join(' · ') }),
    }, drawnImage(url, message.drawn)));
  }
}
