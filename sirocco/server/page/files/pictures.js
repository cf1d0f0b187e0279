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

/** The first bytes of a PNG file, in base64, behind the head of its URL. */
const PNG_HEAD = 'data:image/png;base64,iVBORw0KGgo';

/** Whether a value is what an answer may have as a picture: a PNG file. */
export const isDrawn = (value) => isPicture(value) && value.startsWith(PNG_HEAD);

/** The file that a picture is. @param {string} url */
export function blobOf(url) {
  const bytes = Uint8Array.from(atob(url.slice(url.indexOf(',') + 1)), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: /^data:([^;]+)/.exec(url)[1] });
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
  /** How many the model that will answer takes. */
  most = 0;

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
    if (this.most === 0) {
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
      else if (this.pictures.length >= this.most) this.tell(this.most === 1 ? 'A picture is drawn from one other.' : `A message has ${this.most} pictures at most.`);
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

  /** Puts a picture there, where there is room for one only in place of that one. */
  put(url) {
    if (this.most === 1) this.pictures = [];
    if (this.pictures.length < this.most) this.pictures.push(url);
    this.#show();
  }

  /** @param {'none' | 'one' | 'many'} takes */
  update(takes) {
    this.most = { none: 0, one: 1, many: MOST.pictures }[takes];
    this.#show();
  }

  #show() {
    this.button.hidden = this.most === 0;
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
