import { soundPart } from './sounds.js';

/**
 * @typedef {import('./conversation.js').Conversation} Conversation
 * @typedef {import('./conversation.js').Message} Message
 */

/** What a message says as the server takes it: a text or, where there are pictures or sounds, parts. */
function contentOf({ content, pictures = [], sounds = [] }) {
  if (pictures.length + sounds.length === 0) return content;
  const parts = [...pictures.map((url) => ({ type: 'image_url', image_url: { url } })), ...sounds.map(soundPart)];
  return content === '' ? parts : [...parts, { type: 'text', text: content }];
}

const joined = (a, b) => {
  if (typeof a === 'string' && typeof b === 'string') return `${a}\n\n${b}`;
  return [a, b].flatMap((content) => (typeof content === 'string' ? { type: 'text', text: content } : content));
};

/** The members of the request that a message answers. */
export function requestFor(conversation, message) {
  const messages = [];
  for (const before of conversation.before(message)) {
    const { role } = before;
    // An answer that failed says nothing; most templates want the roles in turn.
    if (role === 'assistant' && before.content === '') continue;
    const content = contentOf(before);
    if (messages.at(-1)?.role === role) messages.at(-1).content = joined(messages.at(-1).content, content);
    else messages.push({ role, content });
  }
  if (conversation.system.trim() !== '') messages.unshift({ role: 'system', content: conversation.system });
  return { model: message.model, messages, ...conversation.sampling };
}

/** An answer that is being written into a conversation. */
export class Generation {
  #stopper = new AbortController();

  /**
   * @param {import('./api.js').Api} api
   * @param {Conversation} conversation
   * @param {Message} message the answer's, without content
   * @param {{model: import('./api.js').Model, onPiece: (piece: {content?: string, reasoning?: string, picture?: string}) => void,
   *   now?: () => number}} options
   */
  constructor(api, conversation, message, { model, onPiece, now = () => performance.now() }) {
    Object.assign(this, { api, conversation, message, model, onPiece, now });
    /** Why there is no answer, when there is none. @type {Error | null} */
    this.problem = null;
  }

  stop() {
    this.#stopper.abort();
  }

  /** Over when the answer is, however it ended. */
  async run() {
    const { message } = this;
    const began = this.now();
    message.figures = {};
    try {
      for await (const piece of this.pieces(this.#stopper.signal)) this.take(piece, began);
      message.finish ??= 'stop';
    } catch (error) {
      if (this.#stopper.signal.aborted) message.finish = 'stopped';
      else {
        message.finish = 'failed';
        message.problem = error.message;
        this.problem = error;
      }
    }
    this.conversation.updated = Date.now();
  }

  /** What the server sends for it. */
  pieces(signal) {
    return this.api.chat(requestFor(this.conversation, this.message), signal);
  }

  /** @param {number} began when it was asked for, as `now` has it */
  take(piece, began) {
    const { message } = this;
    const { content, reasoning, finish, usage, timings, warnings } = piece;
    if (content || reasoning) {
      message.figures.firstTokenSeconds ??= (this.now() - began) / 1000;
      message.content += content;
      if (reasoning) message.reasoning = (message.reasoning ?? '') + reasoning;
      this.onPiece({ content, reasoning });
    }
    if (finish) message.finish = finish === 'stop' ? 'stop' : 'length';
    if (warnings) message.warnings = warnings.map(String);
    if (usage) {
      message.figures.promptTokens = usage.prompt_tokens;
      message.figures.answerTokens = usage.completion_tokens;
    }
    if (timings?.predicted_per_second > 0) message.figures.tokensPerSecond = timings.predicted_per_second;
  }
}
