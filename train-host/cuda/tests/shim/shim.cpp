// All kernels, callable by name on the host. `kernels.inc`, written by the test, lists them as ENTRY(name) and includes
// their files.
#include "cuda.h"
#include "kernels.inc"
#include <cstring>
#include <type_traits>
#include <utility>

// One letter for each kind of argument, as src/tests/shim.rs writes them.
template <class T> constexpr char letter() {
    return std::is_pointer<T>::value ? 'p' : std::is_same<T, Map>::value ? 'm' : std::is_same<T, int>::value ? 'i' : 'f';
}

// Runs every thread of every block. Arguments come as CUDA's driver takes them: a pointer to each. Returns false, and
// runs nothing, if they are not the kernel's.
template <class... A, size_t... I>
bool run(void (*kernel)(A...), std::index_sequence<I...>, const char *letters, void **args) {
    const char own[] = {letter<A>()..., 0};
    if (std::strcmp(own, letters) != 0) return false;
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) kernel(*static_cast<A *>(args[I])...);
    return true;
}

template <class... A> bool start(void (*kernel)(A...), const char *letters, void **args) {
    return run(kernel, std::index_sequence_for<A...>(), letters, args);
}

// 0: ran; 1: no such kernel; 2: other arguments.
extern "C" int shim_launch(const char *name, unsigned x, unsigned y, unsigned threads, const char *letters, void **args) {
    gridDim = {x, y, 1};
    blockDim = {threads, 1, 1};
#define ENTRY(NAME)                                                                                                    \
    if (std::strcmp(name, #NAME) == 0) return start(&NAME, letters, args) ? 0 : 2;
    ENTRIES
    return 1;
}

extern "C" size_t shim_map_size() { return sizeof(Map); }
