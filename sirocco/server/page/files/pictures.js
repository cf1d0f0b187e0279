import { element, iconButton } from './dom.js';
import { chooseFiles, urlOf } from './files.js';

/** Pictures of messages: data: URLs, as the server takes them and conversations keep them. */

export const KINDS = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/bmp'];
/** What the server takes in one request, of all messages together. */
const MOST = { pictures: 64, letters: 30 << 20 };
const HEAD = new RegExp(`^data:(?:${KINDS.join('|')});base64,`);
const NO_BASE64 = /[^A-Za-z0-9+/=]/;

/** Whether a value is what a message may have as a picture. */
export function isPicture(value) {
  const head = typeof value === 'string' ? HEAD.exec(value)?.[0] : undefined;
  return head !== undefined && value.length > head.length && !NO_BASE64.test(value.slice(head.length));
}

/** Pictures beside each other. @param {string[]} pictures */
export function pictureRow(pictures) {
  return element('div', { class: 'pictures' },
    ...pictures.map((url, i) => element('img', { class: 'thumbnail', src: url, alt: `Picture ${i + 1} of ${pictures.length}` })));
}

/** The pictures that go with the next message: they come by a button, from the clipboard, or are dropped on the page. */
export class PictureTray {
  /** @type {string[]} */
  pictures = [];
  /** Whether the model that will answer takes any. */
  takes = false;

  /**
   * @param {{tray: Element, button: HTMLButtonElement, field: HTMLElement}} parts
   * @param {{onchange: () => void, tell: (problem: string) => void}} actions
   */
  constructor({ tray, button, field }, { onchange, tell }) {
    Object.assign(this, { tray, button, onchange, tell });
    chooseFiles(button, { accept: KINDS, label: 'Picture files', field }, (files) => this.add(files));
    this.#show();
  }

  /** @param {File[]} files */
  async add(files) {
    if (!this.takes) {
      if (files.length > 0) this.tell('This model takes no pictures.');
      return;
    }
    for (const file of files) {
      if (!KINDS.includes(file.type)) {
        this.tell(`${file.name || 'The file'} is no picture of a kind that is read: PNG, JPEG, WebP, GIF and BMP are.`);
        continue;
      }
      const url = await urlOf(file);
      const letters = this.pictures.reduce((sum, { length }) => sum + length, url.length);
      if (!isPicture(url)) this.tell(`${file.name || 'The file'} is empty.`);
      else if (this.pictures.length >= MOST.pictures) this.tell(`A message has ${MOST.pictures} pictures at most.`);
      else if (letters > MOST.letters) this.tell(`${file.name || 'The picture'} is too large: a message has room for 22 MB of pictures.`);
      else this.pictures.push(url);
    }
    this.#show();
  }

  /** The pictures, which are gone from here then. */
  take() {
    const { pictures } = this;
    this.pictures = [];
    this.#show();
    return pictures;
  }

  update(takes) {
    this.takes = takes;
    this.#show();
  }

  #show() {
    this.button.hidden = !this.takes;
    this.tray.hidden = this.pictures.length === 0;
    this.tray.replaceChildren(...this.pictures.map((url, i) => element('div', { class: 'attached' },
      element('img', { class: 'thumbnail', src: url, alt: `Picture ${i + 1} of ${this.pictures.length}` }),
      iconButton('close', `Remove picture ${i + 1}`, () => {
        this.pictures.splice(i, 1);
        this.#show();
        this.button.focus();
      }))));
    this.onchange();
  }
}
