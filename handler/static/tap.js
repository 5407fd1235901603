// The microphone's sound as samples, while it comes: the last seconds of it, and how loud it is.

import { listen } from "./recorder.js";
import { decode, RATE_HZ, wav } from "./sound.js";

// What is kept: what is asked about at most. A line that is down for longer leaves a gap, and is not busy with the past.
const KEPT_S = 12;

// Runs where the browser renders sound, and sees nothing of this page: it is sent there as text.
function worklet() {
  // In samples; a message for each quantum of 128 would be too many.
  const SENT = 1024;
  class Tap extends AudioWorkletProcessor {
    #samples = new Float32Array(SENT);
    #count = 0;

    process([[channel]], [[out]]) {
      // While the microphone gives nothing there is no channel, but time goes on.
      for (let i = 0; i < out.length; i++) {
        this.#samples[this.#count++] = channel ? channel[i] : 0;
        if (this.#count === SENT) {
          this.port.postMessage(this.#samples);
          this.#count = 0;
        }
      }
      return true;
    }
  }
  registerProcessor("tap", Tap);
}

/** Hears a microphone from now on. Its times are seconds since then. */
export class Tap {
  #context;
  #node;
  #kept;
  #rate_hz;
  #count = 0; // of all samples so far

  /**
   * @param {MediaStream} stream
   * @param {(level_db: number, seconds: number) => void} onSound told of each moment
   * @returns {Promise<Tap>}
   * @throws this browser has no audio worklets.
   */
  static async on(stream, onSound) {
    const { context, source } = listen(stream);
    const url = URL.createObjectURL(new Blob([`(${worklet})();`], { type: "text/javascript" }));
    try {
      await context.audioWorklet.addModule(url);
      return new Tap(context, source, onSound);
    } catch (error) {
      await context.close();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  constructor(context, source, onSound) {
    this.#context = context;
    this.#rate_hz = context.sampleRate;
    this.#kept = new Float32Array(KEPT_S * this.#rate_hz);
    this.#node = new AudioWorkletNode(context, "tap", { numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit" });
    this.#node.port.onmessage = ({ data }) => onSound(this.#take(data), data.length / this.#rate_hz);
    // It puts out silence; browsers run only what leads to their output.
    source.connect(this.#node).connect(context.destination);
  }

  /** How much was heard so far. */
  get end_s() {
    return this.#count / this.#rate_hz;
  }

  /** Where what is kept of it begins. */
  get start_s() {
    return Math.max(0, this.#count - this.#kept.length) / this.#rate_hz;
  }

  /**
   * Returns what was heard since a time, which is not before `start_s`.
   * @returns {Promise<Float32Array>} at RATE_HZ
   */
  async since(start_s) {
    const samples = new Float32Array(this.#count - Math.round(start_s * this.#rate_hz));
    const first = this.#count - samples.length;
    for (let i = 0; i < samples.length; i++) samples[i] = this.#kept[(first + i) % this.#kept.length];
    return this.#rate_hz === RATE_HZ ? samples : ((await decode(wav(samples, this.#rate_hz))) ?? new Float32Array());
  }

  /** Hears no more. The microphone is whose it was. */
  async close() {
    this.#node.port.onmessage = null;
    this.#node.disconnect();
    await this.#context.close();
  }

  #take(samples) {
    let power = 0;
    for (const sample of samples) {
      this.#kept[this.#count++ % this.#kept.length] = sample;
      power += sample * sample;
    }
    return 10 * Math.log10(power / samples.length + 1e-12);
  }
}
