/**
 * Markdown within a block: emphasis, code spans, links. It follows CommonMark and GitHub's tables, strikethrough and bare
 * addresses, with these differences: a line's end is a line break; HTML is text; images are links; a link leads to http, https
 * or mailto or is no link. Time and memory are in proportion to the text's length.
 *
 * @typedef {{kind: 'text', text: string} | {kind: 'code', text: string} | {kind: 'break'} |
 *   {kind: 'strong' | 'em' | 'del', children: Inline[]} |
 *   {kind: 'link', href: string, image: boolean, children: Inline[]}} Inline
 */

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);
const LONGEST_ADDRESS = 2048;
const MOST_OPEN = 48;
const LONGEST_RUN = 8;
const DEEPEST_PARENTHESES = 32;

const SPECIAL = /[\\`*_~[\]!<&\n]|https?:\/\//g;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const ENTITY = /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp|copy|reg|hellip|mdash|ndash));/y;
const ENTITIES = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', hellip: '…', mdash: '—', ndash: '–',
};
const ANGLE = /<([a-zA-Z][a-zA-Z+.-]{1,31}:[^\s<>]{0,2048}|[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,255})>/y;
const BARE = /https?:\/\/[^\s<>"`]{1,2048}/y;
const TITLE = /[ \n]{1,9}(?:"(?:[^"\\]|\\.){0,999}"|'(?:[^'\\]|\\.){0,999}'|\((?:[^()\\]|\\.){0,999}\))/y;

/** The address as the browser understands it, or null for one that no link may have. */
export function safeAddress(text) {
  // Without a base: what is relative would lead to this server.
  if (text.length > LONGEST_ADDRESS || !URL.canParse(text)) return null;
  const url = new URL(text);
  return SCHEMES.has(url.protocol) ? url.href : null;
}

/**
 * @param {string} text
 * @param {boolean} [unfinished] more of it will come: what is open is shown as if it were closed at the end
 * @returns {Inline[]}
 */
export function parseInline(text, unfinished = false) {
  const tokens = tokensOf(text, unfinished);
  return build(tokens, 0, tokens.length, unfinished);
}

function tokensOf(text, unfinished) {
  const tokens = [];
  const brackets = []; // of tokens that may yet open a link
  const withoutEnd = new Set(); // lengths of runs of backticks that have no match behind here
  let at = 0;
  const say = (said) => {
    if (said !== '') tokens.push({ kind: 'text', text: said });
  };
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const found = SPECIAL.exec(text);
    if (!found) break;
    const start = found.index;
    const mark = found[0];
    say(mark === '\n' ? text.slice(at, start).trimEnd() : text.slice(at, start));
    at = start + 1;
    if (mark === '\\') {
      if (text[at] === '\n') tokens.push({ kind: 'break' });
      else if (at < text.length && ESCAPABLE.test(text[at])) say(text[at]);
      else {
        say('\\');
        continue;
      }
      at += 1;
    } else if (mark === '\n') {
      tokens.push({ kind: 'break' });
      while (text[at] === ' ') at += 1;
    } else if (mark === '`') {
      at = codeSpan(text, start, tokens, withoutEnd, unfinished);
    } else if (mark === '*' || mark === '_' || mark === '~') {
      at = delimiter(text, start, tokens);
    } else if (mark === '[' || (mark === '!' && text[at] === '[')) {
      if (mark === '!') at += 1;
      brackets.push(tokens.length);
      tokens.push({ kind: 'bracket', image: mark === '!', link: null });
    } else if (mark === ']') {
      at = closeBracket(text, start, tokens, brackets, unfinished);
    } else if (mark === '<') {
      ANGLE.lastIndex = start;
      const address = ANGLE.exec(text)?.[1];
      const href = address && safeAddress(address.includes(':') ? address : `mailto:${address}`);
      if (href) {
        tokens.push({ kind: 'address', text: address, href });
        at = ANGLE.lastIndex;
      } else say('<');
    } else if (mark === '&') {
      ENTITY.lastIndex = start;
      const entity = ENTITY.exec(text);
      say(entity ? characterOf(entity) : '&');
      if (entity) at = ENTITY.lastIndex;
    } else if (mark.startsWith('http')) {
      const address = start > 0 && /[\w@]/.test(text[start - 1]) ? mark : bareAddress(text, start);
      const href = safeAddress(address);
      if (href) tokens.push({ kind: 'address', text: address, href });
      else say(address);
      at = start + address.length;
    } else say(mark);
  }
  say(text.slice(at));
  return tokens;
}

