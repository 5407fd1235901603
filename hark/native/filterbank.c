/* What `hark.filterbank` does in NumPy, compiled: the same but for rounding, in a fourth of the time.
 *
 * Source of the transform: Stockham's, as in Van Loan, "Computational Frameworks for the Fast Fourier Transform" (1992),
 * with radices 2 to 5, of real numbers taken in pairs for complex ones.
 */
#include <stdint.h>
#include <stdlib.h>

/* So many frames go side by side through all of it, as many as every processor of 64 bits takes at once. Nothing passes
 * from one to another: what is found in a frame does not depend on its neighbours. */
#define LANES 4
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef struct {
    Lanes re, im;
} Complex;

/* What a frame is analysed with. */
typedef struct {
    const float *window;       /* [size] */
    const float *roots;        /* [size, 2] cosines and minus sines of the size-th parts of a turn */
    const int64_t *first_bins; /* [bands] the lowest bin of the spectrum each band sees */
    const int64_t *bounds;     /* [bands + 1] where its shares begin and end */
    const float *shares;       /* of the power in each of those bins that goes into the band */
    int64_t size;              /* even; its half has no prime factors but 2, 3 and 5 */
    int64_t bands;
} Bank;

static inline Complex plus(Complex a, Complex b) { return (Complex){a.re + b.re, a.im + b.im}; }
static inline Complex minus(Complex a, Complex b) { return (Complex){a.re - b.re, a.im - b.im}; }
static inline Complex scaled(Complex a, float by) { return (Complex){a.re * by, a.im * by}; }
/* Times -i. */
static inline Complex turned(Complex a) { return (Complex){a.im, -a.re}; }
static inline Complex times(Complex a, const float *root) {
    return (Complex){a.re * root[0] - a.im * root[1], a.re * root[1] + a.im * root[0]};
}

/* One pass: transforms of `radix` numbers that are `apart`, in place of those of `radix` times as many. */
#define PASS(radix)                                                                          \
    for (int64_t part = 0; part < parts; part++) {                                           \
        for (int64_t at = 0; at < stride; at++) {                                            \
            const Complex *from = in + at + stride * part;                                   \
            Complex *to = out + at + stride * radix * part;                                  \
            Complex a[radix];                                                                \
            for (int k = 0; k < radix; k++) a[k] = from[k * apart];                          \
            butterfly_##radix(a);                                                            \
            to[0] = a[0];                                                                    \
            for (int k = 1; k < radix; k++)                                                  \
                to[k * stride] = part ? times(a[k], roots + 4 * stride * part * k) : a[k];   \
        }                                                                                    \
    }

static inline void butterfly_2(Complex *a) {
    Complex sum = plus(a[0], a[1]);
    a[1] = minus(a[0], a[1]);
    a[0] = sum;
}
static inline void butterfly_3(Complex *a) {
    const float sine = 0.866025403784438646763723170752936f;
    Complex sum = plus(a[1], a[2]), across = turned(scaled(minus(a[1], a[2]), sine));
    Complex middle = minus(a[0], scaled(sum, 0.5f));
    a[0] = plus(a[0], sum);
    a[1] = plus(middle, across);
    a[2] = minus(middle, across);
}
static inline void butterfly_4(Complex *a) {
    Complex even = plus(a[0], a[2]), odd = plus(a[1], a[3]);
    Complex even_across = minus(a[0], a[2]), odd_across = turned(minus(a[1], a[3]));
    a[0] = plus(even, odd);
    a[1] = plus(even_across, odd_across);
    a[2] = minus(even, odd);
    a[3] = minus(even_across, odd_across);
}
static inline void butterfly_5(Complex *a) {
    const float cosine_1 = 0.309016994374947424102293417182819f, cosine_2 = -0.809016994374947424102293417182819f;
    const float sine_1 = 0.951056516295153572116439333379382f, sine_2 = 0.587785252292473129168705954639073f;
    Complex outer = plus(a[1], a[4]), inner = plus(a[2], a[3]);
    Complex outer_across = minus(a[1], a[4]), inner_across = minus(a[2], a[3]);
    Complex near = plus(a[0], plus(scaled(outer, cosine_1), scaled(inner, cosine_2)));
    Complex far = plus(a[0], plus(scaled(outer, cosine_2), scaled(inner, cosine_1)));
    Complex near_across = turned(plus(scaled(outer_across, sine_1), scaled(inner_across, sine_2)));
    Complex far_across = turned(minus(scaled(outer_across, sine_2), scaled(inner_across, sine_1)));
    a[0] = plus(a[0], plus(outer, inner));
    a[1] = plus(near, near_across);
    a[2] = plus(far, far_across);
    a[3] = minus(far, far_across);
    a[4] = minus(near, near_across);
}

