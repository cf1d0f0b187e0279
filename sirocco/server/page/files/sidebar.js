import { element, iconButton } from './dom.js';
import { ageOf } from './figures.js';

const WIDE = matchMedia('(min-width: 52rem)');
const SEARCH_DELAY_MS = 120;

/** The list of conversations. On a narrow page it lies over the rest, which is out of reach as long as it does. */
export class Sidebar {
  /**
   * @param {{page: Element, nav: HTMLElement, main: HTMLElement, scrim: Element, list: Element, search: HTMLInputElement,
   *   open: HTMLElement, close: HTMLElement}} parts
   * @param {{select: (id: string) => void, rename: (head: Head) => void, save: (head: Head) => void,
   *   remove: (head: Head) => void, find: (words: string[]) => Promise<Set<string>>}} actions
   * @typedef {import('./store.js').Head} Head
   */
  constructor(parts, actions) {
    Object.assign(this, parts);
    this.actions = actions;
    this.heads = [];
    this.current = null;
    this.running = new Set();
    this.found = null; // ids, while something is searched for
    this.searches = 0;
    this.search.addEventListener('input', () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#find(), SEARCH_DELAY_MS);
    });
    this.search.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || this.search.value === '') return;
      event.stopPropagation();
      this.search.value = '';
      this.#find();
    });
    this.open.addEventListener('click', () => this.setShown(true));
    this.close.addEventListener('click', () => this.setShown(false));
    this.scrim.addEventListener('click', () => this.setShown(false));
    this.nav.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !WIDE.matches) this.setShown(false);
    });
    WIDE.addEventListener('change', () => this.setShown(WIDE.matches, false));
    this.setShown(WIDE.matches, false);
  }

  get covers() {
    return this.shown && !WIDE.matches;
  }

  setShown(shown, moveFocus = true) {
    this.shown = shown;
    this.page.classList.toggle('with-sidebar', shown);
    this.nav.inert = !shown;
    this.main.inert = shown && !WIDE.matches;
    this.open.setAttribute('aria-expanded', String(shown));
    if (moveFocus) (shown ? this.close : this.open).focus();
  }

  startSearch() {
    this.setShown(true, false);
    this.search.focus();
    this.search.select();
  }

  async #find() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const number = (this.searches += 1);
    const found = words.length > 0 ? await this.actions.find(words) : null;
    if (number !== this.searches) return;
    this.found = found;
    this.show();
  }

  /** What has changed since, by its name: heads, current, running. */
  update(changes) {
    Object.assign(this, changes);
    // A message that has just come may have the words.
    if (this.found && changes.heads) this.#find();
    this.show();
  }

  show() {
    const focused = this.list.contains(document.activeElement) && document.activeElement;
    const again = focused && { id: focused.closest('li')?.dataset.id, name: focused.dataset.name };
    const heads = this.found ? this.heads.filter(({ id }) => this.found.has(id)) : this.heads;
    const groups = grouped(heads);
    const nothing = this.found ? 'Nothing found.' : 'No conversations yet.';
    this.list.replaceChildren(...[...groups].map(([age, members]) => {
      const id = `age-${age.replaceAll(' ', '-')}`;
      return element('section', { 'aria-labelledby': id }, element('h2', { class: 'age', id }, age),
        element('ul', {}, ...members.map((head) => this.#row(head))));
    }), ...(heads.length === 0 ? [element('p', { class: 'quiet', role: 'status' }, nothing)] : []));
    if (again) [...this.list.querySelectorAll(`[data-name="${again.name}"]`)].find((it) => it.closest('li').dataset.id === again.id)?.focus();
  }

  #row(head) {
    const { actions } = this;
    const current = head.id === this.current;
    const running = this.running.has(head.id);
    return element('li', { class: current ? 'row current' : 'row', data: { id: head.id } },
      element('button', {
        type: 'button', class: 'row-title', title: head.title, 'aria-current': current && 'page', data: { name: 'open' },
        onclick: () => {
          if (this.covers) this.setShown(false);
          actions.select(head.id);
        },
      }, running && element('span', { class: 'running', role: 'img', 'aria-label': 'Being answered' }),
      element('span', { class: 'row-words' }, head.title)),
      element('span', { class: 'row-actions' },
        iconButton('pencil', `Rename: ${head.title}`, () => actions.rename(head), { data: { name: 'rename' } }),
        iconButton('save', `Export: ${head.title}`, () => actions.save(head), { data: { name: 'save' } }),
        iconButton('trash', `Delete: ${head.title}`, () => actions.remove(head), { data: { name: 'remove' } })));
  }
}

function grouped(heads) {
  const groups = new Map();
  for (const head of heads) {
    const age = ageOf(head.updated);
    if (!groups.has(age)) groups.set(age, []);
    groups.get(age).push(head);
  }
  return groups;
}
