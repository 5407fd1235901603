/* The likeliest path of `hark.ctc.align`, compiled: the same path that its NumPy finds. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Finds the likeliest path through a text's states.
 *
 * log_probs: [frames, labels]. order: [states] the label of each state: the blank, the first token, the blank, the
 * second token, and so on to the last blank. path: [frames] where the number of each frame's state goes.
 *
 * Returns 1; 0 where there is not enough memory; -1 where there are too few frames.
 */
int32_t hark_align(const float *log_probs, int64_t frames, int64_t labels, const int64_t *order, int64_t states,
                   int64_t *path) {
    double *scores = malloc((size_t)(states + 2) * sizeof(double));
    int8_t *steps = malloc((size_t)(frames * states) + 1);
    int32_t found = 0;
    if (!scores || !steps) goto end;
    /* In front two states that nothing is in, so that each state has two before it. */
    for (int64_t state = 0; state < states + 2; state++) scores[state] = -INFINITY;
    scores[2] = 0.0; /* before the first frame: from here a path begins with the first blank or the first token */
    for (int64_t frame = 0; frame < frames; frame++) {
        const float *emission = log_probs + frame * labels;
        /* From the last to the first: what a state is reached from is that of the frame before. */
        for (int64_t state = states - 1; state >= 0; state--) {
            double best = scores[state + 2];
            int8_t step = 0;
            if (scores[state + 1] > best) {
                best = scores[state + 1];
                step = 1;
            }
            if (state % 2 && state > 1 && order[state] != order[state - 2] && scores[state] > best) {
                best = scores[state];
                step = 2;
            }
            steps[frame * states + state] = step;
            scores[state + 2] = best + (double)emission[order[state]];
        }
    }
    int64_t state = scores[states + 1] >= scores[states] ? states - 1 : states - 2;
    found = scores[state + 2] == -INFINITY ? -1 : 1;
    for (int64_t frame = frames - 1; found == 1 && frame >= 0; frame--) {
        path[frame] = state;
        state -= steps[frame * states + state];
    }
end:
    free(scores);
    free(steps);
    return found;
}

/* Finds how likely a text is: the logarithm of the sum over all paths that spell it.
 *
 * Arguments as those of `hark_align`; score: where the result goes, -INFINITY where there are too few frames, or where
 * all paths are e^700 times less likely than what begins like the text.
 *
 * Returns 1; 0 where there is not enough memory.
 */
int32_t hark_ctc_log_prob(const float *log_probs, int64_t frames, int64_t labels, const int64_t *order, int64_t states,
                          double *score) {
    /* Probabilities, divided by the largest after each frame: sums of logarithms would take thirty times as long. In
     * front two states that nothing is in, so that each state has two before it. */
    double *sums = calloc((size_t)(states + 2), sizeof(double));
    double *emitted = malloc((size_t)labels * sizeof(double));
    double *skips = calloc((size_t)states, sizeof(double));
    int32_t found = 0;
    if (!sums || !emitted || !skips) goto end;
    for (int64_t state = 3; state < states; state += 2) skips[state] = order[state] != order[state - 2];
    double scale = 0.0;
    sums[2] = 1.0;
    for (int64_t frame = 0; frame < frames; frame++) {
        for (int64_t label = 0; label < labels; label++) emitted[label] = exp((double)log_probs[frame * labels + label]);
        double largest = 0.0;
        for (int64_t state = states - 1; state >= 0; state--) {
            double sum = (sums[state + 2] + sums[state + 1] + skips[state] * sums[state]) * emitted[order[state]];
            sums[state + 2] = sum;
            if (sum > largest) largest = sum;
        }
        if (largest <= 0.0) break; /* and all sums are 0 */
        for (int64_t state = 0; state < states; state++) sums[state + 2] /= largest;
        scale += log(largest);
    }
    /* Before the first frame only the first state is one to end in. */
    double ended = sums[states + 1] + (states > 1 ? sums[states] : 0.0);
    *score = ended > 0.0 ? scale + log(ended) : -INFINITY;
    found = 1;
end:
    free(sums);
    free(emitted);
    free(skips);
    return found;
}
