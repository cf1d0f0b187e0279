/** Hands on what the microphone gives, as the mean of its channels. (Runs where sound is made, without the page's own modules.) */
class Capture extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length === 0) return true;
    const mean = new Float32Array(channels[0].length);
    for (const channel of channels) channel.forEach((sample, i) => { mean[i] += sample / channels.length; });
    this.port.postMessage(mean, [mean.buffer]);
    return true;
  }
}

registerProcessor('capture', Capture);
