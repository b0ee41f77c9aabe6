// The steps of a model between its products, for float32 on a processor: of a decoder, and of a learner forwards and backwards; and a
// decoder's products of few rows, of which weights may be bfloat16.
//
// Each function shares out rows over threads, and computes a row by itself, so that a row's numbers depend neither on other rows nor on
// the number of threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

#ifndef SIZES  // the sizes of heads for which there is code of their own, multiples of 8; a build has that of its model
#define SIZES(CASE)
#endif

constexpr int64_t kChunk = 64;         // rows whose part of a norm's gradient is summed first
constexpr int64_t kDrawn = 64;         // tokens whose weights are added up before the walk
constexpr int64_t kMostNumbers = 256;  // numbers of a head

typedef float Lanes __attribute__((vector_size(32), aligned(4)));  // 8 numbers, wherever they lie

inline Lanes load(const float* x) { return *reinterpret_cast<const Lanes*>(x); }
inline void store(float* x, Lanes lanes) { *reinterpret_cast<Lanes*>(x) = lanes; }
typedef int32_t Integers __attribute__((vector_size(32)));
typedef uint16_t Halves __attribute__((vector_size(16), aligned(2)));  // 8 numbers of bfloat16

inline Lanes load(const uint16_t* x) { return (Lanes)(__builtin_convertvector(*reinterpret_cast<const Halves*>(x), Integers) << 16); }
inline float number(float x) { return x; }
inline float number(uint16_t x) {
    uint32_t bits = static_cast<uint32_t>(x) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline uint16_t rounded(float x) {  // to bfloat16, the nearest, of two the even one
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 64);  // NaN
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline void put(float* to, float x) { *to = x; }
inline void put(uint16_t* to, float x) { *to = rounded(x); }

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

// A number in [0, 1) with an address: splitmix64's finaliser of seed and position; 53 random bits.
inline uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

inline double uniform(int64_t seed, int64_t position) {
    constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ull;
    uint64_t start = mix(static_cast<uint64_t>(seed) + kGolden);
    return static_cast<double>(mix(start + static_cast<uint64_t>(position + 1) * kGolden) >> 11) * 0x1p-53;
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

// Rows of a packed sequence. Token n has its queries, keys and values side by side, `stride` numbers. Row r has the tokens from start[r]
// to start[r + 1]; before them come the first prompt[r] tokens from base[r] on, which belong to an earlier row.
struct Rows {
    const int64_t *start, *base, *prompt;
    int64_t rows, heads, key_heads, window;
    float scale;

    int64_t group() const { return heads / key_heads; }
    int64_t tokens(int64_t row) const { return prompt[row] + start[row + 1] - start[row]; }

    // The place in the sequence of what the row sees as token t.
    int64_t place(int64_t row, int64_t t) const { return t < prompt[row] ? base[row] + t : start[row] + t - prompt[row]; }
};

constexpr int64_t kQueries = 4;  // queries that are computed together
constexpr int64_t kBlock = 16;   // tokens whose scores are computed together

inline int64_t whole_blocks(int64_t tokens) { return (tokens + kBlock - 1) / kBlock * kBlock; }

// Vectors of SIZE numbers of some tokens, side by side, and also turned round: block by block, number by number, token by token.
template <int SIZE>
struct Vectors {
    std::unique_ptr<float[]> by_token, by_number;

    // The tokens that a row sees, from the numbers of each token that begin at `first`.
    Vectors(const Rows& rows, const float* states, int64_t row, int64_t stride, int64_t first) {
        int64_t tokens = rows.tokens(row), room = whole_blocks(tokens);
        by_token.reset(new float[tokens * SIZE]);
        by_number.reset(new float[room * SIZE]());
        for (int64_t t = 0; t < tokens; ++t) {
            const float* from = states + rows.place(row, t) * stride + first;
            float *to = by_token.get() + t * SIZE, *turned = by_number.get() + t / kBlock * kBlock * SIZE + t % kBlock;
            for (int i = 0; i < SIZE; ++i) {
                to[i] = from[i];
                turned[i * kBlock] = from[i];
            }
        }
    }
};

// The sums that are kept apart for each of COUNT queries, so that the processor need not wait for the last one.
constexpr int sums_apart(int count) { return count == 1 ? 4 : count == 2 ? 2 : 1; }

// out[c][t]: the product of vector c of `queries` with token t of a block; the rows of `out` lie `stride` numbers apart.
template <int SIZE, int COUNT, typename Number>
inline void block_products(const Number* block, const float* queries, float* out, int64_t stride) {
    constexpr int kSums = sums_apart(COUNT);
    Lanes sum[kSums][COUNT][2] = {};
    for (int i = 0; i < SIZE; i += kSums)
        for (int u = 0; u < kSums; ++u) {
            Lanes first = load(block + (i + u) * kBlock), second = load(block + (i + u) * kBlock + 8);
            for (int c = 0; c < COUNT; ++c) {
                Lanes part = all(queries[c * SIZE + i + u]);
                sum[u][c][0] += part * first;
                sum[u][c][1] += part * second;
            }
        }
    for (int c = 0; c < COUNT; ++c)
        for (int half = 0; half < 2; ++half) {
            Lanes total = sum[0][c][half];
            for (int u = 1; u < kSums; ++u) total += sum[u][c][half];
            store(out + c * stride + 8 * half, total);
        }
}

// The lanes of a part of SIZE numbers that fits the registers once for each query.
template <int SIZE>
constexpr int strip_lanes() {
    return SIZE / 8 % 3 == 0 ? 3 : SIZE / 8 % 2 == 0 ? 2 : 1;
}

// out[c] = sum of weights[c][t] * vectors[t] over `count` tokens; the rows of `weights` lie `stride` numbers apart.
template <int SIZE, int COUNT>
inline void weighted_sums(const float* weights, int64_t stride, const float* vectors, int64_t count, float* out) {
    constexpr int kStrip = strip_lanes<SIZE>();
    for (int begin = 0; begin < SIZE; begin += 8 * kStrip) {
        Lanes sum[COUNT][kStrip];
        for (int c = 0; c < COUNT; ++c)
            for (int i = 0; i < kStrip; ++i) sum[c][i] = all(0.0f);
        for (int64_t t = 0; t < count; ++t) {
            Lanes part[kStrip];
            for (int i = 0; i < kStrip; ++i) part[i] = load(vectors + t * SIZE + begin + 8 * i);
            for (int c = 0; c < COUNT; ++c) {
                Lanes weight = all(weights[c * stride + t]);
                for (int i = 0; i < kStrip; ++i) sum[c][i] += weight * part[i];
            }
        }
        for (int c = 0; c < COUNT; ++c)
            for (int i = 0; i < kStrip; ++i) store(out + c * SIZE + begin + 8 * i, sum[c][i]);
    }
}

// vectors[t] += sum of weights[c][t] * queries[c].
template <int SIZE>
inline void add_weighted(const float* weights, int64_t stride, const float* queries, int64_t count, float* vectors) {
    constexpr int kStrip = strip_lanes<SIZE>();
    for (int begin = 0; begin < SIZE; begin += 8 * kStrip) {
        Lanes part[kQueries][kStrip];
        for (int c = 0; c < kQueries; ++c)
            for (int i = 0; i < kStrip; ++i) part[c][i] = load(queries + c * SIZE + begin + 8 * i);
        for (int64_t t = 0; t < count; ++t) {
            float* to = vectors + t * SIZE + begin;
            Lanes sum[kStrip];
            for (int i = 0; i < kStrip; ++i) sum[i] = load(to + 8 * i);
            for (int c = 0; c < kQueries; ++c) {
                Lanes weight = all(weights[c * stride + t]);
                for (int i = 0; i < kStrip; ++i) sum[i] += weight * part[c][i];
            }
            for (int i = 0; i < kStrip; ++i) store(to + 8 * i, sum[i]);
        }
    }
}

// Up to kQueries queries of a row that share a head of keys: `count` of them, and the tokens that any of them sees, from a whole block on.
// Query number n of a row and a head of keys is head n % group of token n / group.
template <int SIZE>
struct QueryBlock {
    const Rows& rows;
    int64_t row, key_head, number, count, first, until;
    float queries[kQueries * SIZE];

    QueryBlock(const Rows& all_rows, const float* states, int64_t of_row, int64_t of_head, int64_t from)
        : rows(all_rows), row(of_row), key_head(of_head), number(from) {
        int64_t all_queries = (rows.start[row + 1] - rows.start[row]) * rows.group();
        count = all_queries - number < kQueries ? all_queries - number : kQueries;
        first = first_of(0) / kBlock * kBlock;
        until = until_of(count - 1);
        gather(states, (rows.heads + 2 * rows.key_heads) * SIZE, rows.scale, queries);
    }

    int64_t token(int64_t c) const { return rows.start[row] + (number + c) / rows.group(); }
    int64_t head(int64_t c) const { return key_head * rows.group() + (number + c) % rows.group(); }
    int64_t until_of(int64_t c) const { return rows.prompt[row] + (number + c) / rows.group() + 1; }
    int64_t first_of(int64_t c) const { return rows.window && until_of(c) > rows.window ? until_of(c) - rows.window : 0; }
    int64_t room() const { return whole_blocks(until - first); }

    // The vectors of the queries in `from`, whose tokens lie `stride` numbers apart, times `factor`; zeros for those that are not there.
    void gather(const float* from, int64_t stride, float factor, float* to) const {
        for (int64_t c = 0; c < kQueries; ++c)
            for (int i = 0; i < SIZE; i += 8)
                store(to + c * SIZE + i, c < count ? load(from + token(c) * stride + head(c) * SIZE + i) * factor : all(0.0f));
    }

    // The products of `vectors` with all tokens, into rows of room() numbers.
    void products(const Vectors<SIZE>& tokens, const float* vectors, float* out) const {
        for (int64_t t = 0; t < room(); t += kBlock)
            block_products<SIZE, kQueries>(tokens.by_number.get() + (first + t) * SIZE, vectors, out + t, room());
    }

    // Put `blank` where a query does not see a token.
    void hide(float* scores, float blank) const {
        for (int64_t c = 0; c < count; ++c) {
            float* x = scores + c * room();
            for (int64_t t = first; t < first_of(c); ++t) x[t - first] = blank;
            for (int64_t t = until_of(c); t < first + room(); ++t) x[t - first] = blank;
        }
    }
};

template <int SIZE>
void attend_row(const Rows& rows, const float* states, int64_t row, int64_t key_head, float* out, float* peaks) {
    int64_t stride = (rows.heads + 2 * rows.key_heads) * SIZE, queries = (rows.start[row + 1] - rows.start[row]) * rows.group();
    Vectors<SIZE> keys(rows, states, row, stride, (rows.heads + key_head) * SIZE);
    Vectors<SIZE> values(rows, states, row, stride, (rows.heads + rows.key_heads + key_head) * SIZE);
    std::unique_ptr<float[]> scores(new float[kQueries * whole_blocks(rows.tokens(row))]);
    for (int64_t number = 0; number < queries; number += kQueries) {
        QueryBlock<SIZE> block(rows, states, row, key_head, number);
        block.products(keys, block.queries, scores.get());
        block.hide(scores.get(), -1e30f);
        float totals[kQueries], sums[kQueries * SIZE];
        for (int64_t c = 0; c < block.count; ++c) {
            float most = -1e30f;
            totals[c] = 0.0f;
            weigh(scores.get() + c * block.room(), block.room(), &most, &totals[c]);
            peaks[block.token(c) * rows.heads + block.head(c)] = most + std::log(totals[c]);
        }
        weighted_sums<SIZE, kQueries>(scores.get(), block.room(), values.by_token.get() + block.first * SIZE, block.until - block.first, sums);
        for (int64_t c = 0; c < block.count; ++c) {
            float *to = out + (block.token(c) * rows.heads + block.head(c)) * SIZE, factor = 1.0f / totals[c];
            for (int i = 0; i < SIZE; i += 8) store(to + i, load(sums + c * SIZE + i) * factor);
        }
    }
}

// The gradients of a row's queries, and its part of those of the keys and values that they see. `out`: the row's attention.
template <int SIZE>
void attend_row_backward(const Rows& rows, const float* states, int64_t row, int64_t key_head, const float* out, const float* peaks,
                         const float* grad_out, float* grad_states) {
    int64_t stride = (rows.heads + 2 * rows.key_heads) * SIZE, queries = (rows.start[row + 1] - rows.start[row]) * rows.group();
    int64_t key_place = (rows.heads + key_head) * SIZE, value_place = key_place + rows.key_heads * SIZE, tokens = rows.tokens(row);
    Vectors<SIZE> keys(rows, states, row, stride, key_place), values(rows, states, row, stride, value_place);
    std::unique_ptr<float[]> shares(new float[kQueries * whole_blocks(tokens)]), slopes(new float[kQueries * whole_blocks(tokens)]);
    std::unique_ptr<float[]> grad_keys(new float[tokens * SIZE]()), grad_values(new float[tokens * SIZE]());
    for (int64_t number = 0; number < queries; number += kQueries) {
        QueryBlock<SIZE> block(rows, states, row, key_head, number);
        int64_t room = block.room(), seen = block.until - block.first;
        float grads[kQueries * SIZE], sums[kQueries * SIZE];
        block.gather(grad_out, rows.heads * SIZE, 1.0f, grads);
        block.products(keys, block.queries, shares.get());
        block.products(values, grads, slopes.get());
        for (int64_t c = 0; c < block.count; ++c) {
            float peak = peaks[block.token(c) * rows.heads + block.head(c)], *share = shares.get() + c * room;
            for (int64_t t = 0; t < room; t += 8) store(share + t, exponential(load(share + t) - peak));
        }
        block.hide(shares.get(), 0.0f);
        for (int64_t c = 0; c < block.count; ++c) {
            const float *attention = out + (block.token(c) * rows.heads + block.head(c)) * SIZE, *share = shares.get() + c * room;
            float along = 0.0f, *slope = slopes.get() + c * room;
            for (int i = 0; i < SIZE; ++i) along += grads[c * SIZE + i] * attention[i];
            for (int64_t t = 0; t < room; t += 8) store(slope + t, load(share + t) * (load(slope + t) - along));
        }
        for (int64_t c = block.count; c < kQueries; ++c)
            for (int64_t t = 0; t < room; ++t) shares[c * room + t] = slopes[c * room + t] = 0.0f;
        weighted_sums<SIZE, kQueries>(slopes.get(), room, keys.by_token.get() + block.first * SIZE, seen, sums);
        for (int64_t c = 0; c < block.count; ++c)
            for (int i = 0; i < SIZE; ++i) grad_states[block.token(c) * stride + block.head(c) * SIZE + i] = sums[c * SIZE + i] * rows.scale;
        add_weighted<SIZE>(slopes.get(), room, block.queries, seen, grad_keys.get() + block.first * SIZE);
        add_weighted<SIZE>(shares.get(), room, grads, seen, grad_values.get() + block.first * SIZE);
    }
    for (int64_t t = 0; t < tokens; ++t) {
        float* to = grad_states + rows.place(row, t) * stride;
        for (int i = 0; i < SIZE; ++i) {
            to[key_place + i] += grad_keys[t * SIZE + i];
            to[value_place + i] += grad_values[t * SIZE + i];
        }
    }
}

// A row of the decoder: `pages` of kBlock tokens in float32 or bfloat16, and where in a page the layer begins. A head of keys has its keys,
// number by number, and then its values, token by token.
template <typename Number>
struct PagedRow {
    const int64_t* pages;
    int64_t layer, size, first, until, begin, room;

    // The row sees tokens first to until; begin: the first token of the page with the first one.
    PagedRow(const int64_t* row_pages, int64_t layer_place, int64_t head_size, int64_t tokens, int64_t window)
        : pages(row_pages), layer(layer_place), size(head_size), first(window && tokens > window ? tokens - window : 0), until(tokens),
          begin(first / kBlock * kBlock), room(whole_blocks(until - begin)) {}

    Number* keys(int64_t page, int64_t head) const { return reinterpret_cast<Number*>(pages[page]) + layer + head * 2 * kBlock * size; }
    Number* values(int64_t page, int64_t head) const { return keys(page, head) + kBlock * size; }

    // Write the keys and values of token t, as `key` and `value` have them.
    void write(int64_t t, int64_t head, const float* key, const float* value) const {
        Number *to_key = keys(t / kBlock, head) + t % kBlock, *to_value = values(t / kBlock, head) + t % kBlock * size;
        for (int64_t i = 0; i < size; ++i) {
            put(to_key + i * kBlock, key[i]);
            put(to_value + i, value[i]);
        }
    }

    // Turn the scores of tokens from `begin` on into weights, and return their sum.
    float weigh_all(float* scores) const {
        float most = -1e30f, total = 0.0f;
        for (int64_t t = begin; t < first; ++t) scores[t - begin] = -1e30f;
        for (int64_t t = until; t < begin + room; ++t) scores[t - begin] = -1e30f;
        weigh(scores, room, &most, &total);
        return total;
    }
};

// The attention of COUNT queries, side by side, that share a head of keys. scores: COUNT times room numbers.
template <int SIZE, int COUNT, typename Number>
void attend_pages(const PagedRow<Number>& row, int64_t head, const float* queries, float* scores, float* out) {
    constexpr int kStrip = strip_lanes<SIZE>(), kSums = sums_apart(COUNT), kLine = 64 / sizeof(Number);
    for (int64_t t = row.begin; t < row.until; t += kBlock) {
        // what is needed soon: the next page's keys, or those of the next head, and this page's values
        const Number* next = t + kBlock < row.until ? row.keys(t / kBlock + 1, head) : row.keys(row.begin / kBlock, head + 1);
        for (int i = 0; i < kBlock * SIZE; i += kLine) __builtin_prefetch(next + i);
        block_products<SIZE, COUNT>(row.keys(t / kBlock, head), queries, scores + t - row.begin, row.room);
        for (int i = 0; i < kBlock * SIZE; i += kLine) __builtin_prefetch(row.values(t / kBlock, head) + i);
    }
    float factors[COUNT];
    for (int c = 0; c < COUNT; ++c) factors[c] = 1.0f / row.weigh_all(scores + c * row.room);
    for (int part = 0; part < SIZE; part += 8 * kStrip) {
        Lanes sum[kSums][COUNT][kStrip] = {};
        for (int64_t begin = row.begin; begin < row.until; begin += kBlock) {
            const Number* values = row.values(begin / kBlock, head) + part;
            const float* weights = scores + begin - row.begin;
            int64_t count = row.until - begin < kBlock ? row.until - begin : kBlock, t = 0;
            auto add = [&](int u) {
                for (int c = 0; c < COUNT; ++c) {
                    Lanes weight = all(weights[c * row.room + t + u]);
                    for (int i = 0; i < kStrip; ++i) sum[u][c][i] += weight * load(values + (t + u) * SIZE + 8 * i);
                }
            };
            for (; t + kSums <= count; t += kSums)
                for (int u = 0; u < kSums; ++u) add(u);
            for (; t < count; ++t) add(0);
        }
        for (int c = 0; c < COUNT; ++c)
            for (int i = 0; i < kStrip; ++i) {
                Lanes total = sum[0][c][i];
                for (int u = 1; u < kSums; ++u) total += sum[u][c][i];
                store(out + c * SIZE + part + 8 * i, total * factors[c]);
            }
    }
}

// The same for one query of any size.
template <typename Number>
void attend_any(const PagedRow<Number>& row, int64_t head, const float* query, float* scores, float* out) {
    int64_t size = row.size;
    for (int64_t t = row.first; t < row.until; ++t) {
        const Number* key = row.keys(t / kBlock, head) + t % kBlock;
        float sum = 0.0f;
        for (int64_t i = 0; i < size; ++i) sum += query[i] * number(key[i * kBlock]);
        scores[t - row.begin] = sum;
    }
    float factor = 1.0f / row.weigh_all(scores);
    for (int64_t i = 0; i < size; ++i) out[i] = 0.0f;
    for (int64_t t = row.first; t < row.until; ++t) {
        const Number* value = row.values(t / kBlock, head) + t % kBlock * size;
        const float weight = scores[t - row.begin] * factor;
        for (int64_t i = 0; i < size; ++i) out[i] += weight * number(value[i]);
    }
}

template <int SIZE, typename Number>
void attend_heads(const PagedRow<Number>& row, int64_t head, int64_t count, const float* queries, float* scores, float* out) {
    switch (count) {
        case 1: return attend_pages<SIZE, 1>(row, head, queries, scores, out);
        case 2: return attend_pages<SIZE, 2>(row, head, queries, scores, out);
        case 3: return attend_pages<SIZE, 3>(row, head, queries, scores, out);
        default: return attend_pages<SIZE, 4>(row, head, queries, scores, out);
    }
}

// --- products of few rows -----------------------------------------------------------------------------------------------
//
// Weights lie in panels of kPanel outputs, input by input (in bfloat16: two inputs by two), so that one walk over a panel reads
// memory in order. A tile of kTall rows by one panel is summed in registers, over all inputs in order: a row's numbers depend neither
// on the other rows nor on the number of threads.

#if defined(__AVX512F__)
constexpr int kWide = 16;   // numbers of a vector
constexpr int kTall = 8;   // rows of a tile: its sums fit in the registers
#else
constexpr int kWide = 8;
constexpr int kTall = 6;
#endif
constexpr int kPanel = 2 * kWide;  // outputs of a panel

typedef float Wide __attribute__((vector_size(4 * kWide), aligned(4)));

#if defined(__AVX512BF16__)
typedef int32_t WidePairs __attribute__((vector_size(64), aligned(4)));
inline Wide add_pairs(Wide sum, WidePairs x, WidePairs y) {
    return (Wide)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)y);
}
constexpr bool kPairs = true;
#else
constexpr bool kPairs = false;
#endif

