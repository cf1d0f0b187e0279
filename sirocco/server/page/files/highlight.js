/**
 * Colours for code, a line at a time, so that lines may come one by one. What a line leaves open (a comment, a text) is the
 * state with which the next one begins. Time is in proportion to the line's length.
 *
 * @typedef {[kind: '' | 'comment' | 'string' | 'number' | 'keyword' | 'constant' | 'function' | 'meta' | 'tag' | 'added' | 'removed',
 *   text: string]} Token
 * @typedef {import('./languages.js').Language} Language
 */

const LONGEST_LINE = 4000;
const NUMBER = /(?:0[xX][\da-fA-F_]+|0[bB][01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)[a-zA-Z%]{0,4}/y;
const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy;
const PLAIN = /[^\p{L}\p{N}_]/uy;

/** A state in which nothing is open. */
export const CLEAR = null;

/**
 * @param {Language | null} language
 * @param {{end: string, kind: string} | null} state
 * @param {string} line
 * @returns {{tokens: Token[], state: {end: string, kind: string} | null}} the texts of all tokens are the line
 */
export function highlightLine(language, state, line) {
  if (!language || line.length > LONGEST_LINE) return { tokens: line === '' ? [] : [['', line]], state };
  if (language.form === 'diff') return { tokens: diffTokens(line), state };
  return language.form === 'markup' ? markupTokens(line, state) : codeTokens(language, line, state);
}

/** Collects tokens; neighbours of one kind are one. */
class Tokens {
  /** @type {Token[]} */
  list = [];
  add(kind, text) {
    if (text === '') return;
    const last = this.list.at(-1);
    if (last && last[0] === kind) last[1] += text;
    else this.list.push([kind, text]);
  }
}

const matchAt = (pattern, line, at) => {
  pattern.lastIndex = at;
  return pattern.exec(line)?.[0];
};

/** Where a text that begins and ends with `quote` ends; the line's end when it doesn't. */
function endOfText(line, at, quote) {
  for (let i = at; i < line.length; i += 1) {
    if (line[i] === '\\') i += 1;
    else if (line.startsWith(quote, i)) return i + quote.length;
  }
  return -1;
}

function codeTokens(language, line, before) {
  const tokens = new Tokens();
  let state = before;
  let at = 0;
  if (state) {
    const end = state.kind === 'string' ? endOfText(line, 0, state.end) : line.indexOf(state.end) + state.end.length;
    const closed = state.kind === 'string' ? end >= 0 : end >= state.end.length;
    if (!closed) return { tokens: line === '' ? [] : [[state.kind, line]], state };
    tokens.add(state.kind, line.slice(0, end));
    at = end;
    state = null;
  }
  const opens = (list) => list?.find(([begin]) => line.startsWith(begin, at));
  while (at < line.length) {
    const block = opens(language.block);
    const text = !block && opens(language.texts);
    if (block || text) {
      const kind = block ? 'comment' : 'string';
      const [begin, end] = block || text;
      const from = at + begin.length;
      const to = block ? line.indexOf(end, from) : endOfText(line, from, end);
      if (to < 0) {
        tokens.add(kind, line.slice(at));
        return { tokens: tokens.list, state: { end, kind } };
      }
      const stop = block ? to + end.length : to;
      tokens.add(kind, line.slice(at, stop));
      at = stop;
      continue;
    }
    const comment = language.line?.some((begin) => line.startsWith(begin, at));
    // A hash within a word or an address begins none.
    if (comment && (at === 0 || !/[\w$:&]/.test(line[at - 1]))) {
      tokens.add('comment', line.slice(at));
      break;
    }
    const meta = language.meta && matchAt(language.meta, line, at);
    if (meta) {
      tokens.add('meta', meta);
      at += meta.length;
    } else if (language.quotes?.includes(line[at])) {
      const end = endOfText(line, at + 1, line[at]);
      const stop = end < 0 ? line.length : end;
      tokens.add('string', line.slice(at, stop));
      at = stop;
    } else at = word(language, tokens, line, at);
  }
  return { tokens: tokens.list, state };
}

function word(language, tokens, line, at) {
  const number = /\d/.test(line[at]) && matchAt(NUMBER, line, at);
  if (number) {
    tokens.add('number', number);
    return at + number.length;
  }
  const name = matchAt(language.name ?? NAME, line, at);
  if (name) {
    const known = language.anyCase ? name.toLowerCase() : name;
    const kind = language.keywords?.has(known) ? 'keyword' : language.constants?.has(known) ? 'constant'
      : line[at + name.length] === '(' ? 'function' : '';
    tokens.add(kind, name);
    return at + name.length;
  }
  const other = matchAt(PLAIN, line, at) ?? line[at];
  tokens.add('', other);
  return at + other.length;
}

const MARKUP_COMMENT = { end: '-->', kind: 'comment' };
const MARKUP_TAG = { end: '>', kind: 'tag' };
const TAG_PART = /"[^"]*"?|'[^']*'?|[^\s"'=>]+|[\s=]+/y;

function markupTokens(line, before) {
  const tokens = new Tokens();
  let state = before;
  let at = 0;
  while (at < line.length) {
    if (state === MARKUP_COMMENT) {
      const end = line.indexOf('-->', at);
      const stop = end < 0 ? line.length : end + 3;
      tokens.add('comment', line.slice(at, stop));
      if (end >= 0) state = null;
      at = stop;
    } else if (state === MARKUP_TAG) {
      if (line[at] === '>') {
        tokens.add('tag', '>');
        state = null;
        at += 1;
        continue;
      }
      const part = matchAt(TAG_PART, line, at) ?? line[at];
      tokens.add(/^["']/.test(part) ? 'string' : /^[\s=]/.test(part) ? '' : part === '/' ? 'tag' : 'meta', part);
      at += part.length;
    } else if (line.startsWith('<!--', at)) {
      state = MARKUP_COMMENT;
    } else {
      const tag = matchAt(/<[!/?]?[a-zA-Z][\w:.-]*/y, line, at);
      const entity = !tag && matchAt(/&#?\w{1,32};/y, line, at);
      const text = tag || entity || matchAt(/[^<&]+/y, line, at) || line[at];
      tokens.add(tag ? 'tag' : entity ? 'constant' : '', text);
      if (tag) state = MARKUP_TAG;
      at += text.length;
    }
  }
  return { tokens: tokens.list, state };
}

function diffTokens(line) {
  if (line === '') return [];
  if (/^(?:\+\+\+|---|@@|diff |index )/.test(line)) return [['meta', line]];
  return [[line[0] === '+' ? 'added' : line[0] === '-' ? 'removed' : '', line]];
}
