import { fitToText } from './message_view.js';
import { PictureTray } from './pictures.js';

/** The field that messages are written in. */
export class Composer {
  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, send: HTMLButtonElement, stop: HTMLButtonElement, hint: Element,
   *   tray: Element, attach: HTMLButtonElement, target: Element}} parts
   * @param {{send: (text: string, pictures: string[]) => void, stop: () => void, editLast: () => void,
   *   tell: (problem: string) => void}} actions
   */
  constructor({ form, field, send, stop, hint, tray, attach, target }, actions) {
    Object.assign(this, { field, sendButton: send, stopButton: stop });
    this.ready = false;
    this.writing = false;
    this.pictures = new PictureTray({ tray, button: attach, field, target }, { onchange: () => this.#changed(), tell: actions.tell });
    // Keys of a phone have no Shift for a new line.
    const touch = matchMedia('(pointer: coarse)').matches;
    hint.textContent = touch ? '' : 'Enter sends, Shift+Enter makes a new line';
    const submit = () => {
      const text = field.value.trim();
      if (this.#isEmpty() || this.writing || !this.ready) return;
      field.value = '';
      const pictures = this.pictures.take();
      actions.send(text, pictures);
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
    return this.field.value.trim() === '' && !this.pictures?.pictures.length;
  }

  #changed() {
    fitToText(this.field);
    this.sendButton.disabled = !this.ready || this.#isEmpty();
  }

  /** @param {{ready: boolean, writing: boolean, sees: boolean}} state `ready`: there is a model to ask; `sees`: it takes pictures */
  update({ ready, writing, sees }) {
    const focused = document.activeElement === this.stopButton || document.activeElement === this.sendButton;
    Object.assign(this, { ready, writing });
    this.pictures.update(sees);
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
