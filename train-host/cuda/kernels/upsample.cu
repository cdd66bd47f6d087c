// Nearest up-sampling by two; its gradient is the sum of each 2x2 cell.
#include "map.cuh"

KERNEL upsample(Map coarse, Map fine) {
    Site s = site_of(fine);
    if (!s.inside) return;
    pixel(fine, s) = plane(coarse, s.n, s.c)[s.y / 2 * coarse.w + s.x / 2];
}

KERNEL upsample_gradient(Map d_fine, Map d_coarse, int add) {
    Site s = site_of(d_coarse);
    if (!s.inside) return;
    const float *top = plane(d_fine, s.n, s.c) + 2 * s.y * d_fine.w + 2 * s.x;
    put(pixel(d_coarse, s), (top[0] + top[1]) + (top[d_fine.w] + top[d_fine.w + 1]), add);
}