// Sum up a tile of Rows rows by one panel: `x` is input by input the rows' numbers, `panel` the weights.
template <int Rows>
inline void sum_tile(const float* x, const float* panel, int64_t inputs, const char* next, Wide (&sum)[Rows][2]) {
    for (int64_t k = 0; k < inputs; ++k, x += Rows, panel += kPanel, next += 64) {
        __builtin_prefetch(next, 0, 2);
        Wide low = *reinterpret_cast<const Wide*>(panel), high = *reinterpret_cast<const Wide*>(panel + kWide);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            sum[r][0] += x[r] * low;
            sum[r][1] += x[r] * high;
        }
    }
}

#if defined(__AVX512BF16__)
template <int Rows>
inline void sum_tile(const int32_t* x, const int32_t* panel, int64_t pairs, const char* next, Wide (&sum)[Rows][2]) {
    for (int64_t k = 0; k < pairs; ++k, x += Rows, panel += kPanel, next += 64) {
        __builtin_prefetch(next, 0, 2);
        WidePairs low = *reinterpret_cast<const WidePairs*>(panel), high = *reinterpret_cast<const WidePairs*>(panel + kWide);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            WidePairs both = (WidePairs)_mm512_set1_epi32(x[r]);
            sum[r][0] = add_pairs(sum[r][0], both, low);
            sum[r][1] = add_pairs(sum[r][1], both, high);
        }
    }
}
#endif

