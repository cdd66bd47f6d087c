// What every kernel starts from. One thread computes one site; nothing is shared between threads and nothing is added
// atomically, so results do not depend on how blocks are scheduled.
#pragma once

// Some channels of a tensor [images, storage channels, h, w]: `at` is the first pixel of the first of them, `image` the
// number of floats from an image to the next. `at` is null where an operand is absent. src/launcher.rs has the twin.
struct Map {
    float *at;
    int image;
    int images;
    int channels;
    int h;
    int w;
};

// Most threads of a block, as src/ops.rs launches them.
#define BLOCK 128
#define KERNEL extern "C" __global__ void __launch_bounds__(BLOCK)

// Where a thread works: a pixel of a channel of an image.
struct Site {
    int n, c, y, x;
    bool inside;
};

__device__ inline int thread_index() { return (int)(blockIdx.x * blockDim.x + threadIdx.x); }

// Which part of a sum this thread adds up, where blockIdx.x says of what (a grid may be long in x alone).
__device__ inline int part_index() { return (int)(blockIdx.y * blockDim.x + threadIdx.x); }

// The site of this thread when there is one thread for every value of `m`.
__device__ inline Site site_of(const Map &m) {
    int i = thread_index();
    Site s;
    s.inside = i < m.images * m.channels * m.h * m.w;
    s.x = i % m.w;
    i /= m.w;
    s.y = i % m.h;
    i /= m.h;
    s.c = i % m.channels;
    s.n = i / m.channels;
    return s;
}

__device__ inline float *plane(const Map &m, int n, int c) { return m.at + n * m.image + c * m.h * m.w; }

__device__ inline float &pixel(const Map &m, const Site &s) { return plane(m, s.n, s.c)[s.y * m.w + s.x]; }

// Overwrites or adds, as the plan of the backward pass says.
__device__ inline void put(float &to, float value, int add) { to = add ? to + value : value; }

__device__ inline float activate(float v, float slope) { return v > 0.0f ? v : slope * v; }
