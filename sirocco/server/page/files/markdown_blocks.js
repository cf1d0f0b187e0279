/**
 * The blocks of a Markdown text that comes piece by piece. Each line is read once; what stands before the blocks that are still
 * open never changes. It follows CommonMark and GitHub's tables and task lists, without HTML and link definitions.
 *
 * A block has a `kind`, and `open` while more may come to it:
 * - root, quote, item: `children`. An item's `task` is null, or whether its box is ticked.
 * - list: `children`, which are items; `ordered`, `start`, `tight`.
 * - paragraph, heading: `text`; a heading has a `level`.
 * - code: `lines`, and `partial`, the beginning of the next one; `language`, "" for none.
 * - table: `alignments`, `header`, and `children` of the kind row, which have `cells`.
 * - rule.
 */

const DEEPEST = 24;
const MOST_CELLS = 64;

const HEADING = /^(#{1,6})(?:[ \t]+|$)/;
const FENCE = /^(`{3,})([^`]*)$|^(~{3,})(.*)$/;
const RULE = /^(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const SETEXT = /^(=+|-+)[ \t]*$/;
const MARKER = /^(?:([-+*])|(\d{1,9})([.)]))(?=[ \t]|$)/;
const TASK = /^\[([ xX])\][ \t]+(?=\S)/;
const DELIMITERS = /^\|?(?:[ \t]*:?-+:?[ \t]*\|)*[ \t]*:?-+:?[ \t]*\|?$/; // of a line without space at its end
// A line that has only begun, of which nobody can say yet what it is.
const UNCLEAR = /^[ \t>]*(?:[-+*=_#`~|: \t]*|\d{1,9}[.)]?[ \t]*|[-+*] \[[ xX]?\]?[ \t]*)$/;

/** Columns of the white space that a line begins with at this column. */
function indentOf(line, column) {
  let at = column;
  for (const character of line) {
    if (character === ' ') at += 1;
    else if (character === '\t') at += 4 - (at % 4);
    else break;
  }
  return at - column;
}

/** The line without so many columns of white space; of a tab that is cut, the rest as spaces. */
function withoutIndent(line, columns, column) {
  let taken = 0;
  for (let i = 0; i < line.length && taken < columns; i += 1) {
    if (line[i] !== ' ' && line[i] !== '\t') return line.slice(i);
    taken += line[i] === ' ' ? 1 : 4 - ((column + taken) % 4);
    if (taken >= columns) return ' '.repeat(taken - columns) + line.slice(i + 1);
  }
  return columns > 0 && taken < columns ? '' : line;
}

/** The cells of a table's row. */
export function cellsOf(line) {
  const row = line.trim();
  const cells = [];
  let cell = '';
  for (let i = row.startsWith('|') ? 1 : 0; i < row.length; i += 1) {
    if (row[i] === '\\' && row[i + 1] === '|') {
      cell += '|';
      i += 1;
    } else if (row[i] === '|') {
      cells.push(cell.trim());
      cell = '';
    } else cell += row[i];
  }
  if (cell.trim() !== '' || !row.endsWith('|')) cells.push(cell.trim());
  return cells.slice(0, MOST_CELLS);
}

const alignmentOf = (cell) =>
  cell.startsWith(':') ? (cell.endsWith(':') ? 'center' : 'left') : cell.endsWith(':') && cell.length > 1 ? 'right' : '';

export class BlockParser {
  constructor() {
    this.root = { kind: 'root', open: true, children: [] };
    this.stack = [this.root]; // containers that are open
    this.leaf = null; // the leaf that is open in the last of them
    this.afterBlank = false;
    this.rest = ''; // a line that has only begun
    this.linesRead = 0;
  }

  /** More of the text. */
  append(text) {
    let at = 0;
    for (let end; (end = text.indexOf('\n', at)) >= 0; at = end + 1) {
      this.#line((this.rest + text.slice(at, end)).replace(/\r$/, ''));
      this.rest = '';
    }
    this.rest += text.slice(at);
  }

  /** There is no more. */
  finish() {
    if (this.rest !== '') this.#line(this.rest);
    this.rest = '';
    this.#close(0);
  }

  /** Calls `look` while the line that has only begun counts as one, as far as it is clear what it is. */
  withRest(look) {
    if (this.rest === '' || UNCLEAR.test(this.rest)) {
      look();
      return;
    }
    const { depth, line, column } = this.#unmatched(this.rest);
    const code = this.leaf?.kind === 'code' && depth === this.stack.length ? this.leaf : null;
    if (code && (code.fence || indentOf(line, column) > 3)) {
      code.partial = withoutIndent(line, code.fence ? code.indent : 4, column);
      look();
      code.partial = '';
      return;
    }
    const restore = this.#remember();
    this.#line(this.rest);
    look();
    restore();
  }

  /** What puts everything back to where it is now. */
  #remember() {
    const { leaf, afterBlank, linesRead } = this;
    const stack = [...this.stack];
    const text = leaf?.text;
    const lines = leaf?.lines?.length;
    const blanks = leaf?.blanks;
    const rows = leaf?.children?.length;
    const sizes = stack.map(({ children, tight }) => ({ size: children.length, last: children.at(-1), tight }));
    return () => {
      stack.forEach((block, i) => {
        block.children.length = sizes[i].size;
        if (sizes[i].last) block.children[sizes[i].size - 1] = sizes[i].last;
        if (block.kind === 'list') block.tight = sizes[i].tight;
        block.open = true;
      });
      if (leaf) {
        leaf.open = true;
        if (text !== undefined) leaf.text = text;
        if (lines !== undefined) leaf.lines.length = lines;
        if (blanks !== undefined) leaf.blanks = blanks;
        if (rows !== undefined) leaf.children.length = rows;
      }
      Object.assign(this, { stack, leaf, afterBlank, linesRead });
    };
  }

  /** How many of the open containers a line continues, and what it has behind their marks. */
  #unmatched(text) {
    let line = text;
    let column = 0;
    const drop = (columns) => {
      line = withoutIndent(line, columns, column);
      column += columns;
    };
    let depth = 1;
    for (; depth < this.stack.length; depth += 1) {
      const block = this.stack[depth];
      const indent = indentOf(line, column);
      if (block.kind === 'quote') {
        if (indent > 3 || line.trimStart()[0] !== '>') break;
        drop(indent);
        line = line.slice(1);
        column += 1;
        if (/^[ \t]/.test(line)) drop(1);
      } else if (block.kind === 'item') {
        if (line.trim() === '') {
          if (block.children.length === 0) break;
        } else if (indent >= block.indent) drop(block.indent);
        else break;
      }
    }
    return { depth, line, column };
  }

  #line(text) {
    this.linesRead += 1;
    const afterBlank = this.afterBlank || this.leaf?.blanks > 0;
    this.afterBlank = false;
    let { depth, line, column } = this.#unmatched(text);
    const whole = depth === this.stack.length;
    if (whole && this.leaf?.kind === 'code' && this.#continueCode(line, column)) return;
    const paragraph = this.leaf?.kind === 'paragraph' ? this.leaf : null;
    let began = false; // a container on this line
    const begin = () => {
      this.#close(depth);
      began = true;
    };
    for (;;) {
      const indent = indentOf(line, column);
      const said = line.trimStart();
      if (said === '' || indent > 3) break;
      let match;
      if (said[0] === '>' && this.stack.length < DEEPEST) {
        if (!began) begin();
        this.#push({ kind: 'quote', open: true, children: [] }, afterBlank);
        line = withoutIndent(line, indent, column).slice(1);
        column += indent + 1;
        if (/^[ \t]/.test(line)) {
          line = withoutIndent(line, 1, column);
          column += 1;
        }
        continue;
      }
      if ((match = HEADING.exec(said))) {
        if (!began) begin();
        const heading = said.slice(match[0].length).replace(/(?:^|[ \t])#{1,999}[ \t]*$/, '').trim();
        this.#add({ kind: 'heading', open: false, level: match[1].length, text: heading }, afterBlank);
        return;
      }
      if ((match = FENCE.exec(said))) {
        if (!began) begin();
        const fence = match[1] ?? match[3];
        const language = (match[2] ?? match[4]).trim().split(/[\s,{]/)[0];
        this.leaf = this.#add({ kind: 'code', open: true, lines: [], partial: '', language, fence, indent }, afterBlank);
        return;
      }
      if (whole && !began && paragraph && this.#underline(paragraph, said)) return;
      if (RULE.test(said)) {
        if (!began) begin();
        this.#add({ kind: 'rule', open: false }, afterBlank);
        return;
      }
      if ((match = MARKER.exec(said)) && this.stack.length < DEEPEST) {
        const behind = said.slice(match[0].length);
        const interrupts = whole && !began && paragraph;
        if (interrupts && (behind.trim() === '' || (match[2] && Number(match[2]) !== 1))) break;
        if (!began) begin();
        const markColumn = column + indent + match[0].length;
        const gap = indentOf(behind, markColumn);
        const taken = behind.trim() === '' || gap > 4 ? 1 : gap;
        this.#item(match, indent + match[0].length + taken, afterBlank);
        line = withoutIndent(behind, taken, markColumn);
        column = markColumn + taken;
        const task = TASK.exec(line);
        if (task) {
          this.stack.at(-1).task = task[1] !== ' ';
          line = line.slice(task[0].length);
        }
        continue;
      }
      break;
    }
    this.#text(line, column, { whole, began, depth, paragraph, afterBlank });
  }

  /** What is left of a line behind the marks of blocks. */
  #text(line, column, { whole, began, depth, paragraph, afterBlank }) {
    const said = line.trim();
    if (said !== '' && paragraph && !began) {
      // Also where it leaves out the marks of containers: it goes on with the paragraph in them.
      paragraph.text += `\n${line.trimStart()}`;
      return;
    }
    if (!began) this.#close(depth, whole && said !== '');
    if (said === '') {
      if (this.leaf) this.#closeLeaf();
      this.afterBlank = !began;
    } else if (whole && !began && this.leaf?.kind === 'table') {
      this.leaf.children.push({ kind: 'row', open: false, cells: cellsOf(said) });
    } else if (indentOf(line, column) > 3) {
      const first = withoutIndent(line, 4, column);
      this.leaf = this.#add({ kind: 'code', open: true, lines: [first], partial: '', language: '', blanks: 0 }, afterBlank);
    } else this.leaf = this.#add({ kind: 'paragraph', open: true, text: line.trimStart() }, afterBlank);
  }

  /** Whether the line belongs to the open code. */
  #continueCode(line, column) {
    const code = this.leaf;
    if (code.fence) {
      const end = line.trim();
      const closes = end.length >= code.fence.length && end === code.fence[0].repeat(end.length) && indentOf(line, column) < 4;
      if (closes) this.#closeLeaf();
      else code.lines.push(withoutIndent(line, code.indent, column));
      return true;
    }
    // Blank lines belong to it when more of it follows.
    if (line.trim() === '') {
      code.blanks += 1;
      return true;
    }
    if (indentOf(line, column) < 4) {
      this.#closeLeaf();
      return false;
    }
    for (; code.blanks > 0; code.blanks -= 1) code.lines.push('');
    code.lines.push(withoutIndent(line, 4, column));
    return true;
  }

  /** Whether the line below a paragraph makes a heading, or of its last line a table's head. */
  #underline(paragraph, said) {
    const parent = this.stack.at(-1);
    if (DELIMITERS.test(said.trimEnd())) {
      const rows = paragraph.text.lastIndexOf('\n') + 1;
      const header = cellsOf(paragraph.text.slice(rows));
      const alignments = cellsOf(said).map(alignmentOf);
      if (header.length === alignments.length && (said.includes('|') || paragraph.text.includes('|', rows))) {
        if (rows > 0) {
          paragraph.text = paragraph.text.slice(0, rows - 1);
          this.#closeLeaf();
        } else parent.children.pop();
        this.leaf = { kind: 'table', open: true, header, alignments, children: [] };
        parent.children.push(this.leaf);
        return true;
      }
    }
    const match = SETEXT.exec(said);
    if (!match) return false;
    parent.children.pop();
    parent.children.push({ kind: 'heading', open: false, level: match[1][0] === '=' ? 1 : 2, text: paragraph.text.trim() });
    this.leaf = null;
    return true;
  }

  #item([, bullet, number, mark], indent, afterBlank) {
    const type = bullet ?? mark;
    const last = this.stack.at(-1);
    if (last.kind === 'list' && last.type !== type) this.#close(this.stack.length - 1);
    const list = this.stack.at(-1);
    if (list.kind !== 'list') {
      this.#push({ kind: 'list', open: true, children: [], type, ordered: !bullet, start: Number(number ?? 1), tight: true }, afterBlank);
    } else if (afterBlank) list.tight = false;
    const item = { kind: 'item', open: true, children: [], indent, task: null };
    this.stack.at(-1).children.push(item);
    this.stack.push(item);
  }

  /** Adds a block to the container that is open; a list holds nothing but items. */
  #add(block, afterBlank) {
    if (this.stack.at(-1).kind === 'list') this.#close(this.stack.length - 1);
    const parent = this.stack.at(-1);
    if (afterBlank && parent.kind === 'item' && parent.children.length > 0) this.stack.at(-2).tight = false;
    parent.children.push(block);
    return block;
  }

  #push(block, afterBlank) {
    this.stack.push(this.#add(block, afterBlank));
  }

  #closeLeaf() {
    this.leaf.open = false;
    this.leaf = null;
  }

  /** Closes the containers from this depth on, and the leaf, unless it stays. */
  #close(depth, leafStays = false) {
    if (this.leaf && !leafStays) this.#closeLeaf();
    for (const block of this.stack.splice(Math.max(depth, 1))) block.open = false;
    if (depth === 0) this.root.open = false;
  }
}
