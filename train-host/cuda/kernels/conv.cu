// Dense convolutions, their input gradients and weight gradients, directly: no im2col.
//
// Forward pass and input gradient are one kernel: a destination pixel gathers from the source pixels of its taps. The
// gradient of a 2x2 folding is the unfolding with the same weights, and the other way round.
#include "map.cuh"

// Destination channels of a thread: two float4 of weights a tap.
#define TILE 8

enum Gather { POINTWISE, SAME3, SAME3_TURNED, DOWN3, DOWN3_TURNED, FOLD2, UNFOLD2 };

template <int G> struct Taps {
    static const int count = G == SAME3 || G == SAME3_TURNED || G == DOWN3 ? 9 : G == DOWN3_TURNED || G == FOLD2 ? 4 : 1;
};

// Where the taps of a destination pixel lie in a plane of the source: tap k is at `first` + row(k) * w + column(k), if
// bit k of `inside` is set, and has the weight `weight` + weight_step(k) of the stored kernel.
struct Source {
    int first;
    int weight;
    unsigned inside;
};

template <int G> __device__ inline int row(int k) {
    return G == SAME3 || G == DOWN3 ? k / 3 : G == SAME3_TURNED ? -(k / 3) : G == DOWN3_TURNED ? -(k / 2) : k / 2;
}

template <int G> __device__ inline int column(int k) {
    return G == SAME3 || G == DOWN3 ? k % 3 : G == SAME3_TURNED ? -(k % 3) : G == DOWN3_TURNED ? -(k % 2) : k % 2;
}

template <int G> __device__ inline int weight_step(int k) { return G == DOWN3_TURNED ? k / 2 * 6 + k % 2 * 2 : k; }

template <int G> __device__ inline Source source(const Map &in, int y, int x) {
    Source s;
    s.weight = 0;
    s.inside = 0;
    if (G == SAME3) --y, --x;
    if (G == SAME3_TURNED) ++y, ++x;
    if (G == DOWN3) y = 2 * y - 1, x = 2 * x - 1;
    if (G == FOLD2) y *= 2, x *= 2;
    if (G == UNFOLD2) {
        s.weight = y % 2 * 2 + x % 2;
        y /= 2, x /= 2;
    }
    unsigned wanted = ~0u;
    if (G == DOWN3_TURNED) {
        // y = 2 * source + ky - 1: an odd row has the taps ky = 0 and 2, an even one ky = 1 alone.
        int ky = (y + 1) % 2, kx = (x + 1) % 2;
        s.weight = ky * 3 + kx;
        if (ky) wanted &= 3u;
        if (kx) wanted &= 5u;
        y = (y + 1 - ky) / 2, x = (x + 1 - kx) / 2;
    }
    s.first = y * in.w + x;
#pragma unroll
    for (int k = 0; k < Taps<G>::count; ++k) {
        int sy = y + row<G>(k), sx = x + column<G>(k);
        if (sy >= 0 && sy < in.h && sx >= 0 && sx < in.w) s.inside |= 1u << k;
    }
    s.inside &= wanted;
    return s;
}

// The value of tap `k`, zero outside.
template <int G> __device__ inline float read(const float *plane, int w, const Source &s, int k) {
    return s.inside >> k & 1u ? plane[s.first + row<G>(k) * w + column<G>(k)] : 0.0f;
}

// Brings the weights of a convolution into the order [tile][source channel][tap][TILE], zeros behind the last channel, so
// that a thread reads TILE of them at once. The weight of destination channel o, source channel i and tap k is
// weight[o * w_out + i * w_in + k].
KERNEL conv_pack(const float *weight, float *packed, int outputs, int inputs, int taps, int w_out, int w_in) {
    int i = thread_index();
    int tiles = (outputs + TILE - 1) / TILE;
    if (i >= tiles * inputs * taps * TILE) return;
    int t = i % TILE, k = i / TILE % taps, c = i / TILE / taps % inputs, o = i / TILE / taps / inputs * TILE + t;
    packed[i] = o < outputs ? weight[o * w_out + c * w_in + k] : 0.0f;
}

