import { RATE, resampled, wavFile } from './wav.js';

/** Whether there is a microphone to ask for; not where the page comes by plain HTTP from another machine. */
export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode);

/** A recording of the microphone. */
export class Recorder {
  #pieces = [];
  #samples = 0;

  /** Throws what the browser says where it gives no microphone. @param {{seconds: number, onfull: () => void}} limit */
  static async begin({ seconds, onfull }) {
    const recorder = new Recorder();
    recorder.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    recorder.context = new AudioContext();
    try {
      await recorder.context.audioWorklet.addModule(new URL('recorder_worklet.js', import.meta.url));
      const microphone = recorder.context.createMediaStreamSource(recorder.stream);
      recorder.node = new AudioWorkletNode(recorder.context, 'capture', { numberOfOutputs: 0 });
      recorder.node.port.onmessage = ({ data }) => {
        const most = seconds * recorder.context.sampleRate;
        if (recorder.#samples >= most) return;
        recorder.#pieces.push(data);
        recorder.#samples += data.length;
        if (recorder.#samples >= most) onfull();
      };
      microphone.connect(recorder.node);
    } catch (error) {
      recorder.#close();
      throw error;
    }
    return recorder;
  }

  get seconds() {
    return this.#samples / this.context.sampleRate;
  }

  #close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }

  /** Its end: a WAV file of RATE samples a second. @returns {Promise<Blob>} */
  async end() {
    this.#close();
    return wavFile(await resampled(this.#pieces, this.context.sampleRate), RATE);
  }
}
