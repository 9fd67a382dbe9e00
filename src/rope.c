/* RoPE: freq_i = base^(-2i/n_rot). Scalings:
     linear     freq_i / factor
     llama3     freq_i / factors_i (rope_freqs.weight)
     longrope   freq_i / factors_i, long or short ones by the length that is to be reached
     yarn       between freq_i / factor (slow pairs) and freq_i (fast pairs) along a ramp over i; arXiv 2309.00071, section 3 */
#include "rope.h"

#define PI 3.14159265358979323846

/* The pair that turns `rotations` times within the original context (YaRN, equation 17 solved for i). */
static double yarn_pair(const pal_rope_spec *s, double rotations) {
    return s->n_rot * pal_log(s->n_ctx_orig / (rotations * 2 * PI)) / (2 * pal_log(s->base));
}

static double floor_of(double x) {
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

void pal_rope_frequencies(const pal_rope_spec *s, uint32_t reach, double *freq) {
    const float *factors = s->factors_long && reach > s->n_ctx_orig ? s->factors_long : s->factors;
    double low = 0, high = 0;
    if (s->yarn) {
        low = floor_of(yarn_pair(s, s->beta_fast));
        high = -floor_of(-yarn_pair(s, s->beta_slow));
        low = low < 0 ? 0 : low;
        high = high > s->n_rot - 1 ? s->n_rot - 1 : high;
    }
    for (uint32_t i = 0; i < s->n_rot / 2; i++) {
        double fast = pal_pow(s->base, -2.0 * i / s->n_rot) / (factors ? factors[i] : 1), slow = fast / s->factor;
        freq[i] = slow;
        if (s->yarn) {
            double ramp = (i - low) / (high - low > 0.001 ? high - low : 0.001);
            ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
            freq[i] = fast * (1 - ramp) + slow * ramp;
        }
    }
}

/* Angles are taken in double: at position 200,000 a float has lost all but 7 bits of the fraction of a turn. */
void pal_rope_table(const pal_rope_spec *s, const double *freq, uint64_t first, uint32_t n, float *cs) {
    for (uint32_t t = 0, half = s->n_rot / 2; t < n; t++, cs += s->n_rot) {
        for (uint32_t i = 0; i < half; i++) {
            double sin, cos;
            pal_sincos((double)(first + t) * freq[i], &sin, &cos);
            cs[i] = (float)(cos * s->magnitude);
            cs[half + i] = (float)(sin * s->magnitude);
        }
    }
}

void pal_rope_fixed(const float *cs, uint32_t n, int16_t *cs16) {
    for (uint32_t i = 0; i < n; i++) cs16[i] = (int16_t)(cs[i] * 0x1p14f + (cs[i] < 0 ? -0.5f : 0.5f));
}

void pal_rope_back(const pal_rope_spec *s, const double *freq, uint32_t n, float *cs) {
    for (uint32_t i = 0, half = s->n_rot / 2; i < half; i++) {
        double sin, cos;
        pal_sincos(n * freq[i], &sin, &cos);
        cs[i] = (float)cos;
        cs[half + i] = (float)-sin;
    }
}
