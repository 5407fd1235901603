// Live keywords: the last second the microphone heard, sent again and again, and what it was as bars.

import { Refusal, spot } from "./endpoint.js";
import { listen, microphone, NoMicrophone } from "./recorder.js";
import { RATE_HZ, wav } from "./sound.js";

// The most an analyser keeps that is no longer than the model's window and a quarter: 1.02 s at 16 kHz, 0.68 s at 48 kHz.
const KEPT_SAMPLES = { wanted: 16384, native: 32768 };
// From one answer to the next question: words are heard whole in one of them at least.
const EVERY_MS = 250;
// Whoever forgets to stop shall not pay for it.
const LONGEST_MS = 30000;
// What is heard less surely than this is not said to those who listen to the page.
const SURE = 0.5;
const NO_WORDS = ["unknown", "silence"];

/** The microphone, of which the last moment is kept. */
class Listener {
  #stream;
  #context;
  #analyser;

  constructor(stream) {
    this.#stream = stream;
    const { context, source } = listen(stream);
    this.#context = context;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = context.sampleRate === RATE_HZ ? KEPT_SAMPLES.wanted : KEPT_SAMPLES.native;
    source.connect(this.#analyser);
  }

  /** Returns what was heard last as a WAV file. @returns {Blob} */
  last() {
    const samples = new Float32Array(this.#analyser.fftSize);
    this.#analyser.getFloatTimeDomainData(samples);
    return wav(samples, this.#context.sampleRate);
  }

  /** Lets the microphone go. */
  async stop() {
    for (const track of this.#stream.getTracks()) track.stop();
    await this.#context.close();
  }
}

/** The part of the page that listens for words, from Start to Stop. */
export class KeywordView {
  #parts;
  #key;
  #onProblem;
  #stop = null;

  /**
   * @param {{start: HTMLElement, stop: HTMLElement, bars: HTMLElement, said: HTMLElement}} parts
   * @param {{key: () => string, onProblem: (error: Refusal | NoMicrophone) => void}} options
   */
  constructor(parts, { key, onProblem }) {
    this.#parts = parts;
    this.#key = key;
    this.#onProblem = onProblem;
    parts.start.addEventListener("click", () => this.listen());
    parts.stop.addEventListener("click", () => this.stop());
  }

  /** Listens until `stop`, or for LONGEST_MS. */
  async listen() {
    if (this.#stop) return;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    let listener = null;
    try {
      listener = new Listener(await microphone());
      this.#show(true);
      const until = performance.now() + LONGEST_MS;
      while (!signal.aborted && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
        if (!signal.aborted) this.#draw(await spot(listener.last(), { key: this.#key(), signal }));
      }
    } catch (error) {
      if (error instanceof Refusal || error instanceof NoMicrophone) this.#onProblem(error);
      else if (error.name !== "AbortError") throw error;
    } finally {
      await listener?.stop();
      this.#stop = null;
      this.#show(false);
    }
  }

  /** Ends it. */
  stop() {
    this.#stop?.abort();
  }

  #show(listening) {
    const { start, stop } = this.#parts;
    const hadFocus = [start, stop].includes(document.activeElement);
    start.hidden = listening;
    stop.hidden = !listening;
    if (hadFocus) (listening ? stop : start).focus();
  }

  #draw({ top }) {
    const { bars, said } = this.#parts;
    bars.hidden = false;
    bars.replaceChildren(...top.map(bar));
    const [{ label, score }] = top;
    const word = score >= SURE && !NO_WORDS.includes(label) ? label : "";
    // Once for a word that is heard in several looks.
    if (said.textContent !== word) said.textContent = word;
  }
}

function bar({ label, score }) {
  const row = document.createElement("li");
  const meter = document.createElement("meter");
  meter.value = score;
  meter.setAttribute("aria-label", label);
  const [name, percent] = [label, `${Math.round(100 * score)} %`].map((text) => {
    const span = document.createElement("span");
    span.textContent = text;
    return span;
  });
  row.append(name, meter, percent);
  return row;
}