function characterOf([, decimal, hexadecimal, name]) {
  if (name) return ENTITIES[name];
  const code = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal, 16);
  const sound = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return sound ? String.fromCodePoint(code) : '\ufffd';
}

function codeSpan(text, start, tokens, withoutEnd, unfinished) {
  let end = start;
  while (text[end] === '`') end += 1;
  const length = end - start;
  const run = /`+/g;
  run.lastIndex = end;
  for (let found; !withoutEnd.has(length) && (found = run.exec(text)); ) {
    if (found[0].length !== length) continue;
    tokens.push({ kind: 'code', text: codeText(text.slice(end, found.index)) });
    return run.lastIndex;
  }
  withoutEnd.add(length);
  if (unfinished && end < text.length) {
    tokens.push({ kind: 'code', text: codeText(text.slice(end)) });
    return text.length;
  }
  tokens.push({ kind: 'text', text: text.slice(start, end) });
  return end;
}

function codeText(text) {
  const line = text.replaceAll('\n', ' ');
  return line.startsWith(' ') && line.endsWith(' ') && line.trim() !== '' ? line.slice(1, -1) : line;
}

const isSpace = (character) => character === '' || /\s/u.test(character);
const isPunctuation = (character) => /[\p{P}\p{S}]/u.test(character);

function characterBefore(text, at) {
  if (at === 0) return '';
  const low = text.charCodeAt(at - 1);
  return low >= 0xdc00 && low <= 0xdfff && at > 1 ? text.slice(at - 2, at) : text[at - 1];
}

function delimiter(text, start, tokens) {
  const mark = text[start];
  let end = start;
  while (text[end] === mark) end += 1;
  const count = end - start;
  const before = characterBefore(text, start);
  const after = end < text.length ? String.fromCodePoint(text.codePointAt(end)) : '';
  const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before));
  const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after));
  // One tilde is mostly "about"; a long row of stars is a line, not emphasis in emphasis.
  if ((!left && !right) || (mark === '~' && count !== 2) || count > LONGEST_RUN) tokens.push({ kind: 'text', text: text.slice(start, end) });
  else {
    const word = mark === '_';
    const opens = left && (!word || !right || isPunctuation(before));
    const closes = right && (!word || !left || isPunctuation(after));
    tokens.push({ kind: 'delimiter', mark, count, length: count, opens, closes });
  }
  return end;
}

/** Reads `(address "title")`; where the bracket closes a link, its opener is told. */
function closeBracket(text, start, tokens, brackets, unfinished) {
  const opener = brackets.pop();
  if (opener !== undefined) {
    const found = destination(text, start + 1);
    if (found) {
      tokens[opener].link = { address: found.address, end: tokens.length, source: text.slice(start, found.end) };
      tokens.push({ kind: 'bracket end' });
      // There is no link within a link; of a picture in one, the words are shown.
      if (!tokens[opener].image) brackets.length = 0;
      return found.end;
    }
    // Half an address isn't shown.
    if (unfinished && text[start + 1] === '(' && !/[\s)]/.test(text.slice(start + 2))) {
      tokens[opener] = { kind: 'text', text: '' };
      return text.length;
    }
  }
  tokens.push({ kind: 'text', text: ']' });
  return start + 1;
}

function destination(text, at) {
  if (text[at] !== '(') return null;
  let end = at + 1;
  while (text[end] === ' ' || text[end] === '\n') end += 1;
  const begin = end;
  let address;
  if (text[end] === '<') {
    const limit = Math.min(text.length, begin + LONGEST_ADDRESS);
    while (end < limit && text[end] !== '>' && text[end] !== '\n') end += 1;
    if (text[end] !== '>') return null;
    address = text.slice(begin + 1, end);
    end += 1;
  } else {
    let depth = 0;
    for (; end < text.length && end - begin <= LONGEST_ADDRESS; end += 1) {
      const character = text[end];
      if (character === '\\' && end + 1 < text.length) end += 1;
      else if (character === '(' && (depth += 1) > DEEPEST_PARENTHESES) return null;
      else if (character === ')' && depth-- === 0) break;
      else if (/\s/.test(character)) break;
    }
    address = text.slice(begin, end);
  }
  TITLE.lastIndex = end;
  if (TITLE.test(text)) end = TITLE.lastIndex;
  while (text[end] === ' ' || text[end] === '\n') end += 1;
  return text[end] === ')' ? { address: address.replace(/\\([!-/:-@[-`{-~])/g, '$1'), end: end + 1 } : null;
}

