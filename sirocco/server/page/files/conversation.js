import { newId } from './dom.js';

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} parent the message that it answers or follows; null at the beginning
 * @property {'user' | 'assistant'} role
 * @property {string} content
 * @property {string[]} [pictures] data: URLs, a person's shown before the words; an answer's was drawn, and is a PNG file
 * @property {string[]} [sounds] of a person's: data: URLs, behind the pictures
 * @property {number} created milliseconds since 1970
 * @property {string} [reasoning] what the model thought before it answered
 * @property {string} [model]
 * @property {'stop' | 'length' | 'stopped' | 'failed'} [finish] how an answer ended; without, it is being written
 * @property {string} [problem] in plain words, of one that failed
 * @property {string[]} [warnings]
 * @property {Figures} [figures]
 * @property {import('./drawing.js').Drawn} [drawn] of an answer that is a picture, also while there is none yet
 *
 * @typedef {object} Figures
 * @property {number} [promptTokens]
 * @property {number} [answerTokens]
 * @property {number} [tokensPerSecond] behind the first one, as the server measured it
 * @property {number} [firstTokenSeconds] from sending to the first piece, as the page measured it
 */

const LONGEST_TITLE = 60;
const NO_PARENT = '';

const counted = (count, one) => (count === 1 ? `${one[0].toUpperCase()}${one.slice(1)}` : `${count} ${one}s`);

/** What stands for a message without words, in titles. @param {Message} message */
const wordsFor = ({ pictures, sounds }) => (pictures ? counted(pictures.length, 'picture') : sounds ? counted(sounds.length, 'sound') : '');

/** A conversation is a tree of messages: every edit and every new answer is a branch, and each fork knows which one is shown. */
export class Conversation {
  /** @param {object} record as `record()` gives it */
  constructor(record) {
    const { messages, chosen, ...rest } = record;
    /** id, title, named (by a person), created, updated, model, system, sampling, drawing */
    Object.assign(this, { drawing: {} }, rest);
    /** @type {Map<string, Message>} */
    this.messages = new Map(messages.map((message) => [message.id, message]));
    /** @type {Map<string, string>} what is shown behind a message */
    this.chosen = new Map(Object.entries(chosen));
    /** @type {Map<string, string[]>} */
    this.children = new Map();
    for (const message of messages) this.#childrenOf(message.parent).push(message.id);
  }

  static begin({ model = null, system = '', sampling = {}, drawing = {} } = {}) {
    const now = Date.now();
    return new Conversation({
      id: newId(), title: 'New conversation', named: false, created: now, updated: now, model, system, sampling: { ...sampling },
      drawing: { ...drawing }, messages: [], chosen: {},
    });
  }

  /** All of it as plain data. Parents come before what follows them. */
  record() {
    const { id, title, named, created, updated, model, system, sampling, drawing } = this;
    return structuredClone({
      id, title, named, created, updated, model, system, sampling, drawing, messages: [...this.messages.values()],
      chosen: Object.fromEntries(this.chosen),
    });
  }

  get isEmpty() {
    return this.messages.size === 0;
  }

  #childrenOf(parent) {
    const key = parent ?? NO_PARENT;
    if (!this.children.has(key)) this.children.set(key, []);
    return this.children.get(key);
  }

  /** The messages that are shown, from the first one on. */
  path() {
    const shown = [];
    for (let key = NO_PARENT; ; ) {
      const branches = this.children.get(key);
      if (!branches || branches.length === 0) return shown;
      const chosen = this.chosen.get(key);
      key = branches.includes(chosen) ? chosen : branches.at(-1);
      shown.push(this.messages.get(key));
    }
  }

  /** Those that lead to a message, without it. */
  before(message) {
    const found = [];
    for (let id = message.parent; id !== null; id = this.messages.get(id).parent) found.unshift(this.messages.get(id));
    return found;
  }

  /**
   * A new message behind another one; it is shown.
   * @param {string | null} parent
   * @param {Partial<Message>} fields
   * @returns {Message}
   */
  add(parent, fields) {
    const message = { id: newId(), parent, created: Date.now(), ...fields };
    this.messages.set(message.id, message);
    this.#childrenOf(parent).push(message.id);
    this.chosen.set(parent ?? NO_PARENT, message.id);
    this.updated = message.created;
    if (!this.named && parent === null && message.role === 'user') this.title = titleOf(message.content || wordsFor(message));
    return message;
  }

  /** Which of how many branches a message is, from 0 on. */
  place(message) {
    const branches = this.#childrenOf(message.parent);
    return { index: branches.indexOf(message.id), count: branches.length };
  }

  /** All branches beside a message, and itself. @returns {Message[]} */
  versions(message) {
    return this.#childrenOf(message.parent).map((id) => this.messages.get(id));
  }

  /** Chooses the branches that lead to a message, so that it is shown. */
  reveal(message) {
    for (const shown of [...this.before(message), message]) this.chosen.set(shown.parent ?? NO_PARENT, shown.id);
  }

  /** Shows the branch that is so many places from this message. */
  turn(message, step) {
    const branches = this.#childrenOf(message.parent);
    const index = branches.indexOf(message.id) + step;
    if (index >= 0 && index < branches.length) this.chosen.set(message.parent ?? NO_PARENT, branches[index]);
  }

  /** Takes a message out, with all that follows it. How many those were. */
  remove(message) {
    const branches = this.#childrenOf(message.parent);
    const index = branches.indexOf(message.id);
    branches.splice(index, 1);
    const key = message.parent ?? NO_PARENT;
    if (branches.length > 0) this.chosen.set(key, branches[Math.min(index, branches.length - 1)]);
    else this.chosen.delete(key);
    let removed = 0;
    for (const pending = [message.id]; pending.length > 0; removed += 1) {
      const id = pending.pop();
      pending.push(...(this.children.get(id) ?? []));
      this.messages.delete(id);
      this.children.delete(id);
      this.chosen.delete(id);
    }
    this.updated = Date.now();
    return removed;
  }
}

/** The first line of a text, shortened. */
export function titleOf(text) {
  const line = text.trim().split('\n', 1)[0].trim();
  const letters = [...line];
  if (letters.length <= LONGEST_TITLE) return line || 'New conversation';
  const cut = letters.slice(0, LONGEST_TITLE).join('');
  const space = cut.lastIndexOf(' ');
  return `${cut.slice(0, space > LONGEST_TITLE / 2 ? space : undefined).trimEnd()}…`;
}
