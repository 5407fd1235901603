/* The steps of `hark.beam`'s search, compiled: the same hypotheses with the same scores as its NumPy has, in a
 * fifteenth of the time. `hark.beam_compiled` says what each argument is; the names here are those of
 * `hark/beam.py` and `hark/language_model.py`, which explain what is done and why.
 *
 * All memory is the search's own, so any number of threads may search at once. Reads no file, writes no output.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Raised with every change of the structs or of what a function does. */
#define VERSION 6

static const double NEVER = -1e30;
static const uint64_t HASH_BASE = 0x9E3779B97F4A7C15u;
/* Below minus this, exp() is 0: what has never been heard need not be computed. */
static const double LEAST_EXPONENT = 746.0;
static const double LOG_2 = 0.693147180559945309417232121458;

/* Arrays of `LanguageModel`, which sees to it that all numbers in them lie within the arrays they are numbers of. */
typedef struct {
    const uint32_t *masks;             /* [nodes] NULL where letters are listed */
    const uint16_t *node_letters;      /* [nodes] NULL where there are masks */
    const int32_t *first_children;     /* [nodes + 1] */
    const int32_t *node_words;         /* [nodes] */
    const double *node_log_probs;      /* [nodes] */
    const uint8_t *spelling;           /* [contexts * symbols * symbols] */
    const double *log_probs;           /* [256] of a byte */
    const double *signed_log_probs;    /* [256] of a byte that stands for a signed one */
    const double *unigrams;            /* [words] */
    const double *unigram_backoffs;    /* [words + 1] the last is that of no word */
    const uint32_t *bigram_keys;       /* [bigrams] sorted */
    const uint8_t *bigram_log_probs;   /* [bigrams] */
    const uint8_t *bigram_backoffs;    /* [bigrams] */
    const int32_t *trigram_bounds;     /* [bigrams + 1] */
    const uint16_t *trigram_words;     /* [trigrams] */
    const uint8_t *trigram_log_probs;  /* [trigrams] */
    int64_t bigrams;
    int64_t symbols;                   /* the edge of a word and the letters */
    int64_t contexts;                  /* symbols ** (letters of context - 1) */
} Model;

/* Arrays of `hotwords.Table`, [states, labels] or [states]. */
typedef struct {
    const int64_t *next;
    const double *gains;
    const uint8_t *within;
    const uint8_t *ends;
} HotWords;

typedef struct {
    const Model *model;      /* NULL for none */
    const HotWords *hot;     /* NULL for none */
    const int64_t *first_letters; /* [labels + 1] where in the next two the letters of a label begin */
    const int64_t *letters;  /* what the trie knows them as; `symbols - 1` for none of its letters, -1 for a space */
    const int64_t *spelt_as; /* what the model of letters knows them as */
    int64_t labels;
    int64_t blank;
    int64_t space;           /* -1 for none */
    int64_t beam;
    double alpha;
    double beta;
    double unknown_log_prob;
    double hotword_log_prob;
    double hotword_letter;
    double beam_width;
    double label_width;
    double most_gain;
} Search;

/* A hypothesis: the rows of the same names in `hark.beam`, integers first. */
typedef struct {
    int64_t node, context, word, bigram, hot, last, link;
    uint64_t text, parent;
    double spelt, begun, in_blank, in_label, known;
    double heard; /* `in_blank` and `in_label` together, which two frames need */
} Hypothesis;

/* What a search leaves behind: hypotheses and the chain of their labels. */
typedef struct {
    Hypothesis *hypotheses;
    int64_t *chain_labels;
    int64_t *chain_links;
    int64_t found;
    int64_t chained;
} Found;

/* Arrays that grow, and are kept from frame to frame. */
typedef struct {
    double *more;      /* [hypotheses, labels tried] */
    int64_t *slots;    /* [a power of 2] hypotheses by the hash of their text, -1 for none */
    double *staying;   /* [hypotheses] */
    double *scores;    /* [hypotheses and candidates] */
    double *sorted;    /* the same, in the order in which they are looked through */
    Hypothesis *candidates;
    Hypothesis *next;
    int64_t more_room, slot_room, staying_room, score_room, sorted_room, candidate_room, next_room, hypothesis_room,
        label_room, link_room;
} Room;

int64_t hark_version(void) { return VERSION; }

/* Returns an array with room for `count` items of `size` bytes, as it is or moved; NULL if there is no memory. */
static void *grown(void *array, int64_t *room, int64_t count, size_t size) {
    if (array && count <= *room) return array;
    int64_t wanted = count > 2 * *room ? count : 2 * *room;
    void *moved = realloc(array, (size_t)(wanted ? wanted : 1) * size);
    if (moved) *room = wanted;
    return moved;
}