template <int Rows, typename Number>
void one_tile(const Number* x, const Number* panel, int64_t inputs, const char* next, const float* bias, int64_t width, float* out, int64_t outputs) {
    Wide sum[Rows][2];
    for (int r = 0; r < Rows; ++r)
        for (int half = 0; half < 2; ++half)
            for (int i = 0; i < kWide; ++i) sum[r][half][i] = 0.0f;
    sum_tile<Rows>(x, panel, inputs, next, sum);
    for (int r = 0; r < Rows; ++r, out += outputs) {
        if (width == kPanel) {
            Wide low = sum[r][0], high = sum[r][1];
            if (bias) {
                low += *reinterpret_cast<const Wide*>(bias);
                high += *reinterpret_cast<const Wide*>(bias + kWide);
            }
            *reinterpret_cast<Wide*>(out) = low;
            *reinterpret_cast<Wide*>(out + kWide) = high;
        } else {
            for (int64_t i = 0; i < width; ++i) out[i] = sum[r][i / kWide][i % kWide] + (bias ? bias[i] : 0.0f);
        }
    }
}

// Call one_tile for `rows` rows, at most Rows.
template <int Rows, typename... Arguments>
void some_tile(int64_t rows, Arguments... arguments) {
    if (rows == Rows) return one_tile<Rows>(arguments...);
    if constexpr (Rows > 1) some_tile<Rows - 1>(rows, arguments...);
}

