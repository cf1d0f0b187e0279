import { element, iconButton } from './dom.js';
import { chooseFiles, urlOf } from './files.js';
import { Recorder, canRecord } from './recorder.js';

/** Sounds of messages: data: URLs of WAV, MP3, FLAC and Ogg files. */

/** What browsers call such files. */
const TYPES = {
  'audio/wav': 'wav', 'audio/x-wav': 'wav', 'audio/wave': 'wav', 'audio/vnd.wave': 'wav', 'audio/mpeg': 'mp3', 'audio/mp3': 'mp3',
  'audio/flac': 'flac', 'audio/x-flac': 'flac', 'audio/ogg': 'ogg', 'application/ogg': 'ogg',
};
const MOST = { sounds: 16, letters: 30 << 20, recordedSeconds: 600 };
const HEAD = /^data:([a-z0-9/.+-]+);base64,/;
const NO_BASE64 = /[^A-Za-z0-9+/=]/;

const headOf = (value) => (typeof value === 'string' ? HEAD.exec(value) : null);

/** Whether a value is what a message may have as a sound. */
export function isSound(value) {
  const head = headOf(value);
  return head !== null && head[1] in TYPES && value.length > head[0].length && !NO_BASE64.test(value.slice(head[0].length));
}

/** Whether a file is one of sound, of whatever kind. @param {File} file */
export const isSoundFile = ({ type }) => type.startsWith('audio/') || type in TYPES;

/** A sound as the server takes it. */
export function soundPart(url) {
  const [head, type] = headOf(url);
  return { type: 'input_audio', input_audio: { data: url.slice(head.length), format: TYPES[type] } };
}

const player = (url, label) => element('audio', { src: url, controls: true, preload: 'metadata', 'aria-label': label });

/** Sounds beneath each other. @param {string[]} sounds */
export function soundRow(sounds) {
  return element('div', { class: 'sounds' }, ...sounds.map((url, i) => player(url, `Sound ${i + 1} of ${sounds.length}`)));
}

/** The sounds that go with the next message: files, or what the microphone hears. */
export class SoundTray {
  /** @type {string[]} */
  sounds = [];
  /** Whether the model that will answer takes any. */
  takes = false;
  /** @type {Recorder | null} */
  recorder = null;
  #shown = [];

  /**
   * @param {{tray: Element, button: HTMLButtonElement, record: HTMLButtonElement, field: HTMLElement}} parts
   * @param {{onchange: () => void, tell: (problem: string) => void}} actions
   */
  constructor({ tray, button, record, field }, { onchange, tell }) {
    Object.assign(this, { tray, button, record, onchange, tell });
    chooseFiles(button, { accept: Object.keys(TYPES), label: 'Sound files', field }, (files) => this.add(files));
    record.addEventListener('click', () => (this.recorder ? this.#end() : this.#begin()));
    this.#show();
  }

  /** @param {File[]} files */
  async add(files) {
    for (const file of files) {
      if (!this.takes) {
        this.tell('This model takes no sound.');
      } else if (!(file.type in TYPES)) {
        this.tell(`${file.name || 'The file'} is no sound of a kind that is read: WAV, MP3, FLAC and Ogg are.`);
      } else {
        this.#put(await urlOf(file), file.name || 'The sound');
      }
    }
    this.#show();
  }

  #put(url, name) {
    const letters = this.sounds.reduce((sum, { length }) => sum + length, url.length);
    if (!isSound(url)) this.tell(`${name} is empty.`);
    else if (this.sounds.length >= MOST.sounds) this.tell(`A message has ${MOST.sounds} sounds at most.`);
    else if (letters > MOST.letters) this.tell(`${name} is too large: a message has room for 22 MB of sound.`);
    else this.sounds.push(url);
  }

  async #begin() {
    this.record.disabled = true;
    try {
      this.recorder = await Recorder.begin({ seconds: MOST.recordedSeconds, onfull: () => this.#end() });
    } catch (error) {
      this.tell(error.name === 'NotAllowedError' ? 'The browser lets this page have no microphone.'
        : `The microphone can't be recorded: ${error.message}`);
    }
    this.record.disabled = false;
    this.#show();
  }

  async #end() {
    const { recorder } = this;
    if (!recorder) return;
    this.recorder = null;
    this.#show();
    if (recorder.seconds > 0) this.#put(await urlOf(await recorder.end()), 'The recording');
    else await recorder.end();
    this.#show();
  }

  /** The sounds, which are gone from here then. */
  take() {
    const { sounds } = this;
    this.sounds = [];
    this.#show();
    return sounds;
  }

  update(takes) {
    this.takes = takes;
    if (!takes) this.#end();
    this.#show();
  }

  /** Whether what is recorded isn't there yet. */
  get records() {
    return this.recorder !== null;
  }

  #show() {
    this.button.hidden = !this.takes;
    this.record.hidden = !this.takes || !canRecord();
    const label = this.recorder ? 'End the recording' : 'Record sound';
    this.record.classList.toggle('recording', this.recorder !== null);
    this.record.setAttribute('aria-label', label);
    this.record.setAttribute('aria-pressed', String(this.recorder !== null));
    this.record.title = label;
    this.onchange();
    // What is being played goes on.
    if (this.#shown.length === this.sounds.length && this.#shown.every((url, i) => url === this.sounds[i])) return;
    this.#shown = [...this.sounds];
    this.tray.hidden = this.sounds.length === 0;
    this.tray.replaceChildren(...this.sounds.map((url, i) => element('div', { class: 'attached sound' },
      player(url, `Sound ${i + 1} of ${this.sounds.length}`),
      iconButton('close', `Remove sound ${i + 1}`, () => {
        this.sounds.splice(i, 1);
        this.#show();
        this.button.focus();
      }))));
  }
}
