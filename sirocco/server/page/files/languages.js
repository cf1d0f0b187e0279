/**
 * What the highlighter knows of languages: how comments, texts and numbers are written, and the words with a meaning.
 *
 * @typedef {object} Language
 * @property {string[]} [line] what begins a comment up to the end of the line
 * @property {[string, string][]} [block] what begins and ends one over lines
 * @property {string[]} [quotes] what begins and ends a text within a line
 * @property {[string, string][]} [texts] what begins and ends a text over lines
 * @property {Set<string>} [keywords]
 * @property {Set<string>} [constants]
 * @property {RegExp} [meta] directives, annotations and the like; sticky
 * @property {RegExp} [name] a word, where words have other letters than usual; sticky
 * @property {boolean} [anyCase]
 * @property {'code' | 'markup' | 'diff'} [form]
 */

const words = (text) => new Set(text.split(' '));
const C_COMMENTS = { line: ['//'], block: [['/*', '*/']] };
const HASH = { line: ['#'] };
const DOUBLE = { quotes: ['"', "'"] };
const LITERALS = 'true false null';

const C_WORDS =
  'auto break case const continue default do else enum extern for goto if inline register restrict return sizeof static struct ' +
  'switch typedef union volatile while bool char double float int long short signed unsigned void';
const JAVA_WORDS =
  'abstract assert break case catch class continue default do else enum extends final finally for if implements import instanceof ' +
  'interface native new package private protected public record return sealed static super switch synchronized this throw throws ' +
  'try var void volatile while yield boolean byte char double float int long short';
const JS_WORDS =
  'async await break case catch class const continue debugger default delete do else export extends finally for from function get ' +
  'if import in instanceof let new of return set static super switch this throw try typeof var void while with yield';

