// Symmetric eight-bit quantization of all values of a view with one scale, and back to numbers.
#include "map.cuh"

// Largest quantized magnitude.
#define LEVELS 127.0f

#define LARGEST_FLOAT 3.402823466e+38f

// Part i: the largest magnitude among every parts-th value from i on, of all images. NaN is passed over.
KERNEL magnitude_parts(Map x, float *part, int parts) {
    int i = part_index();
    if (i >= parts) return;
    float most = 0.0f;
    for (int n = 0; n < x.images; ++n) {
        const float *values = plane(x, n, 0);
        for (int at = i; at < x.channels * x.h * x.w; at += parts) most = fmaxf(most, fabsf(values[at]));
    }
    part[i] = most;
}

// One thread: the largest of the parts.
KERNEL largest_magnitude(const float *part, float *largest, int parts) {
    if (thread_index() > 0) return;
    float most = 0.0f;
    for (int i = 0; i < parts; ++i) most = fmaxf(most, part[i]);
    *largest = most;
}

// out = scale * round(x / scale), half to even; scale 1 where the largest magnitude gives none.
KERNEL quantize(Map x, Map out, const float *largest) {
    Site s = site_of(out);
    if (!s.inside) return;
    float most = *largest;
    bool usable = most > 0.0f && most <= LARGEST_FLOAT;
    float scale = usable ? most / LEVELS : 1.0f, inverse = usable ? LEVELS / most : 1.0f;
    pixel(out, s) = scale * rintf(pixel(x, s) * inverse);
}