// Where block `number` of `blocks` begins if `rows` are shared out evenly.
inline int64_t first_row(int64_t rows, int64_t blocks, int64_t number) { return rows * number / blocks; }

// Lay out the rows of one block input by input.
inline void lay_out(const float* x, int64_t rows, int64_t inputs, float* out) {
    for (int64_t k = 0; k < inputs; ++k)
        for (int64_t r = 0; r < rows; ++r) *out++ = x[r * inputs + k];
}

// The same in bfloat16, two inputs by two.
inline void lay_out(const float* x, int64_t rows, int64_t inputs, int32_t* out) {
    for (int64_t k = 0; k < inputs; k += 2)
        for (int64_t r = 0; r < rows; ++r) {
            uint32_t low = rounded(x[r * inputs + k]), high = k + 1 < inputs ? rounded(x[r * inputs + k + 1]) : 0;
            *out++ = static_cast<int32_t>(low | high << 16);
        }
}

// out [rows, outputs] = x [rows, inputs] times the weights, plus the bias, which may be null. While a panel is multiplied, the next one is
// fetched from memory.
template <typename Number>
void multiply(const float* x, const Number* weights, const float* bias, int64_t rows, int64_t inputs, int64_t outputs, float* out, int threads) {
    constexpr int64_t kTogether = std::is_same<Number, float>::value ? 1 : 2;  // inputs of a number
    const int64_t depth = (inputs + kTogether - 1) / kTogether;
    const int64_t blocks = (rows + kTall - 1) / kTall, panels = (outputs + kPanel - 1) / kPanel;
    std::unique_ptr<Number[]> room(new Number[rows * depth]);
    const int64_t groups = panels >= 8 * threads ? 1 : std::min<int64_t>(blocks, 8);  // tasks for all threads
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; ++block) {
            int64_t first = first_row(rows, blocks, block);
            lay_out(x + first * inputs, first_row(rows, blocks, block + 1) - first, inputs, room.get() + first * depth);
        }
