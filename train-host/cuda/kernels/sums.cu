// Sums in a fixed order: every thread of a row adds up a strided part of it by itself, and a later kernel adds the parts.
#include "map.cuh"

// Values that `fold` leaves of a row.
#define FOLDED 32

// Parts of sum(p) in rows 0 .. C and, if there is a q, of sum(p * q) in rows C .. 2C; `parts` of them a row.
// Channel = blockIdx.x, part = thread of the column of blocks.
KERNEL channel_parts(Map p, Map q, double *part, int parts) {
    int i = part_index(), c = (int)blockIdx.x;
    if (i >= parts) return;
    double sum = 0.0, product = 0.0;
    for (int n = 0; n < p.images; ++n) {
        const float *a = plane(p, n, c);
        const float *b = q.at ? plane(q, n, c) : a;
        for (int at = i; at < p.h * p.w; at += parts) {
            double v = a[at];
            sum += v;
            if (q.at) product += v * b[at];
        }
    }
    part[(size_t)c * parts + i] = sum;
    if (q.at) part[(size_t)(p.channels + c) * parts + i] = product;
}

template <class T> __device__ void fold(const T *part, double *folded, int rows, int length) {
    int i = thread_index();
    if (i >= rows * FOLDED) return;
    const T *row = part + (size_t)(i / FOLDED) * length;
    double sum = 0.0;
    for (int k = i % FOLDED; k < length; k += FOLDED) sum += row[k];
    folded[i] = sum;
}

KERNEL fold_f32(const float *part, double *folded, int rows, int length) { fold(part, folded, rows, length); }
KERNEL fold_f64(const double *part, double *folded, int rows, int length) { fold(part, folded, rows, length); }

template <class T> __device__ double row_sum(const T *part, int row, int length) {
    double sum = 0.0;
    for (int k = 0; k < length; ++k) sum += part[(size_t)row * length + k];
    return sum;
}

KERNEL row_sums(const double *part, double *sums, int rows, int length) {
    int r = thread_index();
    if (r < rows) sums[r] = row_sum(part, r, length);
}

// Adds the sum of each row to the gradient of a parameter.
KERNEL add_rows_f32(const float *part, float *gradient, int rows, int length) {
    int r = thread_index();
    if (r < rows) gradient[r] += (float)row_sum(part, r, length);
}
KERNEL add_rows_f64(const double *part, float *gradient, int rows, int length) {
    int r = thread_index();
    if (r < rows) gradient[r] += (float)row_sum(part, r, length);
}
