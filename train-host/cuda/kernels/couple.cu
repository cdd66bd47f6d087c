// Affine coupling: y = high * exp(clamp * tanh(scale / 2)) + shift.
#include "map.cuh"

KERNEL couple(Map high, Map scale, Map shift, Map y, float clamp) {
    Site s = site_of(y);
    if (!s.inside) return;
    float e = expf(clamp * tanhf(0.5f * pixel(scale, s)));
    pixel(y, s) = fmaf(pixel(high, s), e, pixel(shift, s));
}

// A destination whose `at` is null is not wanted.
KERNEL couple_gradient(Map dy, Map high, Map scale, Map d_high, Map d_scale, Map d_shift, int add_high, int add_scale,
                       int add_shift, float clamp) {
    Site s = site_of(dy);
    if (!s.inside) return;
    float g = pixel(dy, s), t = tanhf(0.5f * pixel(scale, s));
    float scaled = g * expf(clamp * t);
    // d(clamp * tanh(z / 2)) / dz = clamp / 2 * (1 - t^2)
    if (d_scale.at) put(pixel(d_scale, s), scaled * pixel(high, s) * (0.5f * clamp * (1.0f - t * t)), add_scale);
    if (d_shift.at) put(pixel(d_shift, s), g, add_shift);
    if (d_high.at) put(pixel(d_high, s), scaled, add_high);
}