#pragma omp for schedule(static)
        for (int64_t task = 0; task < panels * groups; ++task) {
            int64_t panel = task % panels, column = panel * kPanel, group = task / panels;
            const Number* weight = weights + panel * depth * kPanel;
            const char* next = reinterpret_cast<const char*>(panel + 1 < panels ? weight + depth * kPanel : weights);
            for (int64_t block = first_row(blocks, groups, group); block < first_row(blocks, groups, group + 1); ++block) {
                int64_t first = first_row(rows, blocks, block), count = first_row(rows, blocks, block + 1) - first;
                some_tile<kTall>(count, room.get() + first * depth, weight, depth, next + 64 * depth * (block % 2), bias ? bias + column : nullptr,
                                 std::min<int64_t>(kPanel, outputs - column), out + first * outputs + column, outputs);
            }
        }
    }
}

// Copy the first tokens [n] of rows places [n] of a cache, whose rows, heads and tokens lie so many numbers apart, into the pages of n rows.
template <typename Number>
void fill_pages(const float* keys, const float* values, int64_t row_stride, int64_t head_stride, int64_t token_stride, const int64_t* places,
                    const int64_t* tokens, const int64_t* pages, int64_t rows, int64_t width, int64_t layer, int64_t key_heads, int64_t size,
                    int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t number = 0; number < rows; ++number) {
        PagedRow<Number> row(pages + number * width, layer, size, tokens[number], 0);
        for (int64_t head = 0; head < key_heads; ++head)
            for (int64_t t = 0; t < tokens[number]; ++t) {
                int64_t place = places[number] * row_stride + head * head_stride + t * token_stride;
                row.write(t, head, keys + place, values + place);
            }
    }
}

