/**
 * Where conversations are kept: the browser's database, or memory where there is none. Of each there is the record, and its
 * head: what the list shows of it.
 *
 * @typedef {{id: string, title: string, updated: number, drawn?: DrawnHead[]}} Head `drawn`: its answers that are pictures, without these
 * @typedef {{message: string, created: number, prompt: string}} DrawnHead `prompt`: its beginning
 */

const DATABASE = 'sirocco';
const RECORDS = 'conversations';
const HEADS = 'heads';

const LONGEST_PROMPT = 300;

/** @returns {Head} */
function headOf({ id, title, updated, messages }) {
  const drawn = messages.filter((message) => message.drawn && message.pictures)
    .map(({ id: message, created, drawn: { prompt } }) => ({ message, created, prompt: prompt.slice(0, LONGEST_PROMPT) }));
  return { id, title, updated, ...(drawn.length > 0 && { drawn }) };
}

/** Whether a conversation has the words of a search in its title or a message. */
export function hasWords(record, words) {
  const texts = [record.title, ...record.messages.map((message) => message.content)].map((text) => text.toLowerCase());
  return words.every((word) => texts.some((text) => text.includes(word)));
}

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class DatabaseStore {
  #database;
  keeps = true;

  constructor(database) {
    this.#database = database;
    // Another tab may bring in a later version of the page.
    database.onversionchange = () => database.close();
  }

  static async open() {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      for (const name of [RECORDS, HEADS]) request.result.createObjectStore(name, { keyPath: 'id' });
    };
    return new DatabaseStore(await settled(request));
  }

  /** One transaction; over when all of it is kept, or nothing. */
  #transact(mode, work) {
    const transaction = this.#database.transaction([RECORDS, HEADS], mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error('the browser keeps nothing more'));
    });
    const result = work(transaction.objectStore(RECORDS), transaction.objectStore(HEADS));
    return mode === 'readonly' ? result : done;
  }

  /** @returns {Promise<Head[]>} the latest first */
  async heads() {
    const heads = await this.#transact('readonly', (records, all) => settled(all.getAll()));
    return heads.sort((a, b) => b.updated - a.updated);
  }
  get(id) {
    return this.#transact('readonly', (records) => settled(records.get(id)));
  }
  all() {
    return this.#transact('readonly', (records) => settled(records.getAll()));
  }
  put(...records) {
    return this.#transact('readwrite', (all, heads) => {
      for (const record of records) {
        all.put(record);
        heads.put(headOf(record));
      }
    });
  }
  remove(id) {
    return this.#transact('readwrite', (records, heads) => {
      records.delete(id);
      heads.delete(id);
    });
  }
  /** Ids of the conversations that have all the words; one after the other, so that many need no memory. */
  find(words) {
    return this.#transact('readonly', (records) => new Promise((resolve, reject) => {
      const found = new Set();
      const request = records.openCursor();
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return resolve(found);
        if (hasWords(cursor.value, words)) found.add(cursor.key);
        return cursor.continue();
      };
    }));
  }
}

export class MemoryStore {
  #records = new Map();
  keeps = false;
  async heads() {
    return [...this.#records.values()].map(headOf).sort((a, b) => b.updated - a.updated);
  }
  async get(id) {
    return structuredClone(this.#records.get(id));
  }
  async all() {
    return structuredClone([...this.#records.values()]);
  }
  async put(...records) {
    for (const record of records) this.#records.set(record.id, structuredClone(record));
  }
  async remove(id) {
    this.#records.delete(id);
  }
  async find(words) {
    return new Set([...this.#records.values()].filter((record) => hasWords(record, words)).map((record) => record.id));
  }
}

export async function openStore() {
  try {
    return await DatabaseStore.open();
  } catch {
    return new MemoryStore();
  }
}