/* The transform of [length] complex numbers. Returns where it is: `in` or `out`; both are written to. */
static Complex *transform(Complex *in, Complex *out, int64_t length, const float *roots) {
    int64_t stride = 1;
    while (length > 1) {
        int64_t radix = length % 4 == 0 ? 4 : length % 2 == 0 ? 2 : length % 3 == 0 ? 3 : 5;
        int64_t parts = length / radix, apart = stride * parts;
        switch (radix) {
            case 2: PASS(2) break;
            case 3: PASS(3) break;
            case 4: PASS(4) break;
            case 5: PASS(5) break;
        }
        Complex *swap = in;
        in = out;
        out = swap;
        length = parts;
        stride *= radix;
    }
    return in;
}

/* Puts [length + 1] powers of a real signal's spectrum in `power`, from the transform of its [length] pairs. */
static void powers(const Complex *pairs, int64_t length, const float *roots, Lanes *power) {
    for (int64_t bin = 0; bin <= length / 2; bin++) {
        Complex one = pairs[bin], other = pairs[bin ? length - bin : 0];
        other.im = -other.im;
        Complex even = plus(one, other), odd = times(turned(minus(one, other)), roots + 2 * bin);
        Complex low = plus(even, odd), high = minus(even, odd);
        power[bin] = (low.re * low.re + low.im * low.im) * 0.25f;
        power[length - bin] = (high.re * high.re + high.im * high.im) * 0.25f;
    }
}

/* Finds the energy in each band of each frame.
 *
 * samples: [(frames - 1) * hop + size]. energies: [frames, bands] where it goes.
 *
 * Returns 1; 0 where there is not enough memory.
 */
int32_t hark_band_energies(const float *samples, int64_t frames, int64_t hop, const Bank *bank, float *energies) {
    int64_t length = bank->size / 2;
    Complex *in = aligned_alloc(64, (size_t)(((3 * length + 1) * (int64_t)sizeof(Complex) + 63) / 64 * 64));
    if (!in) return 0;
    Complex *out = in + length;
    Lanes *power = (Lanes *)(out + length);
    for (int64_t first = 0; first < frames; first += LANES) {
        const float *from[LANES];
        int64_t count = frames - first < LANES ? frames - first : LANES;
        for (int64_t lane = 0; lane < LANES; lane++) from[lane] = samples + (first + (lane < count ? lane : 0)) * hop;
        for (int64_t pair = 0; pair < length; pair++) {
            for (int lane = 0; lane < LANES; lane++) {
                in[pair].re[lane] = from[lane][2 * pair];
                in[pair].im[lane] = from[lane][2 * pair + 1];
            }
            in[pair].re *= bank->window[2 * pair];
            in[pair].im *= bank->window[2 * pair + 1];
        }
        powers(transform(in, out, length, bank->roots), length, bank->roots, power);
        for (int64_t band = 0; band < bank->bands; band++) {
            const Lanes *seen = power + bank->first_bins[band];
            Lanes sum = {0};
            for (int64_t share = bank->bounds[band]; share < bank->bounds[band + 1]; share++)
                sum += *seen++ * bank->shares[share];
            for (int64_t lane = 0; lane < count; lane++) energies[(first + lane) * bank->bands + band] = sum[lane];
        }
    }
    free(in);
    return 1;
}
