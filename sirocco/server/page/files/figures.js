/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en');
export const count = (number) => whole.format(Math.round(number));

export function seconds(value) {
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}

export const rate = (perSecond) => `${perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)} tokens/s`;

const ENDS = { length: 'cut at the limit', stopped: 'stopped' };

/**
 * What is told below an answer.
 * @param {import('./conversation.js').Message} message
 * @returns {string[]}
 */
export function figuresOf({ figures = {}, finish, model, drawn }) {
  if (drawn) return drawnFigures(drawn, model, finish);
  const { tokensPerSecond, firstTokenSeconds, answerTokens } = figures;
  return [
    model,
    answerTokens !== undefined && `${count(answerTokens)} ${answerTokens === 1 ? 'token' : 'tokens'}`,
    tokensPerSecond > 0 && rate(tokensPerSecond),
    firstTokenSeconds !== undefined && `first after ${seconds(firstTokenSeconds)}`,
    ENDS[finish],
  ].filter(Boolean);
}

const drawnFigures = ({ size, steps, seed, seconds: took }, model, finish) => [
  model,
  size?.replace('x', ' × '),
  steps !== undefined && `${count(steps)} ${steps === 1 ? 'step' : 'steps'}`,
  seed !== undefined && `seed ${seed}`,
  took !== undefined && seconds(took),
  ENDS[finish],
].filter(Boolean);

/**
 * How much of a model's context the shown messages take, by the last answer that tells; null when none does.
 * @param {import('./conversation.js').Message[]} path
 */
export function contextUsed(path) {
  const last = path.findLast(({ figures }) => figures?.promptTokens !== undefined);
  return last ? last.figures.promptTokens + (last.figures.answerTokens ?? 0) : null;
}

const DAY_MS = 86400000;

/** The group of the list that a conversation of that time stands in. */
export function ageOf(time, now = new Date()) {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (time >= today) return 'Today';
  if (time >= today - DAY_MS) return 'Yesterday';
  return time >= today - 7 * DAY_MS ? 'Last 7 days' : 'Older';
}
