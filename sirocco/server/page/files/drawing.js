import { ApiProblem } from './api.js';
import { Generation } from './generation.js';

/**
 * What a picture was made with.
 * @typedef {object} Drawn
 * @property {string} prompt
 * @property {Record<string, string | number>} asked the settings of the conversation then
 * @property {string} [size] as in `512x512`
 * @property {number} [steps]
 * @property {number} [seed]
 * @property {number} [seconds] as the server measured them
 */

const MOST_PARTIAL_PICTURES = 3; // and no more than steps

/** What an answer begins with that is to be drawn. @returns {Drawn} */
export const toBeDrawn = (prompt, settings) => ({ prompt, asked: { ...settings } });

/** Whether only the seeds are others. */
const sameSettings = (a, b) => ['size', 'steps', 'guidance', 'strength'].every((name) => a?.[name] === b?.[name]);

/** The seed of a version: the one that is set or, where a version like this one was drawn with it, the next that is free. */
function seedFor(conversation, message) {
  const { asked } = message.drawn;
  if (asked.seed === undefined) return undefined;
  const used = new Set(conversation.versions(message)
    .filter((other) => other !== message && other.model === message.model && sameSettings(other.drawn?.asked, asked))
    .map(({ drawn }) => drawn.seed));
  let { seed } = asked;
  while (used.has(seed)) seed += 1;
  return seed;
}

/** A picture that is being drawn into a conversation. What stands before its prompt doesn't count. */
export class Drawing extends Generation {
  /** What has come of it, as a data: URL; it is shown, but isn't kept. @type {string | null} */
  partial = null;

  pieces(signal) {
    const { api, conversation, message, model } = this;
    const { prompt, asked } = message.drawn;
    const { pictures = [] } = conversation.messages.get(message.parent);
    if (prompt.trim() === '') throw new ApiProblem('refused', 'A picture needs words that say what it shows.');
    if (pictures.length > 0 && !model.edits) throw new ApiProblem('refused', `${model.id} can't draw from a picture.`);
    if (pictures.length > 1) throw new ApiProblem('refused', `A picture is drawn from one other; the message has ${pictures.length}.`);
    const { strength, ...settings } = asked;
    const [source] = pictures;
    const partial_images = Math.min(MOST_PARTIAL_PICTURES, settings.steps ?? Infinity);
    const request = { model: model.id, prompt, ...settings, seed: seedFor(conversation, message), partial_images };
    return api.draw(source ? { ...request, strength } : request, source, signal);
  }

  take({ partial, picture, drawn, warnings }) {
    const { message } = this;
    if (warnings) message.warnings = warnings.map(String);
    if (partial) {
      this.partial = partial;
      this.onPiece({ picture: partial });
    }
    if (!picture) return;
    message.pictures = [picture];
    Object.assign(message.drawn, drawn);
  }
}
