import { receiveFiles } from './files.js';
import { fitToText } from './message_view.js';
import { PictureTray } from './pictures.js';
import { SoundTray, isSoundFile } from './sounds.js';

/** The field that messages are written in. */
export class Composer {
  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, send: HTMLButtonElement, stop: HTMLButtonElement, hint: Element,
   *   tray: Element, attach: HTMLButtonElement, soundTray: Element, attachSound: HTMLButtonElement, record: HTMLButtonElement,
   *   target: Element}} parts `target`: where files are dropped
   * @param {{send: (text: string, media: {pictures: string[], sounds: string[]}) => void, stop: () => void, editLast: () => void,
   *   tell: (problem: string) => void}} actions
   */
  constructor({ form, field, send, stop, hint, tray, attach, soundTray, attachSound, record, target }, actions) {
    Object.assign(this, { field, sendButton: send, stopButton: stop });
    this.ready = false;
    this.writing = false;
    const told = { onchange: () => this.#changed(), tell: actions.tell };
    this.pictures = new PictureTray({ tray, button: attach, field }, told);
    this.sounds = new SoundTray({ tray: soundTray, button: attachSound, record, field }, told);
    receiveFiles({ field, target }, {
      takes: () => this.pictures.most > 0 || this.sounds.takes,
      give: (files) => {
        const sounds = files.filter(isSoundFile);
        if (sounds.length > 0) this.sounds.add(sounds);
        if (sounds.length < files.length) this.pictures.add(files.filter((file) => !isSoundFile(file)));
      },
    });
    // Keys of a phone have no Shift for a new line.
    const touch = matchMedia('(pointer: coarse)').matches;
    hint.textContent = touch ? '' : 'Enter sends, Shift+Enter makes a new line';
    const submit = () => {
      const text = field.value.trim();
      if (this.#isEmpty() || this.writing || !this.ready || this.sounds.records) return;
      field.value = '';
      actions.send(text, { pictures: this.pictures.take(), sounds: this.sounds.take() });
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      submit();
    });
    field.addEventListener('input', () => this.#changed());
    field.addEventListener('keydown', (event) => {
      // The Enter that ends what an input method composes sends nothing.
      if (event.isComposing) return;
      if (event.key === 'Enter' && !event.shiftKey && !touch) {
        event.preventDefault();
        submit();
      } else if (event.key === 'ArrowUp' && field.value === '') {
        event.preventDefault();
        actions.editLast();
      }
    });
    stop.addEventListener('click', () => {
      actions.stop();
      field.focus();
    });
    this.#changed();
  }

  #isEmpty() {
    return this.field.value.trim() === '' && !this.pictures?.pictures.length && !this.sounds?.sounds.length;
  }

  #changed() {
    fitToText(this.field);
    this.sendButton.disabled = !this.ready || this.#isEmpty() || Boolean(this.sounds?.records);
  }

  /**
   * @param {{ready: boolean, writing: boolean, pictures: 'none' | 'one' | 'many', hears: boolean, draws: boolean}} state `ready`: there is a
   * model to ask; `pictures`: what it takes; `hears`: it takes sound; `draws`: it makes a picture of the words
   */
  update({ ready, writing, pictures, hears, draws }) {
    const focused = document.activeElement === this.stopButton || document.activeElement === this.sendButton;
    Object.assign(this, { ready, writing });
    this.pictures.update(pictures);
    this.sounds.update(hears);
    this.field.placeholder = draws ? 'What the picture shows' : 'Message';
    this.sendButton.hidden = writing;
    this.stopButton.hidden = !writing;
    if (focused && document.activeElement === document.body) this.field.focus();
    this.#changed();
  }

  focus() {
    // On a phone the keyboard would cover what is to be read.
    if (!matchMedia('(pointer: coarse)').matches) this.field.focus();
  }
}