/** An address that stands in a text, without the marks of the sentence around it. */
function bareAddress(text, start) {
  BARE.lastIndex = start;
  let address = BARE.exec(text)?.[0] ?? text.slice(start, text.indexOf('/', start) + 2);
  let surplus = 0;
  for (const character of address) surplus += character === ')' ? 1 : character === '(' ? -1 : 0;
  for (;;) {
    const last = address.at(-1);
    if (last === ')' && surplus > 0) surplus -= 1;
    else if (!last || !/[.,:;!?'"*_~\]]/.test(last)) break;
    address = address.slice(0, -1);
  }
  return address;
}

const KINDS = { '*1': 'em', '*2': 'strong', '_1': 'em', '_2': 'strong', '~2': 'del' };

/**
 * What tokens mean. Open emphasis is a stack of frames, each with what came behind its delimiter; the frames above one that is
 * closed were none, and their delimiters are text.
 */
function build(tokens, from, to, unfinished) {
  const frames = [{ mark: '', children: [] }];
  const put = (child) => add(frames.at(-1).children, child);
  const fold = (down) => {
    for (const frame of frames.splice(down + 1)) {
      add(frames[down].children, { kind: 'text', text: frame.mark.repeat(frame.count) });
      for (const child of frame.children) add(frames[down].children, child);
    }
  };
  const wrap = (index, use) => {
    fold(index);
    const frame = frames[index];
    const made = { kind: KINDS[frame.mark + use], children: frame.children };
    frame.count -= use;
    if (frame.count === 0) frames.length = index;
    else frame.children = [];
    put(made);
  };
  for (let i = from; i < to; i += 1) {
    const token = tokens[i];
    if (token.kind === 'delimiter') {
      while (token.closes && token.count > 0) {
        const index = frames.findLastIndex((frame) => matches(frame, token));
        if (index < 1) break;
        const use = token.count >= 2 && frames[index].count >= 2 ? 2 : 1;
        wrap(index, use);
        token.count -= use;
      }
      if (token.count === 0) continue;
      if (token.opens && frames.length < MOST_OPEN) frames.push({ ...token, children: [] });
      else put({ kind: 'text', text: token.mark.repeat(token.count) });
    } else if (token.kind === 'bracket' && token.link) {
      const { address, end, source } = token.link;
      const children = build(tokens, i + 1, end, false);
      const href = safeAddress(address);
      if (href) put({ kind: 'link', href, image: token.image, children });
      else {
        put({ kind: 'text', text: token.image ? '![' : '[' });
        children.forEach(put);
        put({ kind: 'text', text: source });
      }
      i = end;
    } else if (token.kind === 'bracket') put({ kind: 'text', text: token.image ? '![' : '[' });
    else if (token.kind === 'address') {
      put({ kind: 'link', href: token.href, image: false, children: [{ kind: 'text', text: token.text }] });
    } else put(token);
  }
  while (unfinished && frames.length > 1) {
    const last = frames.at(-1);
    // An opener with nothing behind it yet is left out.
    if (last.children.length === 0) frames.pop();
    else wrap(frames.length - 1, last.count >= 2 ? 2 : 1);
  }
  fold(0);
  return frames[0].children;
}

/** Texts side by side are one. */
function add(children, child) {
  const last = children.at(-1);
  if (child.kind === 'text' && last?.kind === 'text') children[children.length - 1] = { kind: 'text', text: last.text + child.text };
  else children.push(child);
}

function matches(frame, token) {
  if (frame.mark !== token.mark) return false;
  if (token.mark === '~') return true;
  // CommonMark's rule of three: *a**b* is no strong.
  const either = frame.closes || token.opens;
  return !either || (frame.length + token.length) % 3 !== 0 || (frame.length % 3 === 0 && token.length % 3 === 0);
}