// One thread for every destination pixel and TILE channels (tile = blockIdx.y); `taps` is that of the stored kernel.
// `residual` may be `out` itself.
template <int G>
__device__ void convolve(const Map &in, const Map &out, const float *packed, int taps, const float *bias,
                         const Map &residual, float slope) {
    int i = thread_index();
    if (i >= out.images * out.h * out.w) return;
    int x = i % out.w, y = i / out.w % out.h, n = i / out.w / out.h;
    int first = (int)blockIdx.y * TILE;
    float sum[TILE];
#pragma unroll
    for (int t = 0; t < TILE; ++t) sum[t] = 0.0f;
    Source s = source<G>(in, y, x);
    const float *from = plane(in, n, 0);
    const float *w = packed + (size_t)first * in.channels * taps + s.weight * TILE;
#pragma unroll Taps<G>::count == 1 ? 2 : 1
    for (int c = 0; c < in.channels; ++c) {
#pragma unroll
        for (int k = 0; k < Taps<G>::count; ++k) {
            float v = read<G>(from, in.w, s, k);
            // The stored kernel has no weight for a tap that an even row or column does not have.
            int step = G == DOWN3_TURNED && !(s.inside >> k & 1u) ? 0 : weight_step<G>(k);
            const float4 *eight = (const float4 *)(w + step * TILE);
            float4 low = eight[0], high = eight[1];
            sum[0] = fmaf(low.x, v, sum[0]);
            sum[1] = fmaf(low.y, v, sum[1]);
            sum[2] = fmaf(low.z, v, sum[2]);
            sum[3] = fmaf(low.w, v, sum[3]);
            sum[4] = fmaf(high.x, v, sum[4]);
            sum[5] = fmaf(high.y, v, sum[5]);
            sum[6] = fmaf(high.z, v, sum[6]);
            sum[7] = fmaf(high.w, v, sum[7]);
        }
        from += in.h * in.w;
        w += taps * TILE;
    }
#pragma unroll
    for (int t = 0; t < TILE; ++t) {
        int o = first + t;
        if (o < out.channels) {
            float v = sum[t];
            if (bias) v += bias[o];
            if (residual.at) v += plane(residual, n, o)[y * out.w + x];
            plane(out, n, o)[y * out.w + x] = activate(v, slope);
        }
    }
}

// Eight blocks on a multiprocessor of 65536 registers.
#define KERNEL_IN_64_REGISTERS extern "C" __global__ void __launch_bounds__(BLOCK, 8)
#define CONVOLVE(NAME, GATHER)                                                                                         \
    KERNEL_IN_64_REGISTERS NAME(Map in, Map out, const float *packed, int taps, const float *bias, Map residual,       \
                                float slope) {                                                                         \
        convolve<GATHER>(in, out, packed, taps, bias, residual, slope);                                                \
    }
CONVOLVE(conv_pointwise, POINTWISE)
CONVOLVE(conv_same3, SAME3)
CONVOLVE(conv_same3_turned, SAME3_TURNED)
CONVOLVE(conv_down3, DOWN3)
CONVOLVE(conv_down3_turned, DOWN3_TURNED)
CONVOLVE(conv_fold2, FOLD2)
CONVOLVE(conv_unfold2, UNFOLD2)

// In place, after a library's convolution: out = act(out + bias + residual).
KERNEL conv_epilogue(Map out, const float *bias, Map residual, float slope) {
    Site s = site_of(out);
    if (!s.inside) return;
    float v = pixel(out, s);
    if (bias) v += bias[s.c];
    if (residual.at) v += pixel(residual, s);
    pixel(out, s) = activate(v, slope);
}

// Parts of the weight gradient of T output channels and one input channel (blockIdx.x = tile of outputs * inputs +
// input): row = (output * inputs + input) * taps + tap, `parts` a row. A part is the pixels i, i + parts, ...
template <int G, int T> __device__ void convolve_weight(const Map &in, const Map &dy, float *part, int parts) {
    int i = part_index();
    if (i >= parts) return;
    const int K = Taps<G>::count;
    int c = (int)blockIdx.x % in.channels, first = (int)blockIdx.x / in.channels * T;
    float sum[T][K];
#pragma unroll
    for (int t = 0; t < T; ++t)
#pragma unroll
        for (int k = 0; k < K; ++k) sum[t][k] = 0.0f;
    for (int n = 0; n < dy.images; ++n) {
        const float *from = plane(in, n, c), *g = plane(dy, n, first);
        for (int p = i; p < dy.h * dy.w; p += parts) {
            float d[T];
#pragma unroll
            for (int t = 0; t < T; ++t) d[t] = first + t < dy.channels ? g[t * dy.h * dy.w + p] : 0.0f;
            Source s = source<G>(in, p / dy.w, p % dy.w);
#pragma unroll
            for (int k = 0; k < K; ++k) {
                float v = read<G>(from, in.w, s, k);
#pragma unroll
                for (int t = 0; t < T; ++t) sum[t][k] = fmaf(d[t], v, sum[t][k]);
            }
        }
    }
#pragma unroll
    for (int t = 0; t < T; ++t)
        if (first + t < dy.channels)
#pragma unroll
            for (int k = 0; k < K; ++k)
                part[(size_t)(((first + t) * in.channels + c) * K + k) * parts + i] = sum[t][k];
}

// Outputs of a thread: as many sums as registers hold without spilling.
#define WEIGHT_TILE 2
KERNEL conv_pointwise_weight(Map in, Map dy, float *part, int parts) {
    convolve_weight<POINTWISE, WEIGHT_TILE>(in, dy, part, parts);
}
KERNEL conv_same3_weight(Map in, Map dy, float *part, int parts) {
    convolve_weight<SAME3, WEIGHT_TILE>(in, dy, part, parts);
}
KERNEL conv_down3_weight(Map in, Map dy, float *part, int parts) {
    convolve_weight<DOWN3, WEIGHT_TILE>(in, dy, part, parts);
}
KERNEL conv_fold2_weight(Map in, Map dy, float *part, int parts) {
    convolve_weight<FOLD2, WEIGHT_TILE>(in, dy, part, parts);
}
