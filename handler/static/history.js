// What can be undone: the transcripts before this one, and those after it that were undone.

// Values that share what did not change between them: so many cost little.
const MOST = 500;

/** A row of values, one of which is current. */
export class History {
  #values;
  #at = 0;

  constructor(first) {
    this.#values = [first];
  }

  /** The current value. */
  get current() {
    return this.#values[this.#at];
  }

  /** Whether the current value is not the first. */
  get isChanged() {
    return this.#at > 0;
  }

  get canUndo() {
    return this.#at > 0;
  }

  get canRedo() {
    return this.#at < this.#values.length - 1;
  }

  /** Makes a value the current one; what had been undone is forgotten. Returns whether it is another one. */
  add(value) {
    if (value === this.current) return false;
    this.#values = [...this.#values.slice(0, this.#at + 1), value];
    // The first one stays: it is what nobody changed.
    if (this.#values.length > MOST) this.#values.splice(1, 1);
    this.#at = this.#values.length - 1;
    return true;
  }

  undo() {
    if (this.canUndo) this.#at -= 1;
  }

  redo() {
    if (this.canRedo) this.#at += 1;
  }
}
