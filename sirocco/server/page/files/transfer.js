import { Conversation } from './conversation.js';
import { newId } from './dom.js';
import { isDrawn, isPicture } from './pictures.js';
import { isSound } from './sounds.js';
import { DRAWING_SETTINGS, SETTINGS, isSize, problemWith } from './sampling.js';

/**
 * Conversations as a file, and back. What comes in is foreign: every member is looked at, and what isn't as it should be is
 * told with its place.
 */

const FORMAT = 'sirocco conversations';
const VERSION = 1;
const MOST = { bytes: 256 << 20, conversations: 10000, messages: 20000, text: 8 << 20, title: 300, name: 1024, warnings: 50, pictures: 64, sounds: 16 };

/** @param {object[]} records */
export function exported(records) {
  return JSON.stringify({ format: FORMAT, version: VERSION, exported: new Date().toISOString(), conversations: records }, null, 1);
}

/** A file isn't one of ours; the message is for people. */
export class ImportProblem extends Error {}

/**
 * @param {string} text
 * @returns {object[]} records of conversations
 */
export function imported(text) {
  if (text.length > MOST.bytes) throw new ImportProblem('The file is larger than 256 MB.');
  let whole;
  try {
    whole = JSON.parse(text);
  } catch {
    throw new ImportProblem('The file is no JSON.');
  }
  const file = new Place('the file', whole).object();
  if (file.value.format !== FORMAT) throw new ImportProblem('The file holds no conversations of this page.');
  if (file.value.version !== VERSION) throw new ImportProblem(`The file is of version ${file.value.version}; this page reads ${VERSION}.`);
  return file.member('conversations').array(MOST.conversations).map(conversation);
}

/** A value, and where in the file it stands. */
class Place {
  constructor(name, value) {
    this.name = name;
    this.value = value;
  }
  fail(expected) {
    throw new ImportProblem(`In the file, ${this.name} should be ${expected}.`);
  }
  member(name) {
    return new Place(this.name === 'the file' ? name : `${this.name}.${name}`, this.value[name]);
  }
  object() {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) this.fail('an object');
    return this;
  }
  array(most) {
    if (!Array.isArray(this.value) || this.value.length > most) this.fail(`a list of at most ${most}`);
    return this.value.map((value, i) => new Place(`${this.name}[${i}]`, value));
  }
  text(longest = MOST.text) {
    if (typeof this.value !== 'string' || this.value.length > longest) this.fail(`a text of at most ${longest} letters`);
    return this.value;
  }
  id() {
    if (typeof this.value !== 'string' || !/^[\w-]{1,64}$/.test(this.value)) this.fail('a name of letters and digits');
    return this.value;
  }
  picture() {
    if (!isPicture(this.value)) this.fail('a picture as a data: URL in base64');
    return this.value;
  }
  drawnPicture() {
    if (!isDrawn(this.value)) this.fail('a picture as a data: URL of a PNG file in base64');
    return this.value;
  }
  size() {
    if (!isSize(this.value)) this.fail('a width and a height, as in "512x512"');
    return this.value;
  }
  sound() {
    if (!isSound(this.value)) this.fail('a sound as a data: URL in base64');
    return this.value;
  }
  oneOf(values) {
    if (!values.includes(this.value)) this.fail(values.map((value) => `"${value}"`).join(' or '));
    return this.value;
  }
  number() {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value) || this.value < 0) this.fail('a number from 0 on');
    return this.value;
  }
  boolean() {
    if (typeof this.value !== 'boolean') this.fail('true or false');
    return this.value;
  }
  /** What `read` makes of it; undefined where it isn't there. */
  maybe(read) {
    return this.value === undefined ? undefined : read(this);
  }
}

