import { BlockParser } from './markdown_blocks.js';
import { CodeView } from './code_view.js';
import { element } from './dom.js';
import { parseInline } from './markdown_inline.js';

// A paragraph of up to so many letters is made anew with each of them; a longer one, or a line that doesn't end, when it has
// grown by a part of its length, so that all the work is in proportion to the text.
const SMALL = 2048;
const GROWN = 1 / 16;
const grown = (length, before) => length <= SMALL || length - before >= length * GROWN;

/** What stands within a block. One by one, since no function takes a hundred thousand arguments. */
function inlineNodes(parts, inLink = false) {
  const nodes = document.createDocumentFragment();
  for (const part of parts) nodes.append(inlineNode(part, inLink));
  return nodes;
}

function inlineNode(part, inLink) {
  if (part.kind === 'text') return document.createTextNode(part.text);
  if (part.kind === 'code') return element('code', {}, part.text);
  if (part.kind === 'break') return element('br');
  const children = inlineNodes(part.children, inLink || part.kind === 'link');
  if (part.kind !== 'link') return element(part.kind, {}, children);
  if (inLink) return element('span', {}, children);
  return element('a', {
    href: part.href, title: part.href, target: '_blank', rel: 'noopener noreferrer nofollow', class: part.image && 'picture',
  }, part.image && 'Picture: ', part.children.length > 0 ? children : part.href);
}

/** A paragraph, heading or cell: its words may still grow. */
class WordsView {
  constructor(tag, block) {
    this.block = block;
    this.element = element(tag);
    this.shown = -1;
    this.open = true;
    this.update();
  }

  update() {
    const { text, open } = this.block;
    if (this.shown === text.length && this.open === open) return;
    if (open && this.shown >= 0 && !grown(text.length, this.shown)) return;
    // What may become a table's head isn't shown as a paragraph before.
    const unclear = open && /^\|[^\n]*$/.test(text);
    this.element.replaceChildren(unclear ? '' : inlineNodes(parseInline(text.trimEnd(), open)));
    this.shown = text.length;
    this.open = open;
  }
}

class RowView {
  constructor(cells, alignments, tag) {
    this.element = element('tr', {}, ...alignments.map((alignment, i) =>
      element(tag, { class: alignment && `align-${alignment}`, scope: tag === 'th' && 'col' },
        inlineNodes(parseInline(cells[i] ?? '')))));
  }
  update() {}
}

/** Blocks in order. Those that are closed are made once. */
class ChildrenView {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.shown = []; // {block, view}
  }

  sync(blocks) {
    while (this.shown.length > 0 && this.shown.at(-1).block !== blocks[this.shown.length - 1]) this.shown.pop().view.element.remove();
    // What hasn't changed is nothing to its view.
    this.shown.at(-1)?.view.update();
    for (const block of blocks.slice(this.shown.length)) {
      const view = this.make(block);
      this.shown.push({ block, view });
      this.parent.append(view.element);
    }
  }
}

class ContainerView {
  constructor(box, block) {
    this.block = block;
    this.element = box;
    this.children = new ChildrenView(box, viewOf);
    this.update();
  }
  update() {
    if (this.block.kind === 'list') this.element.className = this.block.tight ? 'tight' : 'loose';
    this.children.sync(this.block.children);
  }
}

class TableView {
  constructor(block) {
    this.block = block;
    const body = element('tbody');
    const { alignments } = block;
    this.element = element('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table' },
      element('table', {}, element('thead', {}, new RowView(block.header, alignments, 'th').element), body));
    this.children = new ChildrenView(body, (row) => new RowView(row.cells, alignments, 'td'));
    this.update();
  }
  update() {
    this.children.sync(this.block.children);
  }
}

function itemBox({ task }) {
  if (task === null) return element('li');
  return element('li', { class: 'task' },
    element('span', { class: 'tick', role: 'img', 'aria-label': task ? 'done' : 'to do' }, task ? '☑' : '☐'));
}

function viewOf(block) {
  switch (block.kind) {
    case 'paragraph': return new WordsView('p', block);
    // The page's own headings come first: its title, and one a message.
    case 'heading': return new WordsView(`h${Math.min(block.level + 2, 6)}`, block);
    case 'code': return new CodeView(block);
    case 'table': return new TableView(block);
    case 'rule': return { element: element('hr'), update() {} };
    case 'quote': return new ContainerView(element('blockquote'), block);
    case 'item': return new ContainerView(itemBox(block), block);
    case 'list': return new ContainerView(element(block.ordered ? 'ol' : 'ul',
      { start: block.ordered && block.start !== 1 && block.start }), block);
    default: throw new Error(`no view of ${block.kind}`);
  }
}

/** Shows a Markdown text that comes piece by piece. */
export class MarkdownView {
  /** @param {Element} box */
  constructor(box) {
    this.parser = new BlockParser();
    this.children = new ChildrenView(box, viewOf);
    this.painted = { lines: 0, rest: 0 };
  }

  append(text) {
    this.parser.append(text);
  }

  /** Brings the page up to what has come. */
  paint() {
    const { parser, painted } = this;
    const { linesRead, rest } = parser;
    if (linesRead === painted.lines && !grown(rest.length, painted.rest)) return;
    this.painted = { lines: linesRead, rest: rest.length };
    parser.withRest(() => this.children.sync(parser.root.children));
  }

  /** There is no more; shows all of it. */
  finish() {
    this.parser.finish();
    this.children.sync(this.parser.root.children);
  }
}
