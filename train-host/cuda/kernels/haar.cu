// Haar analysis and synthesis. For pixels a b / c d of a cell the bands are a+b+c+d, a-b+c-d, a+b-c-d, a-b-c+d, times the
// gain; channel = band * channels of the picture + channel. The transform is its own transpose: the gradient of one is
// the other with the same gain.
#include "map.cuh"

// One thread for every cell of every channel of `fine`.
__device__ inline Site cell_of(const Map &bands, const Map &fine) {
    Map cells = bands;
    cells.channels = fine.channels;
    return site_of(cells);
}

KERNEL haar_analysis(Map fine, Map bands, float gain, int add) {
    Site s = cell_of(bands, fine);
    if (!s.inside) return;
    const float *top = plane(fine, s.n, s.c) + 2 * s.y * fine.w + 2 * s.x;
    float a = top[0], b = top[1], c = top[fine.w], d = top[fine.w + 1];
    float st = a + b, dt = a - b, sb = c + d, db = c - d;
    float band[4] = {st + sb, dt + db, st - sb, dt - db};
    float *out = plane(bands, s.n, s.c) + s.y * bands.w + s.x;
#pragma unroll
    for (int k = 0; k < 4; ++k) put(out[k * fine.channels * bands.h * bands.w], gain * band[k], add);
}

KERNEL haar_synthesis(Map bands, Map fine, float gain, int add) {
    Site s = cell_of(bands, fine);
    if (!s.inside) return;
    const float *in = plane(bands, s.n, s.c) + s.y * bands.w + s.x;
    float k[4];
#pragma unroll
    for (int b = 0; b < 4; ++b) k[b] = gain * in[b * fine.channels * bands.h * bands.w];
    float s02 = k[0] + k[2], d02 = k[0] - k[2], s13 = k[1] + k[3], d13 = k[1] - k[3];
    float *top = plane(fine, s.n, s.c) + 2 * s.y * fine.w + 2 * s.x;
    put(top[0], s02 + s13, add);
    put(top[1], s02 - s13, add);
    put(top[fine.w], d02 + d13, add);
    put(top[fine.w + 1], d02 - d13, add);
}
