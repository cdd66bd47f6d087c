// out = x * a - b * blur(x), a and b one-channel maps for all channels; blur is the binomial kernel of radius 1 or 2,
// pictures reflected at their borders without repeating the edge pixel. Radius 0: out = x * a.
#include "map.cuh"

// Weight of the binomial kernel at distance `d` (0 .. R), one dimension.
template <int R> __device__ inline float binomial(int d) {
    if (R == 1) return d == 0 ? 0.5f : 0.25f;
    return d == 0 ? 0.375f : d == 1 ? 0.25f : 0.0625f;
}

__device__ inline int reflect(int i, int n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

// What pixel `p` gives to the blurred pixel `q` of a row of `n`: directly, and as its own reflections at either border.
template <int R> __device__ inline float share(int q, int p, int n) {
    int left = q + p, right = (n - 1 - q) + (n - 1 - p);
    float w = binomial<R>(q < p ? p - q : q - p);
    if (p > 0 && left <= R) w += binomial<R>(left);
    if (p < n - 1 && right <= R) w += binomial<R>(right);
    return w;
}

template <int R> __device__ void modulate(const Map &x, const Map &a, const Map &b, const Map &out) {
    Site s = site_of(out);
    if (!s.inside) return;
    const float *from = plane(x, s.n, s.c);
    float blur = 0.0f;
#pragma unroll
    for (int dy = -R; dy <= R; ++dy) {
        float row = 0.0f;
#pragma unroll
        for (int dx = -R; dx <= R; ++dx)
            row = fmaf(binomial<R>(dx < 0 ? -dx : dx), from[reflect(s.y + dy, x.h) * x.w + reflect(s.x + dx, x.w)], row);
        blur = fmaf(binomial<R>(dy < 0 ? -dy : dy), row, blur);
    }
    int at = s.y * x.w + s.x;
    pixel(out, s) = from[at] * plane(a, s.n, 0)[at] - plane(b, s.n, 0)[at] * blur;
}

// dx = a * dy - blur^T(b * dy)
template <int R>
__device__ void modulate_gradient(const Map &dy, const Map &a, const Map &b, const Map &dx, int add) {
    Site s = site_of(dx);
    if (!s.inside) return;
    const float *g = plane(dy, s.n, s.c), *m = plane(b, s.n, 0);
    float blur = 0.0f;
#pragma unroll
    for (int j = -R; j <= R; ++j) {
        int y = s.y + j;
        if (y < 0 || y >= dy.h) continue;
        float row = 0.0f;
#pragma unroll
        for (int i = -R; i <= R; ++i) {
            int x = s.x + i;
            if (x < 0 || x >= dy.w) continue;
            row = fmaf(share<R>(x, s.x, dy.w), m[y * dy.w + x] * g[y * dy.w + x], row);
        }
        blur = fmaf(share<R>(y, s.y, dy.h), row, blur);
    }
    int at = s.y * dy.w + s.x;
    put(pixel(dx, s), plane(a, s.n, 0)[at] * g[at] - blur, add);
}

KERNEL modulate_plain(Map x, Map a, Map out, int add) {
    Site s = site_of(out);
    if (s.inside) put(pixel(out, s), pixel(x, s) * plane(a, s.n, 0)[s.y * x.w + s.x], add);
}
KERNEL modulate3(Map x, Map a, Map b, Map out) { modulate<1>(x, a, b, out); }
KERNEL modulate5(Map x, Map a, Map b, Map out) { modulate<2>(x, a, b, out); }
KERNEL modulate3_gradient(Map dy, Map a, Map b, Map dx, int add) { modulate_gradient<1>(dy, a, b, dx, add); }
KERNEL modulate5_gradient(Map dy, Map a, Map b, Map dx, int add) { modulate_gradient<2>(dy, a, b, dx, add); }
