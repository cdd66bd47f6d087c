#!/usr/bin/env bash
# The CUDA back end of the trainer, as far as a machine without a device can check it:
# * nvcc compiles every kernel for Orin (sm_87), Hopper (sm_90) and Thor (sm_110) within a budget: at most 64 registers a
#   thread, so that a multiprocessor holds 1024 threads, no spills, no stack;
# * NVRTC compiles the one program that a run compiles at its start;
# * the kernels compute what plain code computes, run serially on the CPU, once more under the address sanitizer;
# * without a driver the program says so in one line.
# Where there is a device, the same tests run on it; where there is none, that is said.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/rigs/need.sh c++:g++
python3 -c 'import ensurepip' 2>/dev/null || tests/rigs/need.sh no-such-program:python3-venv
CARGO=${CARGO:-cargo}
REGISTERS=64

venv=$PWD/.cache/venv-cuda
if [ ! -e "$venv/ready" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check nvidia-cuda-nvcc==13.5.37 nvidia-cuda-crt==13.5.37 \
        nvidia-nvvm==13.5.37 nvidia-cuda-runtime==13.5.37 nvidia-cuda-nvrtc==13.5.37
    touch "$venv/ready"
fi
cuda=$(echo "$venv"/lib/python3*/site-packages/nvidia/cu13)
"$cuda/bin/nvcc" --version | tail -2 | head -1

passed=0
failed=0
logs=.cache/cuda
mkdir -p $logs
count() { # count NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name" >&2
    fi
}

# Reads what ptxas says of each kernel; fails beyond the budget, and if it said nothing.
within_budget() { # within_budget LOG FILE ARCHITECTURE
    awk -v file="$2" -v arch="$3" -v most=$REGISTERS '
        /Compiling entry function/ {split($0, part, "\047"); kernel = part[2]}
        /bytes stack frame/ {stack = $1; spills = $5 + $9}
        / registers/ {
            match($0, /Used [0-9]+/)
            registers = substr($0, RSTART + 5, RLENGTH - 5) + 0
            kernels++
            if (registers > widest) {widest = registers; who = kernel}
            if (registers > most || spills > 0 || stack > 0) {
                printf "%s %s %s: %d registers, %d bytes spilled, %d bytes of stack; wanted at most %d, 0, 0\n",
                    file, kernel, arch, registers, spills, stack, most > "/dev/stderr"
                bad++
            }
        }
        END {
            printf "%-16s %-7s %2d kernels, at most %2d registers (%s)\n", file, arch, kernels, widest, who
            exit bad > 0 || kernels == 0
        }' "$1"
}

compile() { # compile FILE ARCHITECTURE
    local name log
    name=$(basename "$1")
    log=$logs/$name.$2.log
    "$cuda/bin/nvcc" -std=c++17 -arch="$2" -Xptxas -v -cubin -o "$logs/$name.$2.cubin" "$1" > "$log" 2>&1 ||
        { cat "$log" >&2; return 1; }
    within_budget "$log" "$name" "$2"
}

for file in train-host/cuda/kernels/*.cu; do
    for arch in sm_87 sm_90 sm_110; do
        count "$file for $arch" compile "$file" $arch
    done
done

test=("$CARGO" test --release -p invdet-cuda)
tests_of() { # tests_of NAME COMMAND...: adds up what the test program counted
    local log=$logs/$1.log
    shift
    local ok=0
    "$@" > "$log" 2>&1 || ok=1
    local counted
    counted=$(awk '/^test result:/ {p += $4; f += $6} END {print p + 0, f + 0}' "$log")
    passed=$((passed + ${counted% *}))
    failed=$((failed + ${counted#* }))
    # A program that did not get as far as counting, or counted nothing.
    if [ $ok = 1 ] || [ "${counted% *}" = 0 ]; then
        tail -40 "$log" >&2
        [ "${counted#* }" != 0 ] || failed=$((failed + 1))
    fi
    echo "$(basename "$log" .log): ${counted% *} passed, ${counted#* } failed"
}
tests_of host-shim "${test[@]}"
tests_of host-shim-address-sanitizer env INVDET_SHIM_FLAGS="-fsanitize=address" ASAN_OPTIONS=detect_leaks=0 \
    "${test[@]}" --config "target.'cfg(all())'.runner = ['env', 'LD_PRELOAD=$(c++ -print-file-name=libasan.so)']" \
    on_host_shim
tests_of nvrtc env LD_LIBRARY_PATH="$cuda/lib" "${test[@]}" nvrtc -- --ignored

"$CARGO" build --release -q -p invdet-cuda --example probe
if target/release/examples/probe > $logs/probe.out 2> $logs/probe.err; then
    cat $logs/probe.out
    tests_of on-device "${test[@]}" on_device -- --ignored --test-threads=1
else
    cat $logs/probe.err
    one_line() { [ "$(wc -l < $logs/probe.err)" = 1 ] && grep -q '^error: .*; ' $logs/probe.err; }
    count "one line without a device" one_line
    echo "no CUDA device: not run:"
    "${test[@]}" -q -- --ignored --list 2>/dev/null | grep -E 'on_device|cudnn' | sed 's/: test$//; s/^/    /'
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
