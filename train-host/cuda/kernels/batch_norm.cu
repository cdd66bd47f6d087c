// Batch normalisation: y = act(gain * (x - mean) / sqrt(variance + eps) + offset + residual), by channel.
// `saved` holds the mean of each channel, then 1 / sqrt(variance + eps) of each.
#include "map.cuh"

// From the sums of x and x^2 of `count` values a channel; the running statistics follow with the unbiased variance.
KERNEL batch_norm_statistics(const double *sums, float *saved, float *running_mean, float *running_variance,
                             int channels, int count, float eps, float momentum) {
    int c = thread_index();
    if (c >= channels) return;
    double n = count, mean = sums[c] / n;
    double variance = sums[channels + c] / n - mean * mean;
    if (variance < 0.0) variance = 0.0;
    saved[c] = (float)mean;
    saved[channels + c] = (float)(1.0 / sqrt(variance + (double)eps));
    double unbiased = count > 1 ? variance * n / (n - 1.0) : variance;
    running_mean[c] += momentum * ((float)mean - running_mean[c]);
    running_variance[c] += momentum * ((float)unbiased - running_variance[c]);
}

KERNEL batch_norm_frozen(const float *running_mean, const float *running_variance, float *saved, int channels,
                         float eps) {
    int c = thread_index();
    if (c >= channels) return;
    saved[c] = running_mean[c];
    saved[channels + c] = 1.0f / sqrtf(running_variance[c] + eps);
}

KERNEL batch_norm(Map x, Map residual, Map y, const float *saved, const float *gain, const float *offset, float slope) {
    Site s = site_of(y);
    if (!s.inside) return;
    float k = gain[s.c] * saved[y.channels + s.c];
    float v = fmaf(k, pixel(x, s), offset[s.c] - saved[s.c] * k);
    if (residual.at) v += pixel(residual, s);
    pixel(y, s) = activate(v, slope);
}

// From the sums of dy and dy * x: the gradients of gain and offset, and for each channel the k, l, m of
// dx = k * dy + l * x + m. With s = gain / std and x^ = (x - mean) / std over n values,
// dx = s * (dy - sum(dy) / n - x^ * sum(dy * x^) / n); with frozen statistics dx = s * dy.
KERNEL batch_norm_coefficients(const double *sums, const float *saved, const float *gain, float *d_gain,
                               float *d_offset, float *coefficients, int channels, int count, int frozen) {
    int c = thread_index();
    if (c >= channels) return;
    double mean = saved[c], inverse_std = saved[channels + c], dy = sums[c];
    double dy_xhat = (sums[channels + c] - mean * dy) * inverse_std;
    d_offset[c] += (float)dy;
    d_gain[c] += (float)dy_xhat;
    double scale = (double)gain[c] * inverse_std;
    double x_slope = frozen ? 0.0 : -scale * inverse_std * dy_xhat / count;
    coefficients[c] = (float)scale;
    coefficients[channels + c] = (float)x_slope;
    coefficients[2 * channels + c] = frozen ? 0.0f : (float)(-scale * dy / count - x_slope * mean);
}

KERNEL batch_norm_gradient(Map dy, Map x, Map dx, const float *coefficients, int add) {
    Site s = site_of(dx);
    if (!s.inside) return;
    const float *k = coefficients + s.c;
    float v = fmaf(k[0], pixel(dy, s), fmaf(k[dx.channels], pixel(x, s), k[2 * dx.channels]));
    put(pixel(dx, s), v, add);
}
