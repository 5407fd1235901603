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

/* What is known of a text, for others that are much like it. */
typedef struct {
    int64_t states;
    double *emitted;    /* [frames + 1, labels] probabilities; the first row, before the first frame, is not used */
    double *before;     /* [frames + 1, states] of the frames so far, ending in a state, divided by the scale */
    double *after;      /* [frames + 1, states] of the frames still to come, from a state on, divided by the scale */
    double *divided_by; /* [frames + 1] each frame's part of the scale of `before` */
    double *log_before; /* [frames + 1] logarithms of the scales */
    double *log_after;
} Known;

static int64_t label_of(const int64_t *text, int64_t state, int64_t blank) {
    return state % 2 ? text[state / 2] : blank;
}

/* Goes through the frames forwards and backwards. Row 0 is before the first frame, where only the first state is one to
 * begin in. Returns 0 where no path spells the text. */
static int know(Known *known, const float *log_probs, int64_t frames, int64_t labels, const int64_t *text,
                int64_t length, int64_t blank) {
    int64_t states = known->states;
    for (int64_t i = 0; i < frames * labels; i++) known->emitted[labels + i] = exp((double)log_probs[i]);
    known->before[0] = 1.0;
    for (int64_t frame = 1; frame <= frames; frame++) {
        const double *from = known->before + (frame - 1) * states, *emitted = known->emitted + frame * labels;
        double *to = known->before + frame * states, largest = 0.0;
        for (int64_t state = 0; state < states; state++) {
            int64_t label = label_of(text, state, blank);
            double sum = from[state] + (state ? from[state - 1] : 0.0);
            if (state > 2 && state % 2 && label != text[state / 2 - 1]) sum += from[state - 2];
            to[state] = sum * emitted[label];
            if (to[state] > largest) largest = to[state];
        }
        if (largest <= 0.0) return 0;
        for (int64_t state = 0; state < states; state++) to[state] /= largest;
        known->divided_by[frame] = largest;
        known->log_before[frame] = known->log_before[frame - 1] + log(largest);
    }
    double *last = known->after + frames * states;
    last[states - 1] = 1.0;
    if (length) last[states - 2] = 1.0;
    for (int64_t frame = frames; frame > 0; frame--) {
        const double *from = known->after + frame * states, *emitted = known->emitted + frame * labels;
        double *to = known->after + (frame - 1) * states, largest = 0.0;
        for (int64_t state = 0; state < states; state++) {
            double sum = from[state] * emitted[label_of(text, state, blank)];
            if (state + 1 < states) sum += from[state + 1] * emitted[label_of(text, state + 1, blank)];
            if (state + 2 < states && state % 2 && text[state / 2] != text[state / 2 + 1])
                sum += from[state + 2] * emitted[text[state / 2 + 1]];
            to[state] = sum;
            if (sum > largest) largest = sum;
        }
        if (largest <= 0.0) return 0;
        for (int64_t state = 0; state < states; state++) to[state] /= largest;
        known->log_after[frame - 1] = known->log_after[frame] + log(largest);
    }
    return 1;
}

/* Adds a probability, given as a logarithm, to a sum of which the logarithm is kept. */
static double plus(double sum, double log_prob) {
    if (log_prob == -INFINITY) return sum;
    if (sum < log_prob) return log_prob + log1p(exp(sum - log_prob));
    return sum + log1p(exp(log_prob - sum));
}

/* How likely a text is that begins with `same_before` tokens of the known one, and ends with `same_after` of them.
 * `room`: two rows of as many doubles as the text has states. */