/** @type {Record<string, Language>} */
const LANGUAGES = {
  javascript: {
    ...C_COMMENTS, ...DOUBLE, texts: [['`', '`']], keywords: words(JS_WORDS),
    constants: words(`${LITERALS} undefined NaN Infinity`), meta: /@[\w$.]+/y, name: /[\p{L}_$][\p{L}\p{N}_$]*/uy,
  },
  typescript: {
    ...C_COMMENTS, ...DOUBLE, texts: [['`', '`']],
    keywords: words(
      `${JS_WORDS} abstract any as asserts boolean declare enum implements infer interface is keyof module namespace never number ` +
      'object private protected public readonly satisfies string symbol type unknown'),
    constants: words(`${LITERALS} undefined NaN Infinity`), meta: /@[\w$.]+/y, name: /[\p{L}_$][\p{L}\p{N}_$]*/uy,
  },
  python: {
    ...HASH, ...DOUBLE, texts: [['"""', '"""'], ["'''", "'''"]],
    keywords: words(
      'and as assert async await break case class continue def del elif else except finally for from global if import in is ' +
      'lambda match nonlocal not or pass raise return try while with yield'),
    constants: words('True False None self cls'), meta: /@[\w.]+/y,
  },
  c: { ...C_COMMENTS, ...DOUBLE, keywords: words(C_WORDS), constants: words('NULL true false'), meta: /#[ \t]*[a-z]+/y },
  cpp: {
    ...C_COMMENTS, ...DOUBLE, texts: [['R"(', ')"']],
    keywords: words(
      `${C_WORDS} alignas alignof and catch char8_t char16_t char32_t class co_await co_return co_yield concept consteval constexpr ` +
      'constinit const_cast decltype delete dynamic_cast explicit export final friend import module mutable namespace new noexcept ' +
      'not operator or override private protected public reinterpret_cast requires static_assert static_cast template this throw ' +
      'try typeid typename using virtual'),
    constants: words('true false nullptr NULL'), meta: /#[ \t]*[a-z]+|\[\[[\w:]+\]\]/y,
  },
  csharp: {
    ...C_COMMENTS, ...DOUBLE, texts: [['"""', '"""']],
    keywords: words(
      `${JAVA_WORDS} as async await base checked const decimal delegate dynamic event explicit extern fixed foreach get goto implicit ` +
      'in init internal is lock namespace nameof object operator out override params readonly ref required sbyte set sizeof string ' +
      'struct typeof uint ulong unchecked unsafe ushort using value virtual when where'),
    constants: words(LITERALS), meta: /#[a-z]+/y,
  },
  java: { ...C_COMMENTS, ...DOUBLE, texts: [['"""', '"""']], keywords: words(JAVA_WORDS), constants: words(LITERALS), meta: /@\w+/y },
  kotlin: {
    ...C_COMMENTS, ...DOUBLE, texts: [['"""', '"""']],
    keywords: words(
      'abstract as break by class companion const constructor continue data do else enum expect final for fun get if import in init ' +
      'inline interface internal is lateinit object open operator out override package private protected public return sealed set ' +
      'suspend this throw try typealias val var vararg when where while'),
    constants: words(LITERALS), meta: /@\w+/y,
  },
  swift: {
    ...C_COMMENTS, quotes: ['"'], texts: [['"""', '"""']],
    keywords: words(
      'actor any as associatedtype async await break case catch class continue default defer deinit do else enum extension ' +
      'fallthrough fileprivate for func guard if import in init inout internal is let mutating nonisolated open operator override ' +
      'private protocol public repeat rethrows return self Self some static struct subscript super switch throw throws try ' +
      'typealias var where while'),
    constants: words('true false nil'), meta: /[@#]\w+/y,
  },
  go: {
    ...C_COMMENTS, ...DOUBLE, texts: [['`', '`']],
    keywords: words(
      'break case chan const continue default defer else fallthrough for func go goto if import interface map package range return ' +
      'select struct switch type var any bool byte complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune ' +
      'string uint uint8 uint16 uint32 uint64 uintptr'),
    constants: words('true false nil iota'),
  },
  rust: {
    ...C_COMMENTS, quotes: ['"'], texts: [['r#"', '"#']],
    keywords: words(
      'as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod move mut pub ref return ' +
      'self Self static struct super trait type unsafe use where while bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 ' +
      'u64 u128 usize'),
    constants: words('true false None Some Ok Err'), meta: /#!?\[[^\]]{0,200}\]?|'[a-z_]+\b(?!')/y, name: /[\p{L}_][\p{L}\p{N}_]*!?/uy,
  },
  ruby: {
    ...HASH, ...DOUBLE,
    keywords: words(
      'alias and begin break case class def defined? do else elsif end ensure for if in module next not or redo require rescue ' +
      'retry return self super then undef unless until when while yield attr_accessor attr_reader attr_writer'),
    constants: words('true false nil'), meta: /:[a-z_]\w*|@{1,2}\w+/y,
  },
  php: {
    line: ['//', '#'], block: [['/*', '*/']], ...DOUBLE,
    keywords: words(
      `${JAVA_WORDS} and array as callable clone const declare echo elseif endforeach endif endwhile fn foreach function global ` +
      'include isset match mixed namespace or print require string trait unset use xor'),
    constants: words(`${LITERALS} TRUE FALSE NULL`), meta: /\$\w+|<\?php|\?>/y,
  },
  bash: {
    ...HASH, texts: [['"', '"'], ["'", "'"]],
    keywords: words(
      'case do done elif else esac export fi for function if in local readonly return select set shift source then trap unset until ' +
      'while cd echo eval exec exit'),
    constants: words('true false'), meta: /\$(?:\{[^}\n]{0,200}\}|\w+|[@#?*$!-])|--?[a-zA-Z][\w-]*/y, name: /[a-zA-Z_][\w-]*/y,
  },
  sql: {
    line: ['--'], block: [['/*', '*/']], ...DOUBLE, anyCase: true,
    keywords: words(
      'add all alter and any as asc begin between by cascade case check column commit constraint create cross database default delete ' +
      'desc distinct drop else end exists explain foreign from full function group having if in index inner insert into is join key ' +
      'left like limit not offset on or order outer over partition primary procedure references returning right rollback select set ' +
      'table then top transaction trigger union unique update using values view when where with bigint boolean char date decimal ' +
      'float int integer json numeric real serial text timestamp varchar'),
    constants: words('true false null'),
  },
  lua: {
    line: ['--'], block: [['--[[', ']]']], ...DOUBLE, texts: [['[[', ']]']],
    keywords: words('and break do else elseif end for function goto if in local not or repeat return then until while'),
    constants: words('true false nil'),
  },
  r: {
    ...HASH, ...DOUBLE, keywords: words('break else for function if in library next repeat return while'),
    constants: words('TRUE FALSE NULL NA NaN Inf'), name: /[a-zA-Z._][\w.]*/y,
  },
  haskell: {
    line: ['--'], block: [['{-', '-}']], quotes: ['"'],
    keywords: words('case class data deriving do else forall if import in infixl infixr instance let module newtype of then type where'),
    constants: words('True False'), name: /[\p{L}_][\p{L}\p{N}_']*/uy,
  },
  json: { line: ['//'], quotes: ['"'], keywords: new Set(), constants: words(LITERALS), meta: /"(?:[^"\\]|\\.){0,200}"(?=\s{0,9}:)/y },
  yaml: {
    ...HASH, ...DOUBLE, keywords: new Set(), constants: words(`${LITERALS} yes no on off`),
    meta: /[\w.$/-]+(?=:(?:\s|$))|^---|[&*][\w-]+/y, name: /[\w./-]+/y,
  },
  toml: {
    line: ['#', ';'], ...DOUBLE, texts: [['"""', '"""'], ["'''", "'''"]], keywords: new Set(), constants: words('true false'),
    meta: /\[{1,2}[^\]\n]{1,200}\]{1,2}|[\w.-]+(?=\s{0,9}=)/y, name: /[\w.-]+/y,
  },
  css: {
    block: [['/*', '*/']], line: [], ...DOUBLE, keywords: words('important'), constants: new Set(),
    meta: /@[\w-]+|#[\da-fA-F]{3,8}\b|--[\w-]+|[\w-]+(?=\s{0,9}:\s)/y, name: /[.#]?[a-zA-Z_-][\w-]*/y,
  },
  dockerfile: {
    ...HASH, ...DOUBLE, anyCase: true,
    keywords: words('add arg as cmd copy entrypoint env expose from healthcheck label run shell user volume workdir'),
    constants: new Set(), meta: /\$\{?\w+\}?|--[\w-]+/y,
  },
  make: { ...HASH, ...DOUBLE, keywords: words('define else endef endif export ifdef ifeq ifndef ifneq include'), meta: /\$[({][\w.-]+[)}]|^[\w./%-]+(?=:)/y },
  markup: { form: 'markup' },
  diff: { form: 'diff' },
};

const ALIASES = {
  js: 'javascript', jsx: 'javascript', mjs: 'javascript', cjs: 'javascript', node: 'javascript', ts: 'typescript',
  tsx: 'typescript', py: 'python', python3: 'python', pycon: 'python', h: 'c', 'c++': 'cpp', cc: 'cpp', cxx: 'cpp', hpp: 'cpp',
  cuda: 'cpp', objc: 'c', cs: 'csharp', 'c#': 'csharp', kt: 'kotlin', golang: 'go', rs: 'rust', rb: 'ruby', sh: 'bash', shell: 'bash',
  zsh: 'bash', console: 'bash', powershell: 'bash', fish: 'bash', mysql: 'sql', postgresql: 'sql', sqlite: 'sql', hs: 'haskell',
  json5: 'json', jsonc: 'json', yml: 'yaml', ini: 'toml', conf: 'toml', scss: 'css', less: 'css', docker: 'dockerfile',
  makefile: 'make', cmake: 'make', html: 'markup', xml: 'markup', svg: 'markup', vue: 'markup', xhtml: 'markup', patch: 'diff',
  scala: 'kotlin', dart: 'java', zig: 'rust',
};

/**
 * What there is for a name that stands behind a fence; null for a language that isn't known.
 * @returns {Language | null}
 */
export function languageOf(name) {
  const lower = name.toLowerCase();
  const known = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  return Object.hasOwn(LANGUAGES, known) ? LANGUAGES[known] : null;
}

export const languageNames = [...Object.keys(LANGUAGES), ...Object.keys(ALIASES)];