/** Without the members that are undefined. */
const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function conversation(place) {
  place.object();
  const messages = [];
  const seen = new Set();
  for (const item of place.member('messages').array(MOST.messages)) {
    const made = message(item);
    if (seen.has(made.id)) item.member('id').fail('another one than those before');
    if (made.parent !== null && !seen.has(made.parent)) item.member('parent').fail('a message that stands before it, or null');
    seen.add(made.id);
    messages.push(made);
  }
  const chosen = {};
  for (const [key, value] of Object.entries(place.member('chosen').object().value)) {
    if ((key === '' || seen.has(key)) && seen.has(value)) chosen[key] = value;
  }
  const model = place.member('model');
  return {
    id: place.member('id').id(),
    title: place.member('title').text(MOST.title) || 'New conversation',
    named: place.member('named').boolean(),
    created: place.member('created').number(),
    updated: place.member('updated').number(),
    model: model.value === null ? null : model.text(MOST.name),
    system: place.member('system').text(),
    sampling: settings(place.member('sampling').object(), SETTINGS),
    drawing: place.member('drawing').maybe((it) => settings(it.object(), DRAWING_SETTINGS)) ?? {},
    messages,
    chosen,
  };
}

function message(place) {
  place.object();
  const parent = place.member('parent');
  const role = place.member('role').oneOf(['user', 'assistant']);
  const drawn = role === 'assistant' ? place.member('drawn').maybe(drawnWith) : undefined;
  const picture = (it) => (drawn ? it.drawnPicture() : it.picture());
  return present({
    id: place.member('id').id(),
    parent: parent.value === null ? null : parent.id(),
    role,
    content: place.member('content').text(),
    pictures: role === 'user' || drawn ? place.member('pictures').maybe((it) => it.array(drawn ? 1 : MOST.pictures).map(picture)) : undefined,
    drawn,
    sounds: role === 'user' ? place.member('sounds').maybe((it) => it.array(MOST.sounds).map((sound) => sound.sound())) : undefined,
    created: place.member('created').number(),
    reasoning: place.member('reasoning').maybe((it) => it.text()),
    model: place.member('model').maybe((it) => it.text(MOST.name)),
    // One that was being written has no more coming.
    finish: place.member('finish').maybe((it) => it.oneOf(['stop', 'length', 'stopped', 'failed'])) ??
      (role === 'assistant' ? 'stopped' : undefined),
    problem: place.member('problem').maybe((it) => it.text(MOST.title * 10)),
    warnings: place.member('warnings').maybe((it) => it.array(MOST.warnings).map((warning) => warning.text(MOST.title * 10))),
    figures: place.member('figures').maybe(figures),
  });
}

function figures(place) {
  place.object();
  const names = ['promptTokens', 'answerTokens', 'tokensPerSecond', 'firstTokenSeconds'];
  return present(Object.fromEntries(names.map((name) => [name, place.member(name).maybe((it) => it.number())])));
}

function drawnWith(place) {
  place.object();
  return present({
    prompt: place.member('prompt').text(),
    asked: settings(place.member('asked').object(), DRAWING_SETTINGS),
    size: place.member('size').maybe((it) => it.size()),
    ...Object.fromEntries(['steps', 'seed', 'seconds'].map((name) => [name, place.member(name).maybe((it) => it.number())])),
  });
}

function settings(place, table) {
  return present(Object.fromEntries(table.map((setting) => [setting.name, place.member(setting.name).maybe((it) => {
    const problem = problemWith(setting, it.value);
    if (problem) throw new ImportProblem(`In the file, ${it.name}: ${problem}.`);
    return it.value;
  })])));
}

/**
 * Which of the records are to be added beside those there are: one that is there as it is isn't, and one that has become
 * another under the same name gets a name of its own.
 * @param {object[]} records
 * @param {Map<string, number>} there when each conversation was changed last, by its id
 */
export function newOnes(records, there) {
  const fresh = [];
  const taken = new Map(there);
  for (const record of records) {
    if (taken.get(record.id) === record.updated) continue;
    const id = taken.has(record.id) ? newId() : record.id;
    taken.set(id, record.updated);
    fresh.push(new Conversation({ ...record, id }).record());
  }
  return fresh;
}