// One token of each row: turn its queries and keys, write its keys and values behind those of its row, and attend to the row's tokens.
// states [rows, heads + 2 * key_heads, size], cosine and sine [rows, size], pages [rows, width]: addresses, see PagedRow; tokens [rows]: the
// tokens of each row with this one. window: the last tokens that it sees, 0: all. out [rows, heads, size].
template <typename Number>
void attend_tokens(const float* states, const float* cosine, const float* sine, const float* query_norm, const float* key_norm, float epsilon,
                const int64_t* pages, const int64_t* tokens, int64_t rows, int64_t width, int64_t layer, int64_t heads, int64_t key_heads,
                int64_t size, int64_t window, float scale, float* out, int threads) {
    int64_t group = heads / key_heads;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
    for (int64_t number = 0; number < rows; ++number) {
        float turned[kMostNumbers], normed[kMostNumbers], queries[kQueries * kMostNumbers];
        const float* state = states + number * (heads + 2 * key_heads) * size;
        const float *c = cosine + number * size, *s = sine + number * size;
        PagedRow<Number> row(pages + number * width, layer, size, tokens[number], window);
        std::unique_ptr<float[]> scores(new float[kQueries * row.room]);
        for (int64_t head = 0; head < key_heads; ++head) {
            const float* key = state + (heads + head) * size;
            if (key_norm) { normalise(key, key_norm, epsilon, size, normed); key = normed; }
            turn(key, c, s, size, turned);
            row.write(row.until - 1, head, turned, state + (heads + key_heads + head) * size);
            for (int64_t first = head * group; first < (head + 1) * group; first += kQueries) {
                int64_t count = (head + 1) * group - first < kQueries ? (head + 1) * group - first : kQueries;
                for (int64_t q = 0; q < count; ++q) {
                    const float* query = state + (first + q) * size;
                    if (query_norm) { normalise(query, query_norm, epsilon, size, normed); query = normed; }
                    turn(query, c, s, size, turned);
                    for (int64_t i = 0; i < size; ++i) queries[q * size + i] = turned[i] * scale;
                }
                float* y = out + (number * heads + first) * size;
                switch (size) {
#define CASE(number_of) \
    case number_of: attend_heads<number_of>(row, head, count, queries, scores.get(), y); break;
                    SIZES(CASE)
#undef CASE
                    default: for (int64_t q = 0; q < count; ++q) attend_any(row, head, queries + q * size, scores.get(), y + q * size);
                }
            }
        }
    }
}

}  // namespace

