import { DrawnView } from './drawn_view.js';
import { copyText, element, icon, iconButton, textButton } from './dom.js';
import { figuresOf } from './figures.js';
import { MarkdownView } from './markdown_view.js';
import { pictureRow } from './pictures.js';
import { soundRow } from './sounds.js';

const SHOWN_COPIED_MS = 1600;

/**
 * What can be done with a message.
 * @typedef {object} Actions
 * @property {(message: Message) => void} regenerate
 * @property {(message: Message, text: string) => void} edit
 * @property {(message: Message) => void} remove
 * @property {(message: Message, step: number) => void} turn
 * @property {(picture: string) => void} drawFrom
 * @typedef {import('./conversation.js').Message} Message
 */

/** One message on the page. */
export class MessageView {
  /**
   * @param {Message} message
   * @param {Actions} actions
   */
  constructor(message, actions) {
    this.message = message;
    this.actions = actions;
    this.mine = message.role === 'user';
    this.body = element('div', { class: this.mine ? 'said' : 'prose' });
    this.branches = element('div', { class: 'branches', role: 'group', 'aria-label': 'Versions of this message' });
    this.foot = element('div', { class: 'figures' });
    this.notes = element('div', { class: 'notes' });
    this.thoughts = null;
    this.markdown = null;
    this.drawn = message.drawn ? new DrawnView(message, actions) : null;
    this.buttons = this.drawn ? this.drawn.buttons : this.#buttons();
    this.article = element('article', { 'aria-label': this.mine ? 'You' : 'Answer' },
      element('h2', { class: 'visually-hidden' }, this.mine ? 'You' : 'Answer'),
      this.drawn ? this.drawn.element : message.pictures && pictureRow(message.pictures),
      message.sounds && soundRow(message.sounds),
      this.body, this.notes,
      element('div', { class: 'below' }, this.branches,
        element('div', { class: 'actions', role: 'group', 'aria-label': 'Actions for this message' }, ...this.buttons),
        this.foot));
    this.element = element('li', { class: `message ${message.role}`, data: { id: message.id } }, this.article);
    if (this.mine) this.body.textContent = message.content;
    this.body.hidden = Boolean(this.drawn) || (this.mine && message.content === '');
  }

  #buttons() {
    const { message, actions } = this;
    const copy = iconButton('copy', 'Copy', async () => {
      const done = await copyText(message.content);
      copy.replaceChildren(icon(done ? 'check' : 'close'));
      copy.setAttribute('aria-label', done ? 'Copied' : 'Not copied');
      setTimeout(() => {
        copy.replaceChildren(icon('copy'));
        copy.setAttribute('aria-label', 'Copy');
      }, SHOWN_COPIED_MS);
    });
    return [
      copy,
      iconButton('again', this.mine ? 'Answer this' : 'Another answer', () => actions.regenerate(message), { class: 'icon-button again' }),
      iconButton('pencil', 'Edit', () => this.edit()),
      iconButton('trash', 'Delete', () => actions.remove(message)),
    ];
  }

  /**
   * Brings all but the words up to date.
   * @param {{index: number, count: number}} place among the branches
   * @param {boolean} writing
   */
  update(place, writing) {
    const { message } = this;
    this.element.classList.toggle('writing', writing);
    this.article.setAttribute('aria-busy', String(writing));
    this.#showBranches(place);
    if (this.mine) return;
    this.drawn?.update(writing);
    if (!this.markdown) this.append(message);
    if (!writing) this.#finish();
    this.foot.textContent = writing ? '' : figuresOf(message).join(' · ');
    // A page that was left in the middle knows no end.
    const interrupted = !writing && !message.finish && 'The answer was interrupted.';
    const empty = !writing && message.finish === 'stop' && message.content === '' && !message.pictures && 'The answer is empty.';
    this.notes.replaceChildren(
      ...[message.problem, interrupted, empty].filter(Boolean).map((text) => element('p', { class: 'problem' }, text)),
      ...(message.warnings ?? []).map((text) => element('p', { class: 'warning' }, text)));
  }

  #showBranches({ index, count }) {
    const { message, actions } = this;
    this.branches.hidden = count < 2;
    if (count < 2) return;
    // The button that was pressed keeps the focus when the branch has changed: see ThreadView.
    this.branches.replaceChildren(
      iconButton('left', 'Version before', () => actions.turn(message, -1), { disabled: index === 0, data: { step: '-1' } }),
      element('span', { class: 'place', 'aria-label': `Version ${index + 1} of ${count}` }, `${index + 1}/${count}`),
      iconButton('right', 'Next version', () => actions.turn(message, 1), { disabled: index === count - 1, data: { step: '1' } }));
  }

  /**
   * Words that have come.
   * @param {{content?: string, reasoning?: string, picture?: string}} piece `picture`: what is expected of one that is being drawn
   */
  append({ content = '', reasoning = '', picture }) {
    if (picture) this.drawn?.showPartial(picture);
    this.markdown ??= new MarkdownView(this.body);
    if (reasoning) {
      this.thoughts ??= this.#newThoughts();
      this.thoughts.markdown.append(reasoning);
    }
    if (content) this.markdown.append(content);
  }

  paint() {
    this.thoughts?.markdown.paint();
    this.markdown?.paint();
  }

  #newThoughts() {
    const words = element('div', { class: 'prose' });
    const summary = element('summary', {}, 'Thoughts');
    this.body.before(element('details', { class: 'thoughts' }, summary, words));
    return { markdown: new MarkdownView(words) };
  }

  #finish() {
    if (this.finished) return;
    this.finished = true;
    this.thoughts?.markdown.finish();
    this.markdown.finish();
  }

  /** Puts a form in place of the words. */
  edit() {
    if (this.form) return;
    const { message } = this;
    const field = element('textarea', { 'aria-label': 'Edit the message', rows: '1', class: 'edit-field' });
    field.value = message.content;
    const leave = () => {
      this.form.remove();
      this.form = null;
      this.article.hidden = false;
      this.buttons.at(-2).focus();
    };
    const save = () => {
      const text = field.value;
      if (text.trim() === '' && !message.pictures && !message.sounds) return;
      leave();
      if (text !== message.content) this.actions.edit(message, text);
    };
    this.form = element('form', {
      class: 'edit',
      onsubmit: (event) => {
        event.preventDefault();
        save();
      },
      onkeydown: (event) => {
        if (event.isComposing) return;
        if (event.key === 'Escape') {
          event.stopPropagation();
          leave();
        } else if (event.key === 'Enter' && !event.shiftKey && this.mine) {
          event.preventDefault();
          save();
        }
      },
    }, field,
    element('div', { class: 'edit-buttons' },
      element('span', { class: 'quiet' }, 'The version before is kept.'),
      textButton('Cancel', leave),
      element('button', { type: 'submit', class: 'button main-button' }, this.mine ? 'Send' : 'Save')));
    this.article.hidden = true;
    this.element.append(this.form);
    fitToText(field);
    field.addEventListener('input', () => fitToText(field));
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }
}

/** Makes a field as high as its text, where the style sheet can't. */
export function fitToText(field) {
  if (CSS.supports('field-sizing', 'content')) return;
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}