/* Makes room for `count` items in `array`; false if there is no memory, and the array stays as it was. */
#define GROW(array, room, count) ((moved = grown((array), &(room), (count), sizeof *(array))) && ((array) = moved, 1))

/* As NumPy's logaddexp, to the last bit. */
static double log_add(double a, double b) {
    if (a == b) return a + LOG_2;
    double apart = a - b;
    if (apart > LEAST_EXPONENT) return a;
    if (apart < -LEAST_EXPONENT) return b;
    if (apart > 0) return a + log1p(exp(-apart));
    return b + log1p(exp(apart));
}

static int64_t child(const Model *model, int64_t node, int64_t letter) {
    if (node < 0 || letter >= model->symbols - 1) return -1;
    if (!model->masks) {
        int64_t low = model->first_children[node], end = model->first_children[node + 1], high = end;
        while (low < high) {
            int64_t middle = (low + high) / 2;
            if (model->node_letters[middle] < letter) low = middle + 1;
            else high = middle;
        }
        return low < end && model->node_letters[low] == letter ? low : -1;
    }
    uint32_t mask = model->masks[node], bit = UINT32_C(1) << letter;
    if (!(mask & bit)) return -1;
    return model->first_children[node] + __builtin_popcount(mask & (bit - 1));
}

static double spelling(const Model *model, int64_t context, int64_t symbol) {
    return model->log_probs[model->spelling[context * model->symbols + symbol]];
}

static int64_t bigram_of(const Model *model, int64_t first, int64_t second) {
    if (first < 0) return -1;
    uint32_t key = (uint32_t)first << 16 | (uint32_t)second;
    int64_t low = 0, high = model->bigrams;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (model->bigram_keys[middle] < key) low = middle + 1;
        else high = middle;
    }
    return low < model->bigrams && model->bigram_keys[low] == key ? low : -1;
}

static int64_t trigram_of(const Model *model, int64_t bigram, int64_t third) {
    if (bigram < 0) return -1;
    int64_t low = model->trigram_bounds[bigram], end = model->trigram_bounds[bigram + 1], high = end;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (model->trigram_words[middle] < third) low = middle + 1;
        else high = middle;
    }
    return low < end && model->trigram_words[low] == third ? low : -1;
}

/* Counts the word that a hypothesis has begun as whole, and begins none; returns what that adds. */
static double end_word(const Search *search, Hypothesis *one, int64_t hot_before) {
    const Model *model = search->model;
    double gain = 0.0;
    if (one->node != 0 || one->context != 0) {  /* between words no word ends */
        int64_t word = one->node >= 0 ? model->node_words[one->node] : -1;
        double whole;
        if (word >= 0) {
            int64_t bigram = bigram_of(model, one->word, word), trigram = trigram_of(model, one->bigram, word);
            whole = model->unigrams[word] + (one->word >= 0 ? model->unigram_backoffs[one->word] : 0.0);
            if (bigram >= 0) whole = model->log_probs[model->bigram_log_probs[bigram]];
            if (one->bigram >= 0) whole += model->signed_log_probs[model->bigram_backoffs[one->bigram]];
            if (trigram >= 0) whole = model->log_probs[model->trigram_log_probs[trigram]];
            one->word = word;
            one->bigram = bigram;
        } else {
            whole = search->unknown_log_prob + one->spelt + spelling(model, one->context, 0);
            one->word = -1;
            one->bigram = -1;
        }
        if (search->hot && search->hot->ends[hot_before] && whole < search->hotword_log_prob)
            whole = search->hotword_log_prob;
        gain = search->alpha * (whole - one->begun) + search->beta;
    }
    one->node = 0;
    one->context = 0;
    one->spelt = 0.0;
    one->begun = 0.0;
    return gain;
}

/* Puts a label behind a hypothesis's text, letter by letter; returns what the models add to its score. */
static double extend(const Search *search, Hypothesis *one, int64_t label) {
    const Model *model = search->model;
    int64_t hot_before = one->hot;
    double gain = 0.0;
    if (search->hot) one->hot = search->hot->next[hot_before * search->labels + label];
    for (int64_t i = search->first_letters[label]; model && i < search->first_letters[label + 1]; i++) {
        if (search->letters[i] < 0) {
            gain += end_word(search, one, hot_before);
            continue;
        }
        int64_t symbol = search->spelt_as[i];
        int64_t node = child(model, one->node, search->letters[i]);
        double spelt = one->spelt + spelling(model, one->context, symbol);
        double begun = node >= 0 ? model->node_log_probs[node] : search->unknown_log_prob + spelt;
        if (search->hot && search->hot->within[one->hot] && begun < search->hotword_log_prob)
            begun = search->hotword_log_prob;
        gain += search->alpha * (begun - one->begun);
        one->node = node;
        one->context = one->context % model->contexts * model->symbols + symbol;
        one->spelt = spelt;
        one->begun = begun;
    }
    if (search->hot) gain += search->hotword_letter * search->hot->gains[hot_before * search->labels + label];
    return gain;
}

