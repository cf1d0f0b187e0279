import { EventReader } from './server_events.js';

/**
 * The server, as the page uses it.
 *
 * @typedef {{id: string, context: number, chats: boolean, sees: boolean, hears: boolean}} Model
 * @typedef {{content?: string, reasoning?: string, finish?: string, usage?: object, timings?: object, warnings?: string[]}} Piece
 */

/** A request that came to nothing. The message is for people. */
export class ApiProblem extends Error {
  /** @param {'key' | 'unreachable' | 'cut' | 'busy' | 'ending' | 'refused' | 'broken'} kind */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

const sentence = (text) => (text && !/[.!?…]$/.test(text) ? `${text}.` : text);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function problemOf(status, said) {
  const told = sentence(capital(said || `the server answered ${status}`));
  if (status === 401) return new ApiProblem('key', 'This server wants an API key.');
  if (status === 429) return new ApiProblem('busy', `Too many requests are waiting. Try again in a moment. (${told})`);
  if (status === 503) return new ApiProblem('ending', `The server isn't ready. ${told}`);
  if (status >= 500) return new ApiProblem('broken', `The server failed. ${told}`);
  return new ApiProblem('refused', told);
}

async function problemIn(response) {
  let said = '';
  try {
    said = (await response.json()).error?.message;
  } catch {
    // No JSON: something else than this server answered.
  }
  return problemOf(response.status, typeof said === 'string' ? said : '');
}

export class Api {
  #fetch;
  #key;

  /**
   * @param {{get(): string | null}} key
   * @param {typeof fetch} [fetcher]
   */
  constructor(key, fetcher = (...given) => fetch(...given)) {
    this.#key = key;
    this.#fetch = fetcher;
  }

  async #ask(path, { body, signal } = {}) {
    const headers = new Headers();
    const key = this.#key.get();
    if (key) headers.set('Authorization', `Bearer ${key}`);
    if (body) headers.set('Content-Type', 'application/json');
    let response;
    try {
      response = await this.#fetch(path, { method: body ? 'POST' : 'GET', headers, body, signal, cache: 'no-store' });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiProblem('unreachable', "The server can't be reached. Is sirocco serve still running?");
    }
    if (!response.ok) throw await problemIn(response);
    return response;
  }

  /** @returns {Promise<Model[]>} */
  async models() {
    const { data } = await (await this.#ask('v1/models')).json();
    return data.map(({ id, max_model_len: context, capabilities }) => ({
      id, context: context ?? 0, chats: capabilities?.includes('chat') ?? true, sees: capabilities?.includes('multimodal') ?? false,
      hears: capabilities?.includes('audio') ?? false,
    }));
  }

  /**
   * An answer, piece by piece. Throws ApiProblem; when `signal` stopped it, what fetch throws.
   * @param {object} request the body's members
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Piece>}
   */
  async *chat(request, signal) {
    const body = JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } });
    const response = await this.#ask('v1/chat/completions', { body, signal });
    const stream = response.body.getReader();
    const events = new EventReader();
    for (;;) {
      let read;
      try {
        read = await stream.read();
      } catch (error) {
        if (signal.aborted) throw error;
        throw new ApiProblem('cut', 'The connection broke off before the answer ended.');
      }
      if (read.done) throw new ApiProblem('cut', 'The connection ended before the answer did.');
      for (const data of events.read(read.value)) {
        if (data === '[DONE]') return;
        yield pieceOf(data);
      }
    }
  }
}

function pieceOf(data) {
  let event;
  try {
    event = JSON.parse(data);
  } catch {
    throw new ApiProblem('broken', 'The server sent something that is no answer.');
  }
  if (event.error) throw problemOf(event.error.code === 'invalid_api_key' ? 401 : 500, String(event.error.message ?? ''));
  const choice = event.choices?.[0];
  return {
    content: choice?.delta?.content ?? '',
    reasoning: choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? '',
    finish: choice?.finish_reason ?? undefined,
    usage: event.usage ?? undefined,
    timings: event.timings ?? undefined,
    warnings: event.warnings ?? undefined,
  };
}
