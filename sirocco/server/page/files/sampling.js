/**
 * How tokens are chosen: one table for the form, for requests and for what is imported. What a conversation doesn't set is the
 * model's own.
 *
 * @typedef {object} Setting
 * @property {string} name of the request's member
 * @property {string} label
 * @property {string} help
 * @property {number} min
 * @property {number} max
 * @property {boolean} [whole]
 * @property {boolean} [aboveMin] `min` itself isn't allowed
 */

/** @type {Setting[]} */
export const SETTINGS = [
  { name: 'temperature', label: 'Temperature', help: '0: always the likeliest; higher: freer', min: 0, max: 100 },
  { name: 'top_p', label: 'Top p', help: 'Among the likeliest that hold this probability; 1: all', min: 0, max: 1 },
  { name: 'top_k', label: 'Top k', help: 'Among so many likeliest; 0: all', min: 0, max: 2147483647, whole: true },
  { name: 'min_p', label: 'Min p', help: 'Without those below this part of the likeliest', min: 0, max: 1 },
  { name: 'repeat_penalty', label: 'Repeat penalty', help: 'Above 1: against repetition', min: 0, max: 100, aboveMin: true },
  { name: 'max_tokens', label: 'Max tokens', help: 'The answer ends at so many', min: 1, max: 16777216, whole: true },
  { name: 'seed', label: 'Seed', help: 'The same seed gives the same answer', min: 0, max: Number.MAX_SAFE_INTEGER, whole: true },
];

/** @returns {string | null} what is wrong with a value, or null */
export function problemWith({ label, min, max, whole, aboveMin }, value) {
  const inside = typeof value === 'number' && value >= min && value <= max && !(aboveMin && value === min);
  if (inside && (!whole || Number.isSafeInteger(value))) return null;
  const most = max >= 2147483647 ? '' : ` to ${max}`;
  return `${label} is ${whole ? 'a whole number' : 'a number'} ${aboveMin ? `above ${min}, up to ${max}` : `from ${min}${most || ' on'}`}`;
}

/**
 * The value that a person wrote: undefined for nothing, which leaves it to the model.
 * @returns {{value: number | undefined, problem: string | null}}
 */
export function readSetting(setting, text) {
  const written = text.trim().replace(',', '.');
  if (written === '') return { value: undefined, problem: null };
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(written) ? Number(written) : Number.NaN;
  return { value, problem: problemWith(setting, value) };
}
