// How loud it is -> whether somebody speaks, so that silence is not sent to the endpoint.

// Speech is so much louder than the quietest of the last seconds, which are the room ...
const ABOVE_ROOM_DB = 9;
const REMEMBERED_S = 10;
// ... and no softer than this, whatever the room.
const SOFTEST_DB = -55;

/** Hears levels, one after the other. */
export class Voice {
  #levels = []; // {level_db, seconds}, the oldest first
  #remembered_s = 0;

  /**
   * Takes the level of a moment.
   * @param {number} level_db of 0, full scale
   * @param {number} seconds how long it lasted
   * @returns {boolean} whether somebody speaks in it
   */
  hear(level_db, seconds) {
    this.#levels.push({ level_db, seconds });
    this.#remembered_s += seconds;
    while (this.#remembered_s > REMEMBERED_S) this.#remembered_s -= this.#levels.shift().seconds;
    const room_db = Math.min(...this.#levels.map((each) => each.level_db));
    return level_db > Math.max(room_db + ABOVE_ROOM_DB, SOFTEST_DB);
  }
}
