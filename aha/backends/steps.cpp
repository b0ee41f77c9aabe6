// The steps of a model between its products, for float32 on a processor: of a decoder, and of a learner forwards and backwards.
//
// Each function shares out rows over threads, and computes a row by itself, so that a row's numbers depend neither on other rows nor on
// the number of threads.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

#ifndef SIZES  // the sizes of heads for which there is code of their own, multiples of 8; a build has that of its model
#define SIZES(CASE)
#endif

constexpr int64_t kTokens = 64;  // tokens whose scores are computed before their values are added up

typedef float Lanes __attribute__((vector_size(32), aligned(4)));  // 8 numbers, wherever they lie

inline Lanes load(const float* x) { return *reinterpret_cast<const Lanes*>(x); }
inline void store(float* x, Lanes lanes) { *reinterpret_cast<Lanes*>(x) = lanes; }
typedef int32_t Integers __attribute__((vector_size(32)));

inline Lanes all(float x) { return Lanes{x, x, x, x, x, x, x, x}; }

// exp(x) for x <= 88, by a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2]; exp(-87) below -87.
inline Lanes exponential(Lanes x) {
    x = x < all(-87.0f) ? all(-87.0f) : x;
    Integers power = __builtin_convertvector(x * 1.44269504f + (x < all(0.0f) ? all(-0.5f) : all(0.5f)), Integers);
    Lanes n = __builtin_convertvector(power, Lanes);
    Lanes r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    Lanes p = r * 1.3981999507e-3f + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * (Lanes)((power + 127) << 23);
}

inline float exponential(float x) { return exponential(all(x))[0]; }

inline float sum_of(Lanes x) { return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])); }

inline float most_of(Lanes x) {
    float most = x[0];
    for (int i = 1; i < 8; ++i) most = x[i] > most ? x[i] : most;
    return most;
}

// Call visit(place, lanes) for 8 numbers of x at a time; the last ones are filled up with `blank`.
template <typename Visit>
inline void by_lanes(const float* x, int64_t size, float blank, Visit visit) {
    int64_t i = 0;
    for (; i + 8 <= size; i += 8) visit(i, load(x + i));
    if (i < size) {
        Lanes rest = all(blank);
        for (int64_t u = 0; u < size - i; ++u) rest[u] = x[i + u];
        visit(i, rest);
    }
}

// Store the lanes at x + place, but none beyond `size`.
inline void store_part(float* x, int64_t place, int64_t size, Lanes lanes) {
    if (place + 8 <= size) {
        store(x + place, lanes);
    } else {
        for (int64_t u = 0; u < size - place; ++u) x[place + u] = lanes[u];
    }
}

inline Lanes load_part(const float* x, int64_t place, int64_t size) {
    if (place + 8 <= size) return load(x + place);
    Lanes rest = all(0.0f);
    for (int64_t u = 0; u < size - place; ++u) rest[u] = x[place + u];
    return rest;
}

inline void normalise(const float* x, const float* weight, float epsilon, int64_t size, float* out) {
    float sum = 0.0f;
    for (int64_t i = 0; i < size; ++i) sum += x[i] * x[i];
    float factor = 1.0f / std::sqrt(sum / static_cast<float>(size) + epsilon);
    for (int64_t i = 0; i < size; ++i) out[i] = x[i] * factor * weight[i];
}

inline void turn(const float* x, const float* cosine, const float* sine, int64_t size, float* out) {
    int64_t half = size / 2;
    for (int64_t i = 0; i < half; ++i) {
        float first = x[i], second = x[i + half];
        out[i] = first * cosine[i] + second * sine[i];
        out[i + half] = second * cosine[i + half] + first * sine[i + half];
    }
}


