/** What the page remembers beside conversations: few small values. Where the browser keeps none, they last as long as the page. */

const PREFIX = 'sirocco.';

/** A place that may be missing or refuse. */
class Drawer {
  #values = new Map();
  #place;
  constructor(place) {
    try {
      this.#place = place();
    } catch {
      this.#place = null;
    }
  }
  get(name) {
    try {
      return this.#place?.getItem(PREFIX + name) ?? this.#values.get(name) ?? null;
    } catch {
      return this.#values.get(name) ?? null;
    }
  }
  set(name, value) {
    this.#values.set(name, value);
    try {
      this.#place?.setItem(PREFIX + name, value);
    } catch {
      // It lasts as long as the page.
    }
  }
  remove(name) {
    this.#values.delete(name);
    try {
      this.#place?.removeItem(PREFIX + name);
    } catch {
      // There was none.
    }
  }
}

const lasting = new Drawer(() => localStorage);
const passing = new Drawer(() => sessionStorage);

export const preferences = lasting;

/** The key that requests bring, as long as this tab is open, or until it is forgotten. */
export const apiKey = {
  get: () => passing.get('key') ?? lasting.get('key'),
  set(key, remember) {
    passing.set('key', key);
    if (remember) lasting.set('key', key);
    else lasting.remove('key');
  },
  forget() {
    passing.remove('key');
    lasting.remove('key');
  },
};

/** What new conversations begin with. */
export const beginnings = {
  get() {
    try {
      const { system, sampling, drawing } = JSON.parse(lasting.get('beginnings') ?? '{}');
      const object = (value) => (typeof value === 'object' && value ? value : {});
      return { system: typeof system === 'string' ? system : '', sampling: object(sampling), drawing: object(drawing) };
    } catch {
      return { system: '', sampling: {}, drawing: {} };
    }
  },
  set({ system, sampling, drawing }) {
    lasting.set('beginnings', JSON.stringify({ system, sampling, drawing }));
  },
};
