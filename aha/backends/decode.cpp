// The steps of a decoder between its products, for float32 on a processor.
//
// Each function shares out rows over threads, and computes a row by itself, so that a row's numbers depend neither on other rows nor on
// the number of threads.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

constexpr int64_t kTokens = 64;  // tokens whose scores are computed before their values are added up

// exp(x) for x <= 88, by a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2]; within 2 units in the last place. Compilers vectorise it.
inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = std::nearbyintf(x * 1.44269504f);
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
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

typedef float Lanes __attribute__((vector_size(32), aligned(4)));  // 8 numbers, wherever they lie

inline Lanes load(const float* x) { return *reinterpret_cast<const Lanes*>(x); }
inline void store(float* x, Lanes lanes) { *reinterpret_cast<Lanes*>(x) = lanes; }

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
    float peak = *most, sum = 0.0f;
    for (int64_t t = 0; t < count; ++t) peak = scores[t] > peak ? scores[t] : peak;
    float shrink = exponential(*most - peak);
    for (int64_t t = 0; t < count; ++t) {
        scores[t] = exponential(scores[t] - peak);
        sum += scores[t];
    }
    *most = peak;
    *total = *total * shrink + sum;
    return shrink;
}

// Attention of one query over tokens first to until.
void attend_any(const float* query, const float* keys, const float* values, int64_t first, int64_t until, float scale, int64_t size, float* out) {
    float scores[kTokens], most = -1e30f, total = 0.0f;
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

// The same for a SIZE that is a multiple of 8.
template <int SIZE>
void attend_head(const float* query, const float* keys, const float* values, int64_t first, int64_t until, float scale, float* out) {
    constexpr int kParts = SIZE / 8;
    float scores[kTokens] __attribute__((aligned(32))), most = -1e30f, total = 0.0f;
    Lanes q[kParts], y[kParts];
    for (int i = 0; i < kParts; ++i) { q[i] = load(query + 8 * i) * scale; y[i] = Lanes{}; }
    for (int64_t start = first; start < until; start += kTokens) {
        int64_t count = until - start < kTokens ? until - start : kTokens;
        for (int64_t t = 0; t < count; t += 8) {
            Lanes sum[8];
            for (int64_t u = 0; u < 8; ++u) {
                const float* key = keys + (start + (t + u < count ? t + u : count - 1)) * SIZE;
                sum[u] = q[0] * load(key);
                for (int i = 1; i < kParts; ++i) sum[u] += q[i] * load(key + 8 * i);
            }
            store(scores + t, sums(sum));
        }
        float shrink = weigh(scores, count, &most, &total);
        for (int i = 0; i < kParts; ++i) y[i] *= shrink;
        for (int64_t t = 0; t < count; ++t) {
            const float* value = values + (start + t) * SIZE;
            for (int i = 0; i < kParts; ++i) y[i] += scores[t] * load(value + 8 * i);
        }
    }
    for (int i = 0; i < kParts; ++i) store(out + 8 * i, y[i] * (1.0f / total));
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
        float* y = out + row * size;
        for (int64_t i = 0; i < size; ++i) {
            float x = gate[i] > -87.0f ? gate[i] : -87.0f;  // below, the gate is 0 to the last digit
            y[i] = gate[i] / (1.0f + exponential(-x)) * up[i];
        }
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
#define SIZE(number) \
    case number: attend_head<number>(turned, row_keys, row_values, first, until, scale, y); break;
                    SIZE(8) SIZE(16) SIZE(32) SIZE(48) SIZE(64) SIZE(80) SIZE(96) SIZE(112) SIZE(128) SIZE(160) SIZE(192) SIZE(256)
#undef SIZE
                    default: attend_any(turned, row_keys, row_values, first, until, scale, size, y);
                }
            }
        }
    }
}
}
