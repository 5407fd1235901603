// Samples -> a picture of sound: time to the right, mel-scaled frequency upwards, energy as ink.

const FFT_SIZE = 1024;
const WINDOW_SAMPLES = 480; // 30 ms at 16 kHz
const BANDS = 96;
const LOWEST_HZ = 60;
const HIGHEST_HZ = 7600;
// What is weaker than the loudest sound by this much is paper.
const RANGE_DB = 62;
// More columns than a wide screen has pixels show nothing more.
const MOST_COLUMNS = 1400;
const LEAST_HOP_SAMPLES = 64;
// Where a column stands for a long time, its loudest of a few looks is drawn, so that short words do not fall between.
const LOOKS = 3;

const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
const hz = (mels) => 700 * (10 ** (mels / 2595) - 1);

/** Fast Fourier transform of FFT_SIZE real samples, in place (radix 2, Cooley and Tukey). */
class Transform {
  #cos = Float32Array.from({ length: FFT_SIZE / 2 }, (_, i) => Math.cos((-2 * Math.PI * i) / FFT_SIZE));
  #sin = Float32Array.from({ length: FFT_SIZE / 2 }, (_, i) => Math.sin((-2 * Math.PI * i) / FFT_SIZE));
  #order = Uint16Array.from({ length: FFT_SIZE }, (_, i) => {
    let reversed = 0;
    for (let bit = 1; bit < FFT_SIZE; bit <<= 1, i >>= 1) reversed = (reversed << 1) | (i & 1);
    return reversed;
  });
  #real = new Float32Array(FFT_SIZE);
  #imaginary = new Float32Array(FFT_SIZE);

  /** Writes the power of bins 0 to FFT_SIZE / 2 of a windowed frame into `power`. */
  power(frame, power) {
    const [real, imaginary] = [this.#real, this.#imaginary];
    for (let i = 0; i < FFT_SIZE; i++) real[i] = frame[this.#order[i]];
    imaginary.fill(0);
    for (let size = 2; size <= FFT_SIZE; size *= 2) {
      const half = size / 2;
      const stride = FFT_SIZE / size;
      for (let start = 0; start < FFT_SIZE; start += size) {
        for (let i = 0; i < half; i++) {
          const [a, b] = [start + i, start + i + half];
          const [cos, sin] = [this.#cos[i * stride], this.#sin[i * stride]];
          const re = real[b] * cos - imaginary[b] * sin;
          const im = real[b] * sin + imaginary[b] * cos;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
    for (let i = 0; i <= FFT_SIZE / 2; i++) power[i] = real[i] ** 2 + imaginary[i] ** 2;
  }
}

/**
 * Computes the picture.
 * @param {Float32Array} samples mono
 * @param {number} rate_hz
 * @returns {{columns: number, rows: number, ink: Uint8ClampedArray}} ink: [rows, columns], top row the highest band.
 */
export function analyse(samples, rate_hz) {
  const columns = Math.max(1, Math.min(MOST_COLUMNS, Math.ceil(samples.length / LEAST_HOP_SAMPLES)));
  const hop = samples.length / columns;
  const looks = hop > WINDOW_SAMPLES ? LOOKS : 1;
  const window = Float32Array.from({ length: WINDOW_SAMPLES }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW_SAMPLES));
  const edges = Array.from({ length: BANDS + 1 }, (_, i) => {
    const [low, high] = [mel(LOWEST_HZ), mel(HIGHEST_HZ)];
    return (hz(low + ((high - low) * i) / BANDS) * FFT_SIZE) / rate_hz;
  });
  const transform = new Transform();
  const frame = new Float32Array(FFT_SIZE);
  const power = new Float32Array(FFT_SIZE / 2 + 1);
  const level_db = new Float32Array(columns * BANDS).fill(-Infinity);
  let loudest_db = -Infinity;
  for (let column = 0; column < columns; column++) {
    for (let look = 0; look < looks; look++) {
      const middle = (column + (look + 0.5) / looks) * hop;
      const start = Math.round(middle - WINDOW_SAMPLES / 2);
      for (let i = 0; i < WINDOW_SAMPLES; i++) frame[i] = (samples[start + i] ?? 0) * window[i];
      transform.power(frame, power);
      for (let band = 0; band < BANDS; band++) {
        const at = (BANDS - 1 - band) * columns + column;
        level_db[at] = Math.max(level_db[at], 10 * Math.log10(mean(power, edges[band], edges[band + 1]) + 1e-10));
        loudest_db = Math.max(loudest_db, level_db[at]);
      }
    }
  }
  const ink = new Uint8ClampedArray(level_db.length);
  // Silence has no loudest sound to compare with: it stays paper.
  if (loudest_db > -60) level_db.forEach((db, i) => (ink[i] = 255 * Math.max(0, 1 + (db - loudest_db) / RANGE_DB) ** 1.6));
  return { columns, rows: BANDS, ink };
}

// The mean between two places on the axis of bins, which in the lowest bands are closer than two bins.
function mean(power, from, to) {
  const [first, last] = [Math.floor(from), Math.ceil(to)];
  if (last - first <= 2) {
    const middle = (from + to) / 2;
    const [below, share] = [Math.floor(middle), middle % 1];
    return power[below] * (1 - share) + power[below + 1] * share;
  }
  let sum = 0;
  for (let bin = first; bin < last; bin++) sum += power[bin];
  return sum / (last - first);
}

/** The picture on a canvas: what has been heard in one colour, what comes in another, the word being said on a ground. */
export class Spectrogram {
  #canvas;
  #stencil = null;
  #inks = {};

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** Takes a new picture, or null for none. */
  set(picture) {
    this.#stencil = null;
    this.#inks = {};
    if (!picture) return;
    const { columns, rows, ink } = picture;
    this.#stencil = new OffscreenCanvas(columns, rows);
    const image = new ImageData(columns, rows);
    for (let i = 0; i < ink.length; i++) image.data[4 * i + 3] = ink[i];
    this.#stencil.getContext("2d").putImageData(image, 0, 0);
  }

  /**
   * Draws it.
   * @param {number} at where the playhead is, 0..1 of the width
   * @param {[number, number] | null} word where the word being said begins and ends, 0..1
   * @param {{heard: string, ahead: string, ground: string}} colours
   */
  draw(at, word, colours) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== wide || this.#canvas.height !== high) Object.assign(this.#canvas, { width: wide, height: high });
    const context = this.#canvas.getContext("2d");
    context.clearRect(0, 0, wide, high);
    if (word) {
      context.fillStyle = colours.ground;
      context.beginPath();
      context.roundRect(word[0] * wide, 0, Math.max(ratio, (word[1] - word[0]) * wide), high, 4 * ratio);
      context.fill();
    }
    const playhead = Math.round(at * wide);
    if (this.#stencil) {
      this.#drawPart(context, this.#inked(colours.ahead), playhead, wide, high);
      this.#drawPart(context, this.#inked(colours.heard), 0, playhead, high);
    }
    context.fillStyle = colours.heard;
    const thick = 2 * ratio;
    context.fillRect(Math.min(Math.max(0, playhead - thick / 2), wide - thick), 0, thick, high);
  }

  #drawPart(context, picture, from, to, high) {
    if (to <= from) return;
    const scale = picture.width / this.#canvas.width;
    context.drawImage(picture, from * scale, 0, (to - from) * scale, picture.height, from, 0, to - from, high);
  }

  #inked(colour) {
    if (!this.#inks[colour]) {
      const picture = new OffscreenCanvas(this.#stencil.width, this.#stencil.height);
      const context = picture.getContext("2d");
      context.drawImage(this.#stencil, 0, 0);
      context.globalCompositeOperation = "source-in";
      context.fillStyle = colour;
      context.fillRect(0, 0, picture.width, picture.height);
      this.#inks[colour] = picture;
    }
    return this.#inks[colour];
  }
}
