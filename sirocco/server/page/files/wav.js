/** Samples a second of what is recorded: what models that hear take. */
export const RATE = 16000;

/** A WAV file of one channel, 16 bits a sample. @param {Float32Array} samples from -1 to 1 @returns {Blob} */
export function wavFile(samples, rate = RATE) {
  const HEAD_BYTES = 44;
  const view = new DataView(new ArrayBuffer(HEAD_BYTES + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, 'RIFF');
  view.setUint32(4, view.byteLength - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true); // bytes of what describes the samples
  view.setUint16(20, 1, true); // as whole numbers
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes of a moment
  view.setUint16(34, 16, true); // bits of a sample
  text(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(HEAD_BYTES + 2 * i, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true));
  return new Blob([view], { type: 'audio/wav' });
}

/** Pieces of a recording as one sound of RATE samples a second. @param {Float32Array[]} pieces */
export async function resampled(pieces, rate) {
  const count = pieces.reduce((sum, { length }) => sum + length, 0);
  if (count === 0) return new Float32Array(0);
  const context = new OfflineAudioContext(1, Math.max(1, Math.round(count * RATE / rate)), RATE);
  const buffer = context.createBuffer(1, count, rate);
  let at = 0;
  for (const piece of pieces) {
    buffer.copyToChannel(piece, 0, at);
    at += piece.length;
  }
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}