static double near_log_prob(const Known *known, int64_t frames, int64_t labels, const int64_t *base, int64_t length,
                            const int64_t *text, int64_t text_length, int64_t blank, int64_t same_before,
                            int64_t same_after, double *room) {
    /* Its own states follow the blank after the tokens that are the same; `first` is that blank. */
    int64_t own = 2 * (text_length - same_after - same_before), first = 2 * same_before;
    int64_t last_token = text_length - same_after - 1; /* the one before those at the end that are the same */
    int64_t entered = 2 * (length - same_after) + 1;   /* the known text's state in which these begin */
    const int64_t *middle = text + same_before;
    double *now = room, *next = room + own + 1, sum = -INFINITY;
    for (int64_t state = 0; state <= 2 * own + 1; state++) room[state] = 0.0;
    for (int64_t frame = 1; frame <= frames; frame++) {
        const double *from = known->before + (frame - 1) * known->states, *emitted = known->emitted + frame * labels;
        double token_before = same_before ? from[first - 1] : 0.0; /* state -1 of its own states; now[0] is state 0 */
        now[0] = from[first];
        if (same_after) {
            int64_t label = base[length - same_after];
            double into = now[own];
            if (last_token >= 0 && text[last_token] != label) into += own ? now[own - 1] : token_before;
            double ways = into * emitted[label] / known->divided_by[frame];
            double on = known->after[frame * known->states + entered];
            if (ways > 0.0 && on > 0.0)
                sum = plus(sum, log(ways) + log(on) + known->log_before[frame] + known->log_after[frame]);
        }
        for (int64_t state = 1; state <= own; state++) {
            int64_t label = state % 2 ? middle[state / 2] : blank;
            double ways = now[state] + now[state - 1];
            int64_t token = same_before + state / 2; /* the one that a state of an odd number is of */
            if (state % 2 && token && text[token - 1] != label) ways += state > 1 ? now[state - 2] : token_before;
            next[state] = ways * emitted[label] / known->divided_by[frame];
        }
        double *swapped = now;
        now = next;
        next = swapped;
    }
    if (same_after) return sum;
    const double *ends = known->before + frames * known->states;
    double ended = own ? now[own] + now[own - 1] : ends[first] + (same_before ? ends[first - 1] : 0.0);
    return ended > 0.0 ? known->log_before[frames] + log(ended) : -INFINITY;
}

/* Finds how likely texts are that are much like another one, each in the time that its own tokens take.
 *
 * log_probs: [frames, labels]. base: [length] tokens of the other text. texts: the tokens of all texts, one after
 * another. ends: [count] where each ends. scores: [count], as that of `hark_ctc_log_prob`; not a number where the other
 * text cannot be spelt, from which nothing follows.
 *
 * Returns 1; 0 where there is not enough memory.
 */
int32_t hark_ctc_log_probs_near(const float *log_probs, int64_t frames, int64_t labels, const int64_t *base,
                                int64_t length, const int64_t *texts, const int64_t *ends, int64_t count,
                                int64_t blank, double *scores) {
    int64_t states = 2 * length + 1, rows = frames + 1, longest = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t own = ends[i] - (i ? ends[i - 1] : 0);
        if (own > longest) longest = own;
    }
    Known known = {states,
                   malloc((size_t)(rows * labels) * sizeof(double)),
                   calloc((size_t)(rows * states), sizeof(double)),
                   calloc((size_t)(rows * states), sizeof(double)),
                   malloc((size_t)rows * sizeof(double)),
                   calloc((size_t)rows, sizeof(double)),
                   calloc((size_t)rows, sizeof(double))};
    double *room = malloc((size_t)(4 * longest + 4) * sizeof(double));
    int32_t found = 0;
    if (!known.emitted || !known.before || !known.after || !known.divided_by || !known.log_before || !known.log_after ||
        !room)
        goto end;
    int spelt = know(&known, log_probs, frames, labels, base, length, blank);
    for (int64_t i = 0; i < count; i++) {
        const int64_t *text = texts + (i ? ends[i - 1] : 0);
        int64_t own = ends[i] - (i ? ends[i - 1] : 0), shorter = own < length ? own : length;
        int64_t same_before = 0, same_after = 0;
        while (same_before < shorter && text[same_before] == base[same_before]) same_before++;
        while (same_before + same_after < shorter && text[own - 1 - same_after] == base[length - 1 - same_after])
            same_after++;
        scores[i] = spelt ? near_log_prob(&known, frames, labels, base, length, text, own, blank, same_before,
                                          same_after, room)
                          : NAN;
    }
    found = 1;
end:
    free(known.emitted);
    free(known.before);
    free(known.after);
    free(known.divided_by);
    free(known.log_before);
    free(known.log_after);
    free(room);
    return found;
}
