// How sure a word is, in three grades that a proofreader works by. benchmarks/proofreading.py chose the borders, and
// docs/calibration.md says how many of the errors each grade holds.

/** From here on a word is certain. */
export const CERTAIN_FROM = 0.9;
/** Below, it is more likely wrong than right. */
export const LIKELY_WRONG_BELOW = 0.7;

/** Returns "certain", "doubtful" or "wrong" of a confidence. */
export function grade(confidence) {
  if (confidence >= CERTAIN_FROM) return "certain";
  return confidence < LIKELY_WRONG_BELOW ? "wrong" : "doubtful";
}
