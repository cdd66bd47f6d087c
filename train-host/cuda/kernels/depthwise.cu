// Each channel with its own k x k kernel, zero padding; the input gradient is the same with the kernel turned round.
#include "map.cuh"

template <int K> __device__ void depthwise(const Map &in, const Map &out, const float *weight, int turned, int add) {
    Site s = site_of(out);
    if (!s.inside) return;
    const float *from = plane(in, s.n, s.c), *w = weight + s.c * K * K;
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < K * K; ++k) {
        int y = s.y + k / K - K / 2, x = s.x + k % K - K / 2;
        if (y >= 0 && y < in.h && x >= 0 && x < in.w)
            sum = fmaf(w[turned ? K * K - 1 - k : k], from[y * in.w + x], sum);
    }
    put(pixel(out, s), sum, add);
}

KERNEL depthwise3(Map in, Map out, const float *weight, int turned, int add) {
    depthwise<3>(in, out, weight, turned, add);
}
KERNEL depthwise5(Map in, Map out, const float *weight, int turned, int add) {
    depthwise<5>(in, out, weight, turned, add);
}

// Parts of the weight gradient: row = channel * K * K + tap, `parts` a row. Channel = blockIdx.x.
template <int K> __device__ void depthwise_weight(const Map &x, const Map &dy, float *part, int parts) {
    int i = part_index(), c = (int)blockIdx.x;
    if (i >= parts) return;
    float sum[K * K];
#pragma unroll
    for (int k = 0; k < K * K; ++k) sum[k] = 0.0f;
    for (int n = 0; n < x.images; ++n) {
        const float *in = plane(x, n, c), *g = plane(dy, n, c);
        for (int at = i; at < x.h * x.w; at += parts) {
            int row = at / x.w, column = at % x.w;
            float v = g[at];
#pragma unroll
            for (int k = 0; k < K * K; ++k) {
                int yy = row + k / K - K / 2, xx = column + k % K - K / 2;
                if (yy >= 0 && yy < x.h && xx >= 0 && xx < x.w) sum[k] = fmaf(v, in[yy * x.w + xx], sum[k]);
            }
        }
    }
#pragma unroll
    for (int k = 0; k < K * K; ++k) part[(size_t)(c * K * K + k) * parts + i] = sum[k];
}

KERNEL depthwise3_weight(Map x, Map dy, float *part, int parts) { depthwise_weight<3>(x, dy, part, parts); }
KERNEL depthwise5_weight(Map x, Map dy, float *part, int parts) { depthwise_weight<5>(x, dy, part, parts); }
