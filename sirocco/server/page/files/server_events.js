/** Takes a stream of server-sent events apart. Only their data is wanted here. */
export class EventReader {
  #line = '';
  #data = [];
  #decoder = new TextDecoder();

  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} the data of the events that are whole with them
   */
  read(bytes) {
    const events = [];
    const text = this.#decoder.decode(bytes, { stream: true });
    let at = 0;
    for (let end; (end = text.indexOf('\n', at)) >= 0; at = end + 1) {
      this.#take((this.#line + text.slice(at, end)).replace(/\r$/, ''), events);
      this.#line = '';
    }
    this.#line += text.slice(at);
    return events;
  }

  #take(line, events) {
    if (line === '') {
      if (this.#data.length > 0) events.push(this.#data.join('\n'));
      this.#data = [];
    } else if (line.startsWith('data:')) this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
  }
}