constexpr int64_t kTries = 12, kNextTry = int64_t{1} << 40;  // draws until one falls into the nucleus; positions between two

// Set the weights outside the nucleus to 0: those for which the likelier ones add up to `limit` or more.
void leave_nucleus(float* weights, int64_t size, double limit) {
    std::unique_ptr<float[]> ordered(new float[size]);
    std::copy(weights, weights + size, ordered.get());
    std::sort(ordered.get(), ordered.get() + size, [](float first, float second) { return first > second; });
    double before = 0.0;
    float least = ordered[0];
    for (int64_t i = 0; i < size && before < limit; before += ordered[i++]) least = ordered[i];
    for (int64_t i = 0; i < size; ++i) weights[i] = weights[i] >= least ? weights[i] : 0.0f;
}

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

void aha_fill_pages(const float* keys, const float* values, int64_t row_stride, int64_t head_stride, int64_t token_stride, const int64_t* places,
                    const int64_t* tokens, const int64_t* pages, int64_t rows, int64_t width, int64_t layer, int64_t key_heads, int64_t size,
                    int64_t bytes, int threads) {
    auto fill = bytes == 2 ? fill_pages<uint16_t> : fill_pages<float>;
    fill(keys, values, row_stride, head_stride, token_stride, places, tokens, pages, rows, width, layer, key_heads, size, threads);
}

// bytes: of a number in the pages.
void aha_attend(const float* states, const float* cosine, const float* sine, const float* query_norm, const float* key_norm, float epsilon,
                const int64_t* pages, const int64_t* tokens, int64_t rows, int64_t width, int64_t layer, int64_t heads, int64_t key_heads,
                int64_t size, int64_t window, int64_t bytes, float scale, float* out, int threads) {
    auto attend = bytes == 2 ? attend_tokens<uint16_t> : attend_tokens<float>;
    attend(states, cosine, sine, query_norm, key_norm, epsilon, pages, tokens, rows, width, layer, heads, key_heads, size, window, scale, out,
           threads);
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
    case number: attend_row<number>(rows, states, row, key_head, out, peaks); break;
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
    case number: attend_row_backward<number>(rows, states, row, key_head, out, peaks, grad_out, grad_states); break;
                    SIZES(CASE)
#undef CASE
                }
}