/* Returns the score that `beam` others, counted with itself, reach; works on a copy. Hoare's selection. */
static double least_kept(double *scores, int64_t count, int64_t beam) {
    int64_t low = 0, high = count - 1, wanted = beam - 1;
    while (low < high) {
        double pivot = scores[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (scores[i] > pivot) i++;
            while (scores[j] < pivot) j--;
            if (i <= j) {
                double other = scores[i];
                scores[i++] = scores[j];
                scores[j--] = other;
            }
        }
        if (wanted <= j) high = j;
        else if (wanted >= i) low = i;
        else break;
    }
    return scores[wanted];
}

/* Counts a frame as one more of what a hypothesis ends with; `heard` is then that of before it. */
static void stay(const Search *search, Hypothesis *one, const double *frame) {
    one->in_blank = one->heard + frame[search->blank];
    one->in_label += frame[one->last >= 0 ? one->last : search->labels - 1];
}

static int step(const Search *search, Found *found, Room *room, const double *frame, const int64_t *tried,
                int64_t tries) {
    Hypothesis *all = found->hypotheses;
    int64_t count = found->found, slots = 4;
    void *moved;
    while (slots < 2 * count) slots *= 2;
    if (!GROW(room->more, room->more_room, count * tries) ||
        !GROW(room->slots, room->slot_room, slots) ||
        !GROW(room->staying, room->staying_room, count))
        return 0;
    double *more = room->more;
    memset(room->slots, 0xff, (size_t)slots * sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < tries; j++) {
            int repeated = all[i].last == tried[j];  /* without a blank between, it is still the same label */
            more[i * tries + j] = repeated && tried[j] == search->space
                                      ? NEVER
                                      : (repeated ? all[i].in_blank : all[i].heard) + frame[tried[j]];
        }
        stay(search, &all[i], frame);
        uint64_t slot = (all[i].text * HASH_BASE) >> 32 & (uint64_t)(slots - 1);
        while (room->slots[slot] >= 0) slot = (slot + 1) & (uint64_t)(slots - 1);
        room->slots[slot] = i;
    }
    /* Where the text with the label is a hypothesis already, what was heard is added up. */
    double best = NEVER;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < tries; j++) {
            if (all[i].last != tried[j]) continue;
            uint64_t slot = (all[i].parent * HASH_BASE) >> 32 & (uint64_t)(slots - 1);
            while (room->slots[slot] >= 0 && all[room->slots[slot]].text != all[i].parent)
                slot = (slot + 1) & (uint64_t)(slots - 1);
            if (room->slots[slot] >= 0) {
                double *before = &more[room->slots[slot] * tries + j];
                all[i].in_label = log_add(all[i].in_label, *before);
                *before = NEVER;
            }
        }
        all[i].heard = log_add(all[i].in_blank, all[i].in_label);
        room->staying[i] = all[i].heard + all[i].known;
        if (room->staying[i] > best) best = room->staying[i];
    }
    /* What is lost in any case need not be looked up. */
    double least = best - search->beam_width - search->most_gain;
    int64_t candidates = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < tries; j++) {
            double heard = more[i * tries + j];
            if (!(heard + all[i].known > least)) continue;
            if (!GROW(room->candidates, room->candidate_room, candidates + 1)) return 0;
            Hypothesis *one = &room->candidates[candidates++];
            *one = all[i];
            one->known = all[i].known + extend(search, one, tried[j]);
            one->in_blank = NEVER;
            one->in_label = one->heard = heard;
            one->last = tried[j];
            one->parent = all[i].text;
            one->text = all[i].text * HASH_BASE + (uint64_t)(tried[j] + 1);
            if (heard + one->known > best) best = heard + one->known;
        }
    }
    /* The best of those that stay and those that are new. */
    int64_t scored = count + candidates, kept = 0;
    if (!GROW(room->scores, room->score_room, scored) ||
        !GROW(room->sorted, room->sorted_room, scored))
        return 0;
    least = best - search->beam_width;
    for (int64_t i = 0; i < scored; i++) {
        const Hypothesis *one = i < count ? NULL : &room->candidates[i - count];
        room->scores[i] = one ? one->in_label + one->known : room->staying[i];
        if (room->scores[i] >= least) room->sorted[kept++] = room->scores[i];
    }
    int64_t alike = kept;  /* how many with the least score there is room for */
    if (kept > search->beam) {
        least = least_kept(room->sorted, kept, search->beam);
        kept = alike = search->beam;
        for (int64_t i = 0; i < scored; i++) alike -= room->scores[i] > least;
    }
    if (!GROW(room->next, room->next_room, kept) ||
        !GROW(found->chain_labels, room->label_room, found->chained + kept) ||
        !GROW(found->chain_links, room->link_room, found->chained + kept))
        return 0;
    int64_t next = 0;
    for (int64_t i = 0; i < scored && next < kept; i++) {
        if (!(room->scores[i] >= least) || (room->scores[i] == least && alike-- <= 0)) continue;
        room->next[next] = i < count ? all[i] : room->candidates[i - count];
        if (i >= count) {
            found->chain_labels[found->chained] = room->next[next].last;
            found->chain_links[found->chained] = room->next[next].link;
            room->next[next].link = found->chained++;
        }
        next++;
    }
    found->hypotheses = room->next;
    found->found = next;
    room->next = all;
    int64_t other = room->next_room;
    room->next_room = room->hypothesis_room;
    room->hypothesis_room = other;
    return 1;
}

