import { EventReader } from './server_events.js';
import { blobOf, isDrawn } from './pictures.js';
import { isSize } from './sampling.js';

/**
 * The server, as the page uses it.
 *
 * @typedef {{id: string, context: number, chats: boolean, sees: boolean, hears: boolean, draws: boolean, edits: boolean}} Model `edits`:
 *   it draws from a picture too
 * @typedef {{content?: string, reasoning?: string, finish?: string, usage?: object, timings?: object, warnings?: string[]}} Piece
 * @typedef {{partial?: string, picture?: string, drawn?: object, warnings?: string[]}} PieceOfPicture data: URLs; `drawn`: what the
 *   picture was made with
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
const number = (value) => (Number.isFinite(value) && value >= 0 ? value : undefined);
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
    // Of a form the browser says the type.
    if (typeof body === 'string') headers.set('Content-Type', 'application/json');
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
      hears: capabilities?.includes('audio') ?? false, draws: capabilities?.includes('image') ?? false,
      edits: capabilities?.includes('image-edit') ?? false,
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
    for await (const data of this.#events('v1/chat/completions', body, signal)) {
      if (data === '[DONE]') return;
      yield pieceOf(data);
    }
    throw new ApiProblem('cut', 'The connection ended before the answer did.');
  }

  /**
   * A picture, and before it what it is expected to become. Throws as `chat` does.
   * @param {object} request the body's members
   * @param {string} [source] the picture that it is drawn from, as a data: URL
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<PieceOfPicture>}
   */
  async *draw(request, source, signal) {
    const members = { ...request, stream: true };
    const path = source ? 'v1/images/edits' : 'v1/images/generations';
    for await (const data of this.#events(path, source ? formOf(members, source) : JSON.stringify(members), signal)) {
      const piece = pieceOfPicture(data);
      if (piece) yield piece;
      if (piece?.picture) return;
    }
    throw new ApiProblem('cut', 'The connection ended before the picture was done.');
  }

  /** The data of the events that answer a request. */
  async *#events(path, body, signal) {
    const response = await this.#ask(path, { body, signal });
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
      if (read.done) return;
      yield* events.read(read.value);
    }
  }
}

/** The form of a request with a picture. Members without a value are left out, as JSON does it. */
function formOf(members, source) {
  const form = new FormData();
  for (const [name, value] of Object.entries(members)) if (value !== undefined) form.append(name, String(value));
  form.append('image', blobOf(source), 'picture');
  return form;
}

function eventOf(data) {
  let event;
  try {
    event = JSON.parse(data);
  } catch {
    throw new ApiProblem('broken', 'The server sent something that is no answer.');
  }
  if (event.error) throw problemOf(event.error.code === 'invalid_api_key' ? 401 : 500, String(event.error.message ?? ''));
  return event;
}

function pieceOf(data) {
  const event = eventOf(data);
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

/** Nothing for an event that is of no matter here. */
function pieceOfPicture(data) {
  const { type, b64_json: file, size, seed, timings, warnings } = eventOf(data);
  const kind = /^image_(?:generation|edit)\.(partial_image|completed)$/.exec(type)?.[1];
  if (!kind) return null;
  const url = `data:image/png;base64,${file}`;
  if (!isDrawn(url)) throw new ApiProblem('broken', 'The server sent something that is no picture.');
  if (kind === 'partial_image') return { partial: url };
  const drawn = { size: isSize(size) ? size : undefined, steps: number(timings?.steps), seed: number(seed), seconds: number(timings?.drawn_ms / 1000) };
  return { picture: url, drawn: JSON.parse(JSON.stringify(drawn)), warnings: Array.isArray(warnings) ? warnings : undefined };
}
