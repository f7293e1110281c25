// GroupNorm followed by SiLU, forward and backward, on bfloat16 in channels-last order, one thread.
// A stock backward through the two takes about as long as the convolutions between them.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

using bf16 = uint16_t;

static inline float widen(bf16 v) {
    uint32_t u = uint32_t(v) << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline bf16 narrow(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return bf16((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

extern "C" {

// x, y: (N, P, C); weight, bias: (C); mean, rstd: (N, G), written.
void forward(const bf16* x, const float* weight, const float* bias, bf16* y, float* mean,
             float* rstd, long N, long P, long C, long G, float eps) {
    std::vector<float> first(C), second(C), scale(C), shift(C);
    const long per = C / G;
    for (long n = 0; n < N; n++) {
        const bf16* xs = x + n * P * C;
        bf16* ys = y + n * P * C;
        std::fill(first.begin(), first.end(), 0.f);
        std::fill(second.begin(), second.end(), 0.f);
        float *s1 = first.data(), *s2 = second.data(), *a = scale.data(), *b = shift.data();
        for (long p = 0; p < P; p++)
            for (long c = 0; c < C; c++) {
                const float v = widen(xs[p * C + c]);
                s1[c] += v;
                s2[c] += v * v;
            }
        for (long g = 0; g < G; g++) {
            double m = 0, q = 0;
            for (long c = g * per; c < (g + 1) * per; c++) m += s1[c], q += s2[c];
            m /= double(P * per);
            q = q / double(P * per) - m * m;
            const float r = float(1 / std::sqrt((q > 0 ? q : 0) + eps));
            mean[n * G + g] = float(m);
            rstd[n * G + g] = r;
            for (long c = g * per; c < (g + 1) * per; c++) {
                a[c] = r * weight[c];
                b[c] = bias[c] - float(m) * a[c];
            }
        }
        for (long p = 0; p < P; p++)
            for (long c = 0; c < C; c++) {
                const float h = widen(xs[p * C + c]) * a[c] + b[c];
                ys[p * C + c] = narrow(h / (1.f + expf(-h)));
            }
    }
}

// dy, x, dx: (N, P, C); dweight, dbias: (C), added to.
void backward(const bf16* dy, const bf16* x, const float* weight, const float* bias,
              const float* mean, const float* rstd, bf16* dx, float* dweight, float* dbias, long N,
              long P, long C, long G) {
    std::vector<float> first(C), second(C), scale(C), shift(C), k2v(C), k3v(C);
    const long per = C / G;
    for (long n = 0; n < N; n++) {
        const bf16 *xs = x + n * P * C, *gs = dy + n * P * C;
        bf16* ds = dx + n * P * C;
        std::fill(first.begin(), first.end(), 0.f);
        std::fill(second.begin(), second.end(), 0.f);
        float *s1 = first.data(), *s2 = second.data(), *a = scale.data(), *b = shift.data();
        float *k2 = k2v.data(), *k3 = k3v.data();
        for (long c = 0; c < C; c++) {
            a[c] = rstd[n * G + c / per] * weight[c];
            b[c] = bias[c] - mean[n * G + c / per] * a[c];
        }
        for (long p = 0; p < P; p++)
            for (long c = 0; c < C; c++) {
                const float v = widen(xs[p * C + c]);
                const float h = v * a[c] + b[c];
                const float s = 1.f / (1.f + expf(-h));
                const float g = widen(gs[p * C + c]) * s * (1.f + h * (1.f - s));
                s1[c] += g;
                s2[c] += g * v;
                ds[p * C + c] = narrow(g);
            }
        for (long g = 0; g < G; g++) {
            const float m = mean[n * G + g], r = rstd[n * G + g];
            double da = 0, db = 0;
            for (long c = g * per; c < (g + 1) * per; c++) {
                const float normed = (s2[c] - m * s1[c]) * r;
                dweight[c] += normed;
                dbias[c] += s1[c];
                da += s1[c] * weight[c];
                db += normed * weight[c];
            }
            da /= double(P * per);
            db /= double(P * per);
            for (long c = g * per; c < (g + 1) * per; c++) {
                k2[c] = float(-r * r * db);
                k3[c] = float(-r * da + r * r * db * m);
            }
        }
        for (long p = 0; p < P; p++)
            for (long c = 0; c < C; c++)
                ds[p * C + c] =
                    narrow(a[c] * widen(ds[p * C + c]) + k2[c] * widen(xs[p * C + c]) + k3[c]);
    }
}
}