static int hear(const Search *search, Found *found, Room *room, const double *log_probs, int64_t frames,
                int64_t *tried) {
    void *moved;
    if (!GROW(found->hypotheses, room->hypothesis_room, 1) ||
        !GROW(found->chain_labels, room->label_room, 1) ||
        !GROW(found->chain_links, room->link_room, 1))
        return 0;
    found->hypotheses[0] =
        (Hypothesis){.word = -1, .bigram = -1, .last = -1, .text = 1, .in_blank = 0.0, .in_label = NEVER};
    found->chain_labels[0] = found->chain_links[0] = 0;
    found->found = found->chained = 1;
    int64_t alone_before = -1;
    for (const double *frame = log_probs; frames > 0; frames--, frame += search->labels) {
        double most = frame[0];
        for (int64_t i = 1; i < search->labels; i++)
            if (frame[i] > most) most = frame[i];
        int64_t likely = 0, tries = 0, alone = -1;
        for (int64_t i = 0; i < search->labels; i++) {
            if (!(frame[i] >= most - search->label_width)) continue;
            likely++;
            alone = i;
            if (i != search->blank) tried[tries++] = i;
        }
        if (likely != 1) alone = -1;
        /* Where one label is all that is likely for several frames, hypotheses got it with the first of them. */
        if (alone == search->blank || (alone >= 0 && alone == alone_before)) {
            for (int64_t i = 0; i < found->found; i++) {
                Hypothesis *one = &found->hypotheses[i];
                stay(search, one, frame);
                one->heard = log_add(one->in_blank, one->in_label);
            }
        } else if (!step(search, found, room, frame, tried, tries)) {
            return 0;
        }
        alone_before = alone;
    }
    return 1;
}

void hark_beam_free(Found *found) {
    free(found->hypotheses);
    free(found->chain_labels);
    free(found->chain_links);
    memset(found, 0, sizeof(*found));
}

/* What the models add to the score of a whole text of labels, as they do in a search; but for what hot words earn at its
 * end, which is added outside. */
double hark_text_score(const Search *search, const int64_t *labels, int64_t count) {
    Hypothesis one = {.word = -1, .bigram = -1};
    double score = 0.0;
    for (int64_t i = 0; i < count; i++) score += extend(search, &one, labels[i]);
    return search->model ? score + end_word(search, &one, one.hot) : score;
}

/* Searches a window of [frames, labels] log-probabilities. Returns 1, or 0 where there is not enough memory.
 * `hark_beam_free` takes what it put into `found` back. */
int32_t hark_beam_search(const Search *search, const double *log_probs, int64_t frames, Found *found) {
    Room room = {0};
    memset(found, 0, sizeof(*found));
    int64_t *tried = malloc((size_t)search->labels * sizeof(int64_t));
    int enough = tried && hear(search, found, &room, log_probs, frames, tried);
    if (!enough) hark_beam_free(found);
    free(tried);
    free(room.more);
    free(room.slots);
    free(room.staying);
    free(room.scores);
    free(room.sorted);
    free(room.candidates);
    free(room.next);
    return enough;
}
