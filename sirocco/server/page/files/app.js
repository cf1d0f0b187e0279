import { Conversation } from './conversation.js';
import { Drawing, toBeDrawn } from './drawing.js';
import { Generation } from './generation.js';
import { apiKey, beginnings, preferences } from './preferences.js';
import { askKey } from './dialogs.js';

const SAVED_EVERY_MS = 2000;

/** A conversation that the store has. */
const kept = (record) => Object.assign(new Conversation(record), { kept: true });

/**
 * What the page is about: the conversation that is open, the answers that are being written, and the models there are. The
 * views are told by `onchange` that something of it is different.
 */
export class App {
  /** @type {Conversation} */
  conversation = Conversation.begin();
  /** @type {import('./api.js').Model[]} */
  models = [];
  /** @type {Map<string, Generation>} by the conversation's id */
  running = new Map();

  /**
   * @param {{api: import('./api.js').Api, store: import('./store.js').DatabaseStore, notices: import('./notices.js').Notices,
   *   onchange: () => void, onpiece: (id: string, piece: object) => void, onlist: () => void, onopen: () => void}} parts
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.others = new BroadcastChannel('sirocco');
    this.others.onmessage = ({ data }) => this.#changedElsewhere(data);
  }

  get generation() {
    return this.running.get(this.conversation.id) ?? null;
  }
  /** The model that will answer: the conversation's, as long as there is one of that name. */
  get model() {
    const wanted = this.conversation.model ?? preferences.get('model');
    return this.models.find(({ id }) => id === wanted) ?? this.models.find(({ chats }) => chats) ?? this.models[0] ?? null;
  }

  async loadModels() {
    try {
      const all = await this.api.models();
      this.models = all.filter(({ chats, draws }) => chats || draws);
      if (this.models.length === 0) this.notices.show('No model of this server can chat or draw.', { stays: true });
    } catch (problem) {
      if (problem.kind === 'key' && (await this.#askForKey())) return this.loadModels();
      this.#tell(problem, () => this.loadModels());
    }
    this.onchange();
    return this.models;
  }

  async #askForKey() {
    if (this.asking) return this.asking;
    this.asking = askKey({ refused: apiKey.get() !== null });
    const given = await this.asking;
    this.asking = null;
    if (given) apiKey.set(given.key, given.remember);
    return given;
  }

  #tell(problem, again) {
    this.notices.show(problem.message, { stays: true, action: again && { label: 'Try again', run: again } });
  }

  chooseModel(id) {
    preferences.set('model', id);
    this.conversation.model = id;
    this.#saveSoon(this.conversation);
    this.onchange();
  }

  /** A new conversation, which is kept from its first message on. */
  begin() {
    this.conversation = Conversation.begin(beginnings.get());
    this.#show(null);
  }

  /** @returns {Promise<boolean>} whether there is such a conversation */
  async open(id) {
    const generation = this.running.get(id);
    const record = generation ? null : await this.store.get(id);
    if (!generation && !record) return false;
    this.conversation = generation?.conversation ?? kept(record);
    this.#show(id);
    return true;
  }

  /** The same, with a message of it in sight. @returns {Promise<boolean>} whether there is one */
  async openAt(id, messageId) {
    if (id !== this.conversation.id && !(await this.open(id))) return false;
    const message = this.conversation.messages.get(messageId);
    if (!message) return false;
    this.conversation.reveal(message);
    this.#changed(this.conversation);
    return true;
  }

