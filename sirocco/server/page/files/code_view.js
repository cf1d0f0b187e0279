import { CLEAR, highlightLine } from './highlight.js';
import { languageOf } from './languages.js';
import { copyText, element, icon } from './dom.js';

const SHOWN_COPIED_MS = 1600;

/** A block of code whose lines may come one by one; each is coloured once. */
export class CodeView {
  /** @param {{language: string, lines: string[], partial: string, open: boolean}} block */
  constructor(block) {
    this.block = block;
    this.shown = 0; // lines that are coloured
    this.state = CLEAR;
    this.language = languageOf(block.language);
    this.code = element('code');
    this.tail = null; // what is shown of the line that has only begun
    const label = element('span', {}, 'Copy');
    this.copy = element('button', { type: 'button', class: 'copy-code', onclick: () => this.#copied(label) }, icon('copy'), label);
    this.element = element('figure', { class: 'code' },
      element('figcaption', {}, element('span', { class: 'language' }, block.language || 'text'), this.copy),
      // Wide code is scrolled, by keys too.
      element('pre', { tabindex: '0', role: 'region', 'aria-label': block.language ? `Code, ${block.language}` : 'Code' }, this.code));
    this.update();
  }

  update() {
    const { lines, partial } = this.block;
    this.tail?.forEach((node) => node.remove());
    this.tail = null;
    const added = document.createDocumentFragment();
    for (; this.shown < lines.length; this.shown += 1) {
      const { tokens, state } = highlightLine(this.language, this.state, lines[this.shown]);
      this.state = state;
      added.append(...nodesOf(tokens), '\n');
    }
    this.code.append(added);
    if (partial !== '') {
      this.tail = nodesOf(highlightLine(this.language, this.state, partial).tokens);
      this.code.append(...this.tail);
    }
  }

  async #copied(label) {
    const done = await copyText(this.block.lines.join('\n'));
    label.textContent = done ? 'Copied' : 'Not copied';
    setTimeout(() => {
      label.textContent = 'Copy';
    }, SHOWN_COPIED_MS);
  }
}

const nodesOf = (tokens) =>
  tokens.map(([kind, text]) => (kind ? element('span', { class: `code-${kind}` }, text) : document.createTextNode(text)));
