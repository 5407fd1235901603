// Samples -> a picture of sound: time to the right, mel-scaled frequency upwards, energy as ink.

const WINDOW_SAMPLES = 480; // 30 ms at 16 kHz
const FFT_SIZE = 512; // the next power of two: more would be drawn finer than it is heard, and take twice as long
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

// A piece is made well within a frame of the screen; there are enough of them for a few screens.
export const PIECE_COLUMNS = 64;
const MOST_PIECES = 384;
const WINDOW = Float32Array.from({ length: WINDOW_SAMPLES }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW_SAMPLES));

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
    // Names of their own for what is read a million times a second.
    const real = this.#real;
    const imaginary = this.#imaginary;
    const cosines = this.#cos;
    const sines = this.#sin;
    const order = this.#order;
    for (let i = 0; i < FFT_SIZE; i++) real[i] = frame[order[i]];
    imaginary.fill(0);
    for (let size = 2; size <= FFT_SIZE; size *= 2) {
      const half = size / 2;
      const stride = FFT_SIZE / size;
      for (let start = 0; start < FFT_SIZE; start += size) {
        for (let i = 0; i < half; i++) {
          const a = start + i;
          const b = a + half;
          const cos = cosines[i * stride];
          const sin = sines[i * stride];
          const re = real[b] * cos - imaginary[b] * sin;
          const im = real[b] * sin + imaginary[b] * cos;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
    for (let i = 0; i <= FFT_SIZE / 2; i++) power[i] = real[i] * real[i] + imaginary[i] * imaginary[i];
  }
}

/** What a recording looks like: all of it at once, and pieces as fine as they are looked at, made when they are. */
export class SoundPicture {
  #samples;
  #rate_hz;
  #transform = new Transform();
  #frame = new Float32Array(FFT_SIZE);
  #power = new Float32Array(FFT_SIZE / 2 + 1);
  #edges;
  #loudest_db = -Infinity;
  #pieces = new Map();
  #overview;

  /** @param {Float32Array} samples mono @param {number} rate_hz */
  constructor(samples, rate_hz) {
    this.#samples = samples;
    this.#rate_hz = rate_hz;
    this.#edges = Array.from({ length: BANDS + 1 }, (_, i) => {
      const [low, high] = [mel(LOWEST_HZ), mel(HIGHEST_HZ)];
      return (hz(low + ((high - low) * i) / BANDS) * FFT_SIZE) / rate_hz;
    });
    const columns = Math.max(1, Math.min(MOST_COLUMNS, Math.ceil(samples.length / LEAST_HOP_SAMPLES)));
    const level_db = this.#levels(samples.length / columns, 0, columns);
    for (const db of level_db) this.#loudest_db = Math.max(this.#loudest_db, db);
    this.#overview = this.#stencil(level_db, columns);
  }

  /** All of it, however long: a canvas whose opacity is the sound's energy, top row the highest band. */
  get overview() {
    return this.#overview;
  }

  /**
   * A piece of PIECE_COLUMNS columns.
   * @param {number} column_s how long a column lasts
   * @param {number} number of the piece, from 0
   * @param {boolean} make whether it is made if it is not there yet
   * @returns {OffscreenCanvas | null}
   */
  piece(column_s, number, make) {
    const hop = Math.max(LEAST_HOP_SAMPLES / 2, column_s * this.#rate_hz);
    const key = `${hop} ${number}`;
    const found = this.#pieces.get(key);
    if (found || !make) return found ?? null;
    const made = this.#stencil(this.#levels(hop, number * PIECE_COLUMNS, PIECE_COLUMNS), PIECE_COLUMNS);
    this.#pieces.set(key, made);
    // The oldest is looked at least.
    if (this.#pieces.size > MOST_PIECES) this.#pieces.delete(this.#pieces.keys().next().value);
    return made;
  }

  // [BANDS, columns] levels in dB of columns of `hop` samples each.
  #levels(hop, first, columns) {
    const looks = hop > WINDOW_SAMPLES ? LOOKS : 1;
    const level_db = new Float32Array(columns * BANDS).fill(-Infinity);
    const samples = this.#samples;
    const frame = this.#frame;
    for (let column = 0; column < columns; column++) {
      for (let look = 0; look < looks; look++) {
        const middle = (first + column + (look + 0.5) / looks) * hop;
        const start = Math.round(middle - WINDOW_SAMPLES / 2);
        const isInside = start >= 0 && start + WINDOW_SAMPLES <= samples.length;
        for (let i = 0; i < WINDOW_SAMPLES; i++) frame[i] = (isInside ? samples[start + i] : (samples[start + i] ?? 0)) * WINDOW[i];
        this.#transform.power(frame, this.#power);
        for (let band = 0; band < BANDS; band++) {
          const at = (BANDS - 1 - band) * columns + column;
          const db = 10 * Math.log10(mean(this.#power, this.#edges[band], this.#edges[band + 1]) + 1e-10);
          if (db > level_db[at]) level_db[at] = db;
        }
      }
    }
    return level_db;
  }

  #stencil(level_db, columns) {
    const stencil = new OffscreenCanvas(columns, BANDS);
    const image = new ImageData(columns, BANDS);
    // Silence has no loudest sound to compare with: it stays paper.
    if (this.#loudest_db > -60) {
      level_db.forEach((db, i) => (image.data[4 * i + 3] = 255 * Math.max(0, 1 + (db - this.#loudest_db) / RANGE_DB) ** 1.6));
    }
    stencil.getContext("2d").putImageData(image, 0, 0);
    return stencil;
  }
}

// The mean between two places on the axis of bins, which in the lowest bands are closer than two bins.
function mean(power, from, to) {
  const first = Math.floor(from);
  const last = Math.ceil(to);
  if (last - first <= 2) {
    const middle = (from + to) / 2;
    const below = Math.floor(middle);
    const share = middle - below;
    return power[below] * (1 - share) + power[below + 1] * share;
  }
  let sum = 0;
  for (let bin = first; bin < last; bin++) sum += power[bin];
  return sum / (last - first);
}