// The gradient of x -> rms_norm(x) * weight: grad_x += its own, and parts [rows / 64, size]: the weight's, summed over 64 rows each.
void aha_norm_backward(const float* x, const float* weight, const float* grad, float epsilon, int64_t rows, int64_t size, float* grad_x,
                       float* parts, int threads) {
    int64_t chunks = (rows + kChunk - 1) / kChunk;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        float* part = parts + chunk * size;
        for (int64_t i = 0; i < size; ++i) part[i] = 0.0f;
        for (int64_t row = chunk * kChunk; row < (chunk + 1) * kChunk && row < rows; ++row) {
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

// The next token of each row, and its log-probability, as aha/sampling/draws.py describes; logits [rows, size], temperatures
// and nuclei [rows]. The logits may have any number of columns beyond a row's own; temperature 0 takes the likeliest token.
void aha_draw(const float* logits, const int64_t* seeds, const int64_t* positions, const float* temperatures, const double* nuclei,
              int64_t rows, int64_t size, int64_t stride, int64_t* tokens, float* logps, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const float* x = logits + row * stride;
        float factor = temperatures[row] > 0.0f ? 1.0f / temperatures[row] : 1.0f;
        Lanes peaks = all(x[0]);
        by_lanes(x, size, x[0], [&](int64_t, Lanes part) { peaks = part > peaks ? part : peaks; });
        float most = most_of(peaks);
        auto weights = [&](Lanes part) {
            Lanes z = (part - most) * factor;
            return z < all(-87.0f) ? all(0.0f) : exponential(z);  // a token of probability 0 is never drawn
        };
        bool whole = nuclei[row] >= 1.0 || temperatures[row] == 0.0f;
        std::unique_ptr<float[]> kept(whole ? nullptr : new float[size]);  // weights that the search of a nucleus looks at again
        std::unique_ptr<double[]> until(new double[(size + kDrawn - 1) / kDrawn]);  // sums of weights, block by block
        auto add_up = [&](auto weights_of) {
            double total = 0.0;
            for (int64_t begin = 0; begin < size; begin += kDrawn) {
                Lanes sum = all(0.0f);
                int64_t count = size - begin < kDrawn ? size - begin : kDrawn;
                by_lanes((whole ? x : kept.get()) + begin, count, whole ? -INFINITY : 0.0f, [&](int64_t, Lanes part) { sum += weights_of(part); });
                until[begin / kDrawn] = total += sum_of(sum);
            }
            return total;
        };
        if (!whole) by_lanes(x, size, -INFINITY, [&](int64_t i, Lanes part) { store_part(kept.get(), i, size, weights(part)); });
        double total = whole ? add_up(weights) : add_up([](Lanes part) { return part; });
        auto weight_of = [&](int64_t i) { return whole ? weights(all(x[i]))[0] : kept[i]; };
        auto walk = [&](double share, double sum_of_all) {
            double aim = share * sum_of_all, before = 0.0;
            int64_t token = -1, last = 0;
            for (int64_t begin = 0; begin < size && token < 0; before = until[begin / kDrawn], begin += kDrawn) {
                if (until[begin / kDrawn] <= aim && begin + kDrawn < size) continue;
                double sum = before;
                for (int64_t i = begin; i < size && i < begin + kDrawn && token < 0; ++i) {
                    float weight = weight_of(i);
                    sum += weight;
                    if (weight > 0.0f) last = i;
                    if (sum > aim) token = i;
                }
                if (token < 0 && last >= begin) token = last;  // the sum of the block was rounded upwards
            }
            return token < 0 ? last : token;
        };
        int64_t token = walk(uniform(seeds[row], positions[row]), total);
        for (int64_t number = 1; !whole && number <= kTries; ++number) {
            float least = kept[token];
            double likelier = 0.0;
            for (int64_t begin = 0; begin < size; begin += kDrawn) {
                Lanes sum = all(0.0f);
                int64_t count = size - begin < kDrawn ? size - begin : kDrawn;
                by_lanes(kept.get() + begin, count, 0.0f, [&](int64_t, Lanes part) { sum += part > all(least) ? part : all(0.0f); });
                likelier += sum_of(sum);
            }
            if (likelier < nuclei[row] * total) break;
            double rest = total;
            if (number == kTries) {
                leave_nucleus(kept.get(), size, nuclei[row] * total);
                rest = add_up([](Lanes part) { return part; });
            }
            token = walk(uniform(seeds[row], positions[row] + number * kNextTry), rest);
            if (number == kTries) break;
        }
        if (temperatures[row] == 0.0f)
            for (token = 0; token + 1 < size && x[token] != most;) ++token;  // a broken model's NaN equals nothing
        tokens[row] = token;
        logps[row] = (x[token] - most) * factor - static_cast<float>(std::log(total));
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

// Add a slice of logits [rows, size], which begins at column `first` of the vocabulary, to the sums of each row: the largest logit so far,
// the sums of exp(logit - largest) and of that times the logit, and the logit of the target if the slice has it.
void aha_softmax_slice(const float* logits, const int64_t* targets, int64_t rows, int64_t size, int64_t first, float* peaks, float* totals,
                       float* weighteds, float* target_logits, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const float* x = logits + row * size;
        Lanes most = all(peaks[row]), odds_sum = all(0.0f), weighted = all(0.0f);
        by_lanes(x, size, x[0], [&](int64_t, Lanes part) { most = part > most ? part : most; });
        float peak = most_of(most), shrink = std::exp(peaks[row] - peak);
        by_lanes(x, size, -1e30f, [&](int64_t, Lanes part) {
            Lanes z = part - peak, odds = exponential(z);
            odds_sum += odds;
            weighted += odds * z;
        });
        float sum = sum_of(odds_sum);
        totals[row] = totals[row] * shrink + sum;
        weighteds[row] = weighteds[row] * shrink + sum_of(weighted) + peak * sum;
        peaks[row] = peak;
        int64_t place = targets[row] - first;
        if (place >= 0 && place < size) target_logits[row] = x[place];
    }
}

// Turn a slice of logits into the gradient of the targets' log-probabilities times `factors` [rows], in place.
void aha_softmax_slope(float* logits, const int64_t* targets, int64_t rows, int64_t size, int64_t first, const float* log_totals,
                       const float* factors, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        float* x = logits + row * size;
        float log_total = log_totals[row], factor = -factors[row];
        by_lanes(x, size, -1e30f, [&](int64_t i, Lanes part) { store_part(x, i, size, exponential(part - log_total) * factor); });
        int64_t place = targets[row] - first;
        if (place >= 0 && place < size) x[place] -= factor;
    }
}

// The outputs of a panel, and whether there are products of bfloat16.
int aha_panel() { return kPanel; }
int aha_has_pairs() { return kPairs; }

// Lay out weights [outputs, units] of 4 bytes, which are one number or two of bfloat16, in panels [panels, units, kPanel]; 0 beyond `outputs`.
void aha_lay_panels(const int32_t* weights, int64_t outputs, int64_t units, int32_t* out, int threads) {
    const int64_t panels = (outputs + kPanel - 1) / kPanel;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t panel = 0; panel < panels; ++panel)
        for (int64_t k = 0; k < units; ++k)
            for (int64_t j = 0; j < kPanel; ++j) {
                int64_t output = panel * kPanel + j;
                out[(panel * units + k) * kPanel + j] = output < outputs ? weights[output * units + k] : 0;
            }
}

void aha_multiply(const float* x, const float* panels, const float* bias, int64_t rows, int64_t inputs, int64_t outputs, float* out,
                  int threads) {
    multiply(x, panels, bias, rows, inputs, outputs, out, threads);
}

// The same with weights of bfloat16, to which x is rounded; sums are float32.
void aha_multiply_pairs(const float* x, const int32_t* panels, const float* bias, int64_t rows, int64_t inputs, int64_t outputs, float* out,
                        int threads) {
#if defined(__AVX512BF16__)
    multiply(x, panels, bias, rows, inputs, outputs, out, threads);
#else
    (void)x, (void)panels, (void)bias, (void)rows, (void)inputs, (void)outputs, (void)out, (void)threads;
#endif
}

}  // extern "C"
