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
 * @property {boolean} [size] a width and a height, as in `512x512`, in place of a number
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

/** How pictures are drawn, likewise. */
export const DRAWING_SETTINGS = [
  { name: 'size', label: 'Size', help: 'Width and height in pixels, as in 512x512', size: true },
  { name: 'steps', label: 'Steps', help: 'More take longer', min: 1, max: Number.MAX_SAFE_INTEGER, whole: true },
  { name: 'guidance', label: 'Guidance', help: 'How closely to follow the prompt, of models that read it', min: 0, max: 1000000 },
  { name: 'seed', label: 'Seed', help: 'The same seed draws the same picture; versions count on from it', min: 0, max: Number.MAX_SAFE_INTEGER, whole: true },
  { name: 'strength', label: 'Strength', help: 'Of a picture drawn from another: 1 leaves nothing of that', min: 0, max: 1 },
];

const SIZE = /^[1-9]\d{0,4}x[1-9]\d{0,4}$/;
export const isSize = (value) => typeof value === 'string' && SIZE.test(value);

/** @returns {string | null} what is wrong with a value, or null */
export function problemWith({ label, min, max, whole, aboveMin, size }, value) {
  if (size) return isSize(value) ? null : `${label} is a width and a height, as in 512x512`;
  const inside = typeof value === 'number' && value >= min && value <= max && !(aboveMin && value === min);
  if (inside && (!whole || Number.isSafeInteger(value))) return null;
  const most = max >= 2147483647 ? '' : ` to ${max}`;
  return `${label} is ${whole ? 'a whole number' : 'a number'} ${aboveMin ? `above ${min}, up to ${max}` : `from ${min}${most || ' on'}`}`;
}

/**
 * The value that a person wrote: undefined for nothing, which leaves it to the model.
 * @returns {{value: number | string | undefined, problem: string | null}}
 */
export function readSetting(setting, text) {
  const written = text.trim().replace(',', '.');
  if (written === '') return { value: undefined, problem: null };
  if (setting.size) {
    const value = written.replace(/\s*[x×*]\s*/i, 'x');
    return { value, problem: problemWith(setting, value) };
  }
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(written) ? Number(written) : Number.NaN;
  return { value, problem: problemWith(setting, value) };
}