// The sums of 8 vectors as one.
inline Lanes sums(const Lanes* a) {
    Lanes b[4], c[2];
    for (int i = 0; i < 4; ++i)
        b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(a[2 * i], a[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    for (int i = 0; i < 2; ++i)
        c[i] = __builtin_shufflevector(b[2 * i], b[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(b[2 * i], b[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(c[0], c[1], 0, 1, 2, 3, 8, 9, 10, 11) + __builtin_shufflevector(c[0], c[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

template <int SIZE, int COUNT>
inline void product(const Lanes (*q)[SIZE / 8], const float* key, Lanes (*sum)[8], int64_t place) {
    Lanes total[COUNT];
    for (int i = 0; i < SIZE / 8; ++i) {
        Lanes part = load(key + 8 * i);
        for (int c = 0; c < COUNT; ++c) total[c] = i ? total[c] + q[c][i] * part : q[c][i] * part;
    }
    for (int c = 0; c < COUNT; ++c) sum[c][place] = total[c];
}

// The products of COUNT queries with the keys of `count` tokens, at most kTokens, that lie `stride` numbers apart.
template <int SIZE, int COUNT>
inline void products(const Lanes (*q)[SIZE / 8], const float* keys, int64_t stride, int64_t count, float (*out)[kTokens + 8]) {
    for (int64_t t = 0; t < count; t += 8, keys += 8 * stride) {
        Lanes sum[COUNT][8] = {};
        if (t + 8 <= count)
            for (int64_t u = 0; u < 8; ++u) product<SIZE, COUNT>(q, keys + u * stride, sum, u);
        else
            for (int64_t u = 0; u < count - t; ++u) product<SIZE, COUNT>(q, keys + u * stride, sum, u);
        for (int c = 0; c < COUNT; ++c) store(out[c] + t, sums(sum[c]));
    }
}

// The scores of tokens start to start + count, for heads whose size is not a multiple of 8.
inline void score(const float* query, const float* keys, int64_t start, int64_t count, int64_t size, float scale, float* scores) {
    for (int64_t t = 0; t < count; ++t) {
        const float* key = keys + (start + t) * size;
        float sum = 0.0f;
        for (int64_t i = 0; i < size; ++i) sum += query[i] * key[i];
        scores[t] = sum * scale;
    }
}

// Raise the largest score seen so far, turn the scores into weights relative to it, and return the factor for earlier weights.
inline float weigh(float* scores, int64_t count, float* most, float* total) {
    for (int64_t t = count; t % 8; ++t) scores[t] = -1e30f;
    Lanes peaks = all(*most), sum = all(0.0f);
    for (int64_t t = 0; t < count; t += 8) {
        Lanes x = load(scores + t);
        peaks = x > peaks ? x : peaks;
    }
    float peak = most_of(peaks), shrink = exponential(*most - peak);
    for (int64_t t = 0; t < count; t += 8) {
        Lanes weights = exponential(load(scores + t) - peak);
        sum += weights;
        store(scores + t, weights);
    }
    *most = peak;
    *total = *total * shrink + sum_of(sum);
    return shrink;
}

// Attention of one query over tokens first to until.
void attend_any(const float* query, const float* keys, const float* values, int64_t first, int64_t until, float scale, int64_t size, float* out) {
    float scores[kTokens + 7], most = -1e30f, total = 0.0f;
    for (int64_t i = 0; i < size; ++i) out[i] = 0.0f;
    for (int64_t start = first; start < until; start += kTokens) {
        int64_t count = until - start < kTokens ? until - start : kTokens;
        score(query, keys, start, count, size, scale, scores);
        float shrink = weigh(scores, count, &most, &total);
        for (int64_t i = 0; i < size; ++i) out[i] *= shrink;
        for (int64_t t = 0; t < count; ++t)
            for (int64_t i = 0; i < size; ++i) out[i] += scores[t] * values[(start + t) * size + i];
    }
    for (int64_t i = 0; i < size; ++i) out[i] /= total;
}

// The attention of COUNT queries that share keys over tokens that come part by part, for heads of SIZE numbers, a multiple of 8.
template <int SIZE, int COUNT>
struct Queries {
    static constexpr int kParts = SIZE / 8;
    Lanes q[COUNT][kParts], y[COUNT][kParts];
    float most[COUNT], total[COUNT];

    // The queries lie side by side.
    Queries(const float* query, float scale) {
        for (int c = 0; c < COUNT; ++c) {
            most[c] = -1e30f;
            total[c] = 0.0f;
            for (int i = 0; i < kParts; ++i) {
                q[c][i] = load(query + c * SIZE + 8 * i) * scale;
                y[c][i] = all(0.0f);
            }
        }
    }

    // Add tokens, whose keys and values lie `stride` numbers apart.
    void see(const float* keys, const float* values, int64_t stride, int64_t tokens) {
        float scores[COUNT][kTokens + 8];
        for (int64_t start = 0; start < tokens; start += kTokens) {
            int64_t count = tokens - start < kTokens ? tokens - start : kTokens;
            products<SIZE, COUNT>(q, keys + start * stride, stride, count, scores);
            for (int c = 0; c < COUNT; ++c) {
                float shrink = weigh(scores[c], count, &most[c], &total[c]);
                for (int i = 0; i < kParts; ++i) y[c][i] *= shrink;
            }
            const float* value = values + start * stride;
            for (int64_t t = 0; t < count; ++t, value += stride)
                for (int i = 0; i < kParts; ++i) {
                    Lanes part = load(value + 8 * i);
                    for (int c = 0; c < COUNT; ++c) y[c][i] += scores[c][t] * part;
                }
        }
    }

    void write(float* out) const {
        for (int c = 0; c < COUNT; ++c)
            for (int i = 0; i < kParts; ++i) store(out + c * SIZE + 8 * i, y[c][i] * (1.0f / total[c]));
    }
};

template <int SIZE>
void attend_head(const float* query, const float* keys, const float* values, int64_t first, int64_t until, float scale, float* out) {
    Queries<SIZE, 1> seen(query, scale);
    seen.see(keys + first * SIZE, values + first * SIZE, SIZE, until - first);
    seen.write(out);
}

// Rows of a packed sequence. Token n has its queries, keys and values side by side, `stride` numbers. Row r has the tokens from start[r]
// to start[r + 1]; before them come the first prompt[r] tokens from base[r] on, which belong to an earlier row.
struct Rows {
    const int64_t *start, *base, *prompt;
    int64_t rows, heads, key_heads, window;
    float scale;

    // Call visit(first token, tokens, first place) for the tokens that a row's own token `place` sees, in one or two runs.
    template <typename Visit>
    void seen(int64_t row, int64_t place, Visit visit) const {
        int64_t until = prompt[row] + place + 1, first = window && until > window ? until - window : 0;
        if (first < prompt[row]) visit(base[row] + first, prompt[row] - first);
        int64_t own = first > prompt[row] ? first - prompt[row] : 0;
        visit(start[row] + own, place + 1 - own);
    }
};

template <int SIZE, int COUNT>
void attend_row(const Rows& rows, const float* states, int64_t row, int64_t head, float* out, float* peaks) {
    int64_t stride = (rows.heads + 2 * rows.key_heads) * SIZE, key_head = head / (rows.heads / rows.key_heads);
    const float* keys = states + (rows.heads + key_head) * SIZE;
    const float* values = keys + rows.key_heads * SIZE;
    for (int64_t place = 0; place < rows.start[row + 1] - rows.start[row]; ++place) {
        int64_t token = rows.start[row] + place;
        Queries<SIZE, COUNT> queries(states + token * stride + head * SIZE, rows.scale);
        rows.seen(row, place, [&](int64_t first, int64_t tokens) { queries.see(keys + first * stride, values + first * stride, stride, tokens); });
        queries.write(out + (token * rows.heads + head) * SIZE);
        for (int c = 0; c < COUNT; ++c) peaks[token * rows.heads + head + c] = queries.most[c] + std::log(queries.total[c]);
    }
}

// The gradients of COUNT of a row's queries, and their part of those of the keys and values that they see. `out`: the row's attention.
template <int SIZE, int COUNT>
void attend_row_backward(const Rows& rows, const float* states, int64_t row, int64_t head, const float* out, const float* peaks,
                         const float* grad_out, float* grad_states) {
    constexpr int kParts = SIZE / 8;
    int64_t stride = (rows.heads + 2 * rows.key_heads) * SIZE, key_head = head / (rows.heads / rows.key_heads);
    int64_t key_place = (rows.heads + key_head) * SIZE, value_place = key_place + rows.key_heads * SIZE;
    for (int64_t place = 0; place < rows.start[row + 1] - rows.start[row]; ++place) {
        int64_t token = rows.start[row] + place;
        Lanes q[COUNT][kParts], d[COUNT][kParts], sum[COUNT][kParts];
        float delta[COUNT], peak[COUNT];
        for (int c = 0; c < COUNT; ++c) {
            int64_t at = (token * rows.heads + head + c) * SIZE;
            Lanes along = all(0.0f);
            for (int i = 0; i < kParts; ++i) {
                q[c][i] = load(states + token * stride + (head + c) * SIZE + 8 * i) * rows.scale;
                d[c][i] = load(grad_out + at + 8 * i);
                along += d[c][i] * load(out + at + 8 * i);
                sum[c][i] = all(0.0f);
            }
            delta[c] = sum_of(along);
            peak[c] = peaks[token * rows.heads + head + c];
        }
        rows.seen(row, place, [&](int64_t first, int64_t tokens) {
            float share[COUNT][kTokens + 8], slope[COUNT][kTokens + 8];
            for (int64_t begin = first; begin < first + tokens; begin += kTokens) {
                int64_t count = first + tokens - begin < kTokens ? first + tokens - begin : kTokens;
                products<SIZE, COUNT>(q, states + begin * stride + key_place, stride, count, share);
                products<SIZE, COUNT>(d, states + begin * stride + value_place, stride, count, slope);
                for (int c = 0; c < COUNT; ++c)
                    for (int64_t t = 0; t < count; t += 8) {
                        Lanes weights = exponential(load(share[c] + t) - peak[c]);
                        store(share[c] + t, weights);
                        store(slope[c] + t, weights * (load(slope[c] + t) - delta[c]));
                    }
                for (int64_t t = 0; t < count; ++t) {
                    const float* key = states + (begin + t) * stride + key_place;
                    float *grad_key = grad_states + (begin + t) * stride + key_place, *grad_value = grad_key + value_place - key_place;
                    for (int i = 0; i < kParts; ++i) {
                        Lanes part = load(key + 8 * i), by_key = load(grad_key + 8 * i), by_value = load(grad_value + 8 * i);
                        for (int c = 0; c < COUNT; ++c) {
                            sum[c][i] += slope[c][t] * part;
                            by_key += slope[c][t] * q[c][i];
                            by_value += share[c][t] * d[c][i];
                        }
                        store(grad_key + 8 * i, by_key);
                        store(grad_value + 8 * i, by_value);
                    }
                }
            }
        });
        for (int c = 0; c < COUNT; ++c)
            for (int i = 0; i < kParts; ++i) store(grad_states + token * stride + (head + c) * SIZE + 8 * i, sum[c][i] * rows.scale);
    }
}

// Call two(head) for pairs of the heads that share a head of keys, and one(head) for a last one.
template <typename Two, typename One>
inline void by_pairs(int64_t key_head, int64_t group, Two two, One one) {
    int64_t head = key_head * group, until = head + group;
    for (; head + 2 <= until; head += 2) two(head);
    if (head < until) one(head);
}

template <int SIZE>
void attend_group(const Rows& rows, const float* states, int64_t row, int64_t key_head, float* out, float* peaks) {
    by_pairs(
        key_head, rows.heads / rows.key_heads, [&](int64_t head) { attend_row<SIZE, 2>(rows, states, row, head, out, peaks); },
        [&](int64_t head) { attend_row<SIZE, 1>(rows, states, row, head, out, peaks); });
}

template <int SIZE>
void attend_group_backward(const Rows& rows, const float* states, int64_t row, int64_t key_head, const float* out, const float* peaks,
                           const float* grad_out, float* grad_states) {
    by_pairs(
        key_head, rows.heads / rows.key_heads,
        [&](int64_t head) { attend_row_backward<SIZE, 2>(rows, states, row, head, out, peaks, grad_out, grad_states); },
        [&](int64_t head) { attend_row_backward<SIZE, 1>(rows, states, row, head, out, peaks, grad_out, grad_states); });
}

}  // namespace

extern "C" {

// hidden += delta, out = rms_norm(hidden) * weight; [rows, size]. delta may be null.
void aha_add_norm(float* hidden, const float* delta, const float* weight, float epsilon, int64_t rows, int64_t size, float* out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        float* x = hidden + row * size;
        if (delta) for (int64_t i = 0; i < size; ++i) x[i] += delta[row * size + i];
        normalise(x, weight, epsilon, size, out + row * size);
    }
}

// out = silu(gate) * up; gate_up [rows, 2 * size], out [rows, size].
void aha_gate(const float* gate_up, int64_t rows, int64_t size, float* out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const float* gate = gate_up + row * 2 * size;
        const float* up = gate + size;
        by_lanes(gate, size, 0.0f, [&](int64_t i, Lanes x) {
            // below -87 the gate is 0 to the last digit
            store_part(out + row * size, i, size, x / (1.0f + exponential(x < all(-87.0f) ? all(87.0f) : -x)) * load_part(up, i, size));
        });
    }
}

// One token of each row: turn its queries and keys, write its keys and values behind those of its row, and attend to the row's tokens.
// states [rows, heads + 2 * key_heads, size], cosine and sine [rows, size], keys and values [rows, key_heads, width, size], tokens [rows]:
// the tokens of each row with this one. window: the last tokens that it sees, 0: all. out [rows, heads, size].
void aha_attend(const float* states, const float* cosine, const float* sine, const float* query_norm, const float* key_norm, float epsilon,
                float* keys, float* values, const int64_t* tokens, int64_t rows, int64_t heads, int64_t key_heads, int64_t size, int64_t width,
                int64_t window, float scale, float* out, int threads) {
    int64_t group = heads / key_heads;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
    for (int64_t row = 0; row < rows; ++row) {
        float turned[256], normed[256];
        const float* state = states + row * (heads + 2 * key_heads) * size;
        const float* c = cosine + row * size;
        const float* s = sine + row * size;
        int64_t until = tokens[row];
        int64_t first = window && until > window ? until - window : 0;
        for (int64_t k = 0; k < key_heads; ++k) {
            float* row_keys = keys + (row * key_heads + k) * width * size;
            float* row_values = values + (row * key_heads + k) * width * size;
            const float* key = state + (heads + k) * size;
            if (key_norm) { normalise(key, key_norm, epsilon, size, normed); key = normed; }
            turn(key, c, s, size, row_keys + (until - 1) * size);
            std::memcpy(row_values + (until - 1) * size, state + (heads + key_heads + k) * size, size * sizeof(float));
            for (int64_t g = 0; g < group; ++g) {
                int64_t head = k * group + g;
                const float* query = state + head * size;
                if (query_norm) { normalise(query, query_norm, epsilon, size, normed); query = normed; }
                turn(query, c, s, size, turned);
                float* y = out + (row * heads + head) * size;
                switch (size) {
#define CASE(number) \
    case number: attend_head<number>(turned, row_keys, row_values, first, until, scale, y); break;
                    SIZES(CASE)
#undef CASE
                    default: attend_any(turned, row_keys, row_values, first, until, scale, size, y);
                }
            }
        }
    }
}

// Turn the first `heads` heads of each token in place; direction -1.0 turns them back. states [rows, width], cosine and sine [rows, size].
void aha_turn(float* states, const float* cosine, const float* sine, int64_t rows, int64_t heads, int64_t size, int64_t width, float direction, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const float *c = cosine + row * size, *s = sine + row * size;
        for (int64_t head = 0; head < heads; ++head) {
            float* x = states + row * width + head * size;
            for (int64_t i = 0; i < size / 2; ++i) {
                int64_t half = size / 2;
                float first = x[i], second = x[i + half];
                x[i] = first * c[i] + direction * second * s[i];
                x[i + half] = second * c[i + half] + direction * first * s[i + half];
            }
        }
    }
}

// Attention of the rows of a packed sequence; see Rows. states [tokens, heads + 2 * key_heads, size], turned; out [tokens, heads, size];
// peaks [tokens, heads]: the logarithm of each query's sum of weights.
void aha_attend_rows(const float* states, const int64_t* start, const int64_t* base, const int64_t* prompt, int64_t count, int64_t heads,
                     int64_t key_heads, int64_t size, int64_t window, float scale, float* out, float* peaks, int threads) {
    Rows rows{start, base, prompt, count, heads, key_heads, window, scale};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) collapse(2)
    for (int64_t row = 0; row < count; ++row)
        for (int64_t key_head = 0; key_head < key_heads; ++key_head) switch (size) {
#define CASE(number) \
    case number: attend_group<number>(rows, states, row, key_head, out, peaks); break;
                SIZES(CASE)
#undef CASE
            }
}

// The gradient of aha_attend_rows. grad_states is zero before. family [families + 1]: the first row of each family, whose rows share
// prompts with their first one; a family's head of keys is one thread's, so that sums have one order.
void aha_attend_rows_backward(const float* states, const int64_t* start, const int64_t* base, const int64_t* prompt, const int64_t* family,
                              int64_t families, int64_t heads, int64_t key_heads, int64_t size, int64_t window, float scale,
                              const float* out, const float* peaks, const float* grad_out, float* grad_states, int threads) {
    Rows rows{start, base, prompt, family[families], heads, key_heads, window, scale};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) collapse(2)
    for (int64_t number = 0; number < families; ++number)
        for (int64_t key_head = 0; key_head < key_heads; ++key_head)
            for (int64_t row = family[number]; row < family[number + 1]; ++row) switch (size) {
#define CASE(number) \
    case number: attend_group_backward<number>(rows, states, row, key_head, out, peaks, grad_out, grad_states); break;
                    SIZES(CASE)
#undef CASE
                }
}

// The gradient of x -> rms_norm(x) * weight: grad_x += its own, and parts [rows / 64, size]: the weight's, summed over 64 rows each.
void aha_norm_backward(const float* x, const float* weight, const float* grad, float epsilon, int64_t rows, int64_t size, float* grad_x,
                       float* parts, int threads) {
    int64_t chunks = (rows + kTokens - 1) / kTokens;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        float* part = parts + chunk * size;
        for (int64_t i = 0; i < size; ++i) part[i] = 0.0f;
        for (int64_t row = chunk * kTokens; row < (chunk + 1) * kTokens && row < rows; ++row) {
            const float *from = x + row * size, *slope = grad + row * size;
            float square = 0.0f, along = 0.0f;
            for (int64_t i = 0; i < size; ++i) square += from[i] * from[i];
            for (int64_t i = 0; i < size; ++i) along += from[i] * slope[i] * weight[i];
            float factor = 1.0f / std::sqrt(square / static_cast<float>(size) + epsilon);
            float back = along * factor * factor * factor / static_cast<float>(size);
            for (int64_t i = 0; i < size; ++i) {
                grad_x[row * size + i] += slope[i] * weight[i] * factor - from[i] * back;
                part[i] += slope[i] * from[i] * factor;
            }
        }
    }
}

// The gradient of aha_gate, whose result is computed again: grad_gate_up [rows, 2 * size], out and grad [rows, size].
void aha_gate_backward(const float* gate_up, const float* grad, int64_t rows, int64_t size, float* out, float* grad_gate_up, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const float *gate = gate_up + row * 2 * size, *up = gate + size, *slope = grad + row * size;
        float *y = out + row * size, *grad_gate = grad_gate_up + row * 2 * size, *grad_up = grad_gate + size;
        by_lanes(gate, size, 0.0f, [&](int64_t i, Lanes x) {
            Lanes open = 1.0f / (1.0f + exponential(x < all(-87.0f) ? all(87.0f) : -x)), silu = x * open;
            Lanes u = load_part(up, i, size), d = load_part(slope, i, size);
            store_part(y, i, size, silu * u);
            store_part(grad_gate, i, size, d * u * open * (1.0f + x * (1.0f - open)));
            store_part(grad_up, i, size, d * silu);
        });
    }
}

// Turn logits [rows, size] into probabilities in place; targets [rows], logps [rows]: the logarithm of each target's, entropies [rows].
void aha_softmax(float* logits, const int64_t* targets, int64_t rows, int64_t size, float* logps, float* entropies, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        float* x = logits + row * size;
        float target = x[targets[row]];
        Lanes peaks = all(x[0]), sums_of_odds = all(0.0f), weighted = all(0.0f);
        by_lanes(x, size, x[0], [&](int64_t, Lanes part) { peaks = part > peaks ? part : peaks; });
        float peak = most_of(peaks);
        by_lanes(x, size, -1e30f, [&](int64_t i, Lanes part) {
            Lanes z = part - peak, odds = exponential(z);
            sums_of_odds += odds;
            weighted += odds * z;
            store_part(x, i, size, odds);
        });
        float sum = sum_of(sums_of_odds), log_sum = std::log(sum), factor = 1.0f / sum;
        for (int64_t i = 0; i < size; ++i) x[i] *= factor;
        logps[row] = target - peak - log_sum;
        entropies[row] = log_sum - sum_of(weighted) * factor;
    }
}
}
