#!/usr/bin/env bash
# Cross-builds the runtime for aarch64 and runs unit tests and NEON parity under qemu's user emulation.
# The machine's stable toolchain has no aarch64 standard library, so compiler and library come from Debian's rustc-web
# of trixie, unpacked into .cache beside their own libc; nothing of the system is touched but cross gcc and qemu.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/rigs/need.sh aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu aarch64-linux-gnu-g++:g++-aarch64-linux-gnu \
    qemu-aarch64-static:qemu-user-static /usr/aarch64-linux-gnu/lib/libc.so.6:libc6-dev-arm64-cross

W=$PWD/.cache/aarch64
if [ ! -x "$W/rustc-aarch64" ]; then
    rm -rf "$W"
    mkdir -p "$W"/{lists/partial,cache/archives/partial,debs,root}
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -1)
    echo "deb $uri trixie main" > "$W/sources.list"
    apt=(-qq -o "Dir::Etc::sourcelist=$W/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$W/lists"
        -o "Dir::Cache=$W/cache" -o APT::Architecture=amd64 -o APT::Architectures::=amd64
        -o APT::Architectures::=arm64 -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update
    version=$(apt-cache "${apt[@]}" policy rustc-web | awk '/Candidate:/{print $2}')
    std=libstd-rust-web-$(echo "$version" | cut -d. -f1,2)
    needs=$(apt-cache "${apt[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$std" | grep -E '^[a-z]' | grep -vE ':|^debconf|^cdebconf' | sort -u)
    # shellcheck disable=SC2086  # a list of packages
    (cd "$W/debs" && apt-get "${apt[@]}" download "rustc-web=$version" "libstd-rust-web-dev:amd64=$version" \
        "libstd-rust-web-dev:arm64=$version" $needs)
    for deb in "$W"/debs/*.deb; do dpkg -x "$deb" "$W/root"; done
    rm -rf "$W/debs"
    loader=$(find "$W/root" -name ld-linux-x86-64.so.2 | head -1)
    printf '#!/bin/sh\nexec %s --library-path %s %s --sysroot %s "$@"\n' "$loader" \
        "$W/root/usr/lib/x86_64-linux-gnu" "$W/root/usr/bin/rustc" "$W/root/usr" > "$W/rustc-aarch64.part"
    chmod +x "$W/rustc-aarch64.part"
    mv "$W/rustc-aarch64.part" "$W/rustc-aarch64"
fi
"$W/rustc-aarch64" -V

export RUSTC=$W/rustc-aarch64
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
cross=(--target aarch64-unknown-linux-gnu --target-dir target-aarch64)
log=.cache/aarch64/tests.log
cargo test "${cross[@]}" -p invdet-core -p invdet-net -p invdet-cpu -p invdet-camera -p invdet-tracker \
    -p invdet-detector --lib --tests 2>&1 | tee "$log"
cargo build "${cross[@]}" --release -p invdet-runtime
binary=target-aarch64/aarch64-unknown-linux-gnu/release/invdet
qemu-aarch64-static -L /usr/aarch64-linux-gnu "$binary" --version
floor=$(aarch64-linux-gnu-objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
echo "newest libc symbol of the aarch64 binary: $floor"
[ "$(printf "%s\n" "$floor" GLIBC_2.35 | sort -V | tail -1)" = GLIBC_2.35 ] ||
    { echo "the binary needs $floor, wanted at most GLIBC_2.35 (Ubuntu 22.04 of JetPack 6)" >&2; exit 1; }
awk '/^test result:/ {p += $4; f += $6} END {printf "%d passed, %d failed\n", p, f; exit f > 0 || p == 0}' "$log"
