// As much of CUDA C++ as the kernels use, for a C++ compiler of the host: one thread runs after the other.
#pragma once
#include <cmath>
#include <cstddef>

#define __global__
#define __device__
#define __launch_bounds__(...)

struct Index {
    unsigned x, y, z;
};
static thread_local Index blockIdx, threadIdx, blockDim, gridDim;

struct alignas(16) float4 {
    float x, y, z, w;
};
