// The inverse of the affine coupling: y = (high - shift) * exp(-clamp * tanh(scale / 2)).
#include "map.cuh"

KERNEL uncouple(Map high, Map scale, Map shift, Map y, float clamp) {
    Site s = site_of(y);
    if (!s.inside) return;
    float e = expf(-clamp * tanhf(0.5f * pixel(scale, s)));
    pixel(y, s) = (pixel(high, s) - pixel(shift, s)) * e;
}

// A destination whose `at` is null is not wanted.
KERNEL uncouple_gradient(Map dy, Map high, Map scale, Map shift, Map d_high, Map d_scale, Map d_shift, int add_high,
                         int add_scale, int add_shift, float clamp) {
    Site s = site_of(dy);
    if (!s.inside) return;
    float t = tanhf(0.5f * pixel(scale, s));
    float scaled = pixel(dy, s) * expf(-clamp * t);
    // dy/dscale = -y * clamp / 2 * (1 - t^2)
    float difference = pixel(high, s) - pixel(shift, s);
    if (d_scale.at) put(pixel(d_scale, s), -scaled * difference * (0.5f * clamp * (1.0f - t * t)), add_scale);
    if (d_shift.at) put(pixel(d_shift, s), -scaled, add_shift);
    if (d_high.at) put(pixel(d_high, s), scaled, add_high);
}
