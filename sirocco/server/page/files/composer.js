import { fitToText } from './message_view.js';

/** The field that messages are written in. */
export class Composer {
  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, send: HTMLButtonElement, stop: HTMLButtonElement, hint: Element}} parts
   * @param {{send: (text: string) => void, stop: () => void, editLast: () => void}} actions
   */
  constructor({ form, field, send, stop, hint }, actions) {
    Object.assign(this, { field, sendButton: send, stopButton: stop });
    this.ready = false;
    this.writing = false;
    // Keys of a phone have no Shift for a new line.
    const touch = matchMedia('(pointer: coarse)').matches;
    hint.textContent = touch ? '' : 'Enter sends, Shift+Enter makes a new line';
    const submit = () => {
      const text = field.value.trim();
      if (text === '' || this.writing || !this.ready) return;
      field.value = '';
      this.#changed();
      actions.send(text);
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

  #changed() {
    fitToText(this.field);
    this.sendButton.disabled = !this.ready || this.field.value.trim() === '';
  }

  /** @param {{ready: boolean, writing: boolean}} state `ready`: there is a model to ask */
  update({ ready, writing }) {
    const focused = document.activeElement === this.stopButton || document.activeElement === this.sendButton;
    Object.assign(this, { ready, writing });
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