  #show(id) {
    const address = id === null ? location.pathname + location.search : `#${id}`;
    if (location.hash.slice(1) !== (id ?? '')) history.pushState(null, '', address);
    this.onopen();
  }

  /** @param {{pictures?: string[], sounds?: string[]}} [media] data: URLs */
  send(text, { pictures = [], sounds = [] } = {}) {
    const { conversation } = this;
    const begins = conversation.isEmpty;
    const last = conversation.path().at(-1) ?? null;
    const message = conversation.add(last?.id ?? null, {
      role: 'user', content: text, ...(pictures.length > 0 && { pictures }), ...(sounds.length > 0 && { sounds }),
    });
    if (begins) history.pushState(null, '', `#${conversation.id}`);
    this.#answer(conversation, message.id);
  }

  /** Another answer beside this one, or one to a person's message. */
  regenerate({ id, parent, role }) {
    if (!this.generation) this.#answer(this.conversation, role === 'user' ? id : parent);
  }

  /** The same message with other words, as a branch; to a person's, which keeps its pictures and sounds, there is a new answer. */
  edit(message, text) {
    const { conversation } = this;
    const { role, model, pictures, sounds } = message;
    if (role === 'user' && this.generation) return;
    const branch = conversation.add(message.parent, role === 'user'
      ? { role, content: text, ...(pictures && { pictures }), ...(sounds && { sounds }) }
      : { role, content: text, model, finish: 'stop' });
    if (role === 'user') this.#answer(conversation, branch.id);
    else this.#changed(conversation);
  }

  turn(message, step) {
    this.conversation.turn(message, step);
    this.#changed(this.conversation);
  }

  remove(message) {
    const { conversation } = this;
    const writing = this.generation?.message;
    if (writing && [writing, ...conversation.before(writing)].includes(message)) this.stop();
    const before = conversation.record();
    const others = conversation.remove(message) - 1;
    this.#changed(conversation);
    this.notices.show(others > 0 ? `Message deleted, with ${others} behind it.` : 'Message deleted.', {
      action: { label: 'Undo', run: () => this.#putBack(before) },
    });
  }

  async #putBack(record) {
    await this.#keep(record);
    if (this.conversation.id === record.id && !this.generation) this.conversation = kept(record);
    this.onchange();
    this.onlist();
  }

  async rename(id, title) {
    await this.#update(id, { title, named: true });
  }

  async #update(id, members) {
    const open = id === this.conversation.id ? this.conversation : this.running.get(id)?.conversation;
    if (open) {
      Object.assign(open, members);
      this.#changed(open);
      return;
    }
    const record = await this.store.get(id);
    if (record) await this.#keep({ ...record, ...members });
    this.onlist();
  }

  async removeConversation(id) {
    const generation = this.running.get(id);
    // What comes of it isn't kept any more.
    if (generation) generation.conversation.removed = true;
    generation?.stop();
    const record = await this.store.get(id);
    if (!record) return;
    await this.store.remove(id);
    this.others.postMessage(id);
    if (id === this.conversation.id) this.begin();
    this.onlist();
    this.notices.show('Conversation deleted.', {
      action: {
        label: 'Undo',
        run: async () => {
          await this.#keep(record);
          await this.open(id);
          this.onlist();
        },
      },
    });
  }

  settingsChanged() {
    this.#saveSoon(this.conversation);
  }

  stop() {
    this.generation?.stop();
  }

  async #answer(conversation, parent) {
    const { model } = this;
    if (!model) return;
    const drawn = model.draws && toBeDrawn(conversation.messages.get(parent).content, conversation.drawing);
    const message = conversation.add(parent, { role: 'assistant', content: '', model: model.id, ...(drawn && { drawn }) });
    const generation = new (drawn ? Drawing : Generation)(this.api, conversation, message, {
      model,
      onPiece: (piece) => {
        this.onpiece(message.id, piece);
        this.#saveSoon(conversation);
      },
    });
    this.running.set(conversation.id, generation);
    this.#changed(conversation, { sent: true });
    this.notices.say(drawn ? 'The picture is being drawn.' : 'The answer is being written.');
    await generation.run();
    this.running.delete(conversation.id);
    // It may have been taken out while it was written.
    if (conversation.messages.has(message.id) && !(await this.#again(generation))) {
      this.#changed(conversation);
      this.#sayEnd(conversation, message);
    } else this.#changed(conversation);
  }

  /** Whether an answer was begun anew, with a key. */
  async #again({ conversation, message, problem }) {
    if (problem?.kind !== 'key' || !(await this.#askForKey())) return false;
    conversation.remove(message);
    this.#answer(conversation, message.parent);
    return true;
  }

  #sayEnd(conversation, message) {
    const heard = conversation === this.conversation;
    if (message.finish === 'failed') this.notices.say(message.problem);
    else if (message.finish === 'stopped') this.notices.say('The answer was stopped.');
    else if (message.drawn) this.notices.say(heard ? `The picture is there: ${message.drawn.prompt.slice(0, 2000)}` : `Drawn: ${conversation.title}`);
    else this.notices.say(heard ? `Answer: ${message.content.slice(0, 2000)}` : `Answered: ${conversation.title}`);
  }

  #changed(conversation, how = {}) {
    this.#save(conversation);
    if (conversation === this.conversation) this.onchange(how);
    this.onlist();
  }

  #saveSoon(conversation) {
    conversation.saving ??= setTimeout(() => this.#save(conversation), SAVED_EVERY_MS);
  }
  #save(conversation) {
    clearTimeout(conversation.saving);
    conversation.saving = undefined;
    // One without messages is nothing yet; one whose last was deleted stays.
    if (conversation.removed || (conversation.isEmpty && !conversation.kept)) return;
    conversation.kept = true;
    this.#keep(conversation.record());
  }

  async #keep(record) {
    try {
      await this.store.put(record);
      this.others.postMessage(record.id);
    } catch (error) {
      this.notices.show(`The browser couldn't keep the conversation: ${error.message}`, { stays: true });
    }
  }

  /** Another tab has kept or removed a conversation. */
  async #changedElsewhere(id) {
    this.onlist();
    if (id !== this.conversation.id || this.generation) return;
    const record = await this.store.get(id);
    if (record && record.updated > this.conversation.updated) {
      this.conversation = kept(record);
      this.onchange();
    }
  }
}
