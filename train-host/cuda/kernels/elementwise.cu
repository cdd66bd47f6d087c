// Values by themselves: clearing, copying with a factor, differences, and the way back through an activation.
#include "map.cuh"

KERNEL clear(Map out) {
    Site s = site_of(out);
    if (s.inside) pixel(out, s) = 0.0f;
}

// out = factor * in, or out += factor * in: copies, their gradients, and the two gradients of a difference.
KERNEL scaled_copy(Map in, Map out, float factor, int add) {
    Site s = site_of(out);
    if (s.inside) put(pixel(out, s), factor * pixel(in, s), add);
}

KERNEL subtract(Map a, Map b, Map out) {
    Site s = site_of(out);
    if (s.inside) pixel(out, s) = pixel(a, s) - pixel(b, s);
}

// In place: the gradient before an activation whose output was y.
KERNEL activation_gradient(Map dy, Map y, float slope) {
    Site s = site_of(dy);
    if (s.inside && !(pixel(y, s) > 0.0f)) pixel(dy, s) *= slope;
}
