// When to ask the endpoint again: often, but one after the other, and seldom where it is slow or refuses.

const EVERY_MS = 700;
// Where an answer takes long, the line is left idle for a part of the time: others use it, and so does the recording.
const IDLE_SHARE = 0.25;
// After a refusal twice as long as before, up to this; after answers again less, step by step.
const REFUSED_MS = 2000;
const LONGEST_MS = 16000;
const RECOVERED = 0.7;

/** Says when the next request may begin. All times in milliseconds of one clock. */
export class Pace {
  #gap_ms = EVERY_MS;
  #began_ms = -Infinity;
  #next_ms = -Infinity;

  /** How long it is until the next one may begin; 0: now. */
  wait_ms(now_ms) {
    return Math.max(0, this.#next_ms - now_ms);
  }

  /** A request begins. */
  begin(now_ms) {
    this.#began_ms = now_ms;
  }

  /** The request was answered. */
  answered(now_ms) {
    const least_ms = Math.max(EVERY_MS, (now_ms - this.#began_ms) * (1 + IDLE_SHARE));
    this.#gap_ms = Math.max(least_ms, this.#gap_ms * RECOVERED);
    this.#next_ms = this.#began_ms + this.#gap_ms;
  }

  /**
   * The request was refused, or nothing came.
   * @param {number} now_ms
   * @param {number} wanted_ms how long the endpoint wants to be left alone (Retry-After); 0: it does not say
   */
  refused(now_ms, wanted_ms = 0) {
    this.#gap_ms = Math.min(LONGEST_MS, Math.max(REFUSED_MS, 2 * this.#gap_ms));
    this.#next_ms = now_ms + Math.max(this.#gap_ms, wanted_ms);
  }
}
