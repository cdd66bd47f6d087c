//! Weight gradient of every convolution: `out[a][b][t] += sum over images and cells of A[a] * B[b shifted by tap t]`.
//!
//! `A` is the tensor on the coarser grid (the output gradient, or the input of a transposed convolution), `B` the other,
//! read with a step of 1 or 2. Lanes are pixels; a tile of 4 x 6 sums stays in registers over a stretch of rows.

use super::conv::MAX_TAPS;
use crate::simd::{Simd, kernel};

/// Entries `(b, tap)` of a task.
pub(crate) const ENTRIES: usize = 36;
/// Channels of `A` of a task.
pub(crate) const CHANNELS: usize = 4;
/// Vectors of a stretch: 4 KiB of each plane, so that the planes of `A` stay in the first-level cache over a task's
/// entries. (512 was no different on a busy machine; a quiet comparison is still to be made.)
const STRETCH: usize = 64;

/// One task: up to [`CHANNELS`] channels of `A` against up to [`ENTRIES`] entries of `B`, over the whole batch.
pub(crate) struct WgradArgs {
    /// First pixel of the task's first channel.
    pub(crate) a: *const f32,
    pub(crate) a_row: usize,
    pub(crate) a_plane: usize,
    pub(crate) a_image: usize,
    pub(crate) a_channels: usize,
    /// First pixel of channel 0.
    pub(crate) b: *const f32,
    pub(crate) b_row: usize,
    pub(crate) b_plane: usize,
    pub(crate) b_image: usize,
    pub(crate) step: usize,
    pub(crate) taps: [isize; MAX_TAPS],
    pub(crate) tap_count: usize,
    /// Entries `b * tap_count + t` of this task.
    pub(crate) entries: std::ops::Range<usize>,
    pub(crate) images: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// `out[a * out_stride + entry]` of the task's first channel; added to.
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
}

#[derive(Clone, Copy)]
struct Stretch {
    image: usize,
    images: usize,
    y: usize,
    rows: usize,
}

#[inline(always)]
unsafe fn accumulate<S: Simd, const NA: usize, const NB: usize, const STEP2: bool>(
    g: &WgradArgs,
    sums: &mut [[S::V; NB]; NA],
    a: [*const f32; NA],
    b: [*const f32; NB],
    s: Stretch,
) {
    // SAFETY: `A` is zero in its padding, so what the last vector of a row reads beyond it does not count.
    unsafe {
        // Element by element, so that the tile lives in registers and not in memory.
        let mut acc = [[S::splat(0.0); NB]; NA];
        for i in 0..NA {
            for j in 0..NB {
                acc[i][j] = sums[i][j];
            }
        }
        let vectors = g.columns.div_ceil(16);
        for image in s.image..s.image + s.images {
            for y in s.y..s.y + s.rows {
                let ao = image * g.a_image + y * g.a_row;
                let bo = image * g.b_image + y * g.step * g.b_row;
                for v in 0..vectors {
                    let mut av = [S::splat(0.0); NA];
                    for i in 0..NA {
                        av[i] = S::load(a[i].add(ao + 16 * v));
                    }
                    for j in 0..NB {
                        let from = b[j].add(bo + 16 * v * g.step);
                        let bv = if STEP2 {
                            S::load_even(from)
                        } else {
                            S::load(from)
                        };
                        for i in 0..NA {
                            acc[i][j] = S::fma(av[i], bv, acc[i][j]);
                        }
                    }
                }
            }
        }
        for i in 0..NA {
            for j in 0..NB {
                sums[i][j] = acc[i][j];
            }
        }
    }
}

#[inline(always)]
unsafe fn channels<
    S: Simd,
    const NA: usize,
    const NB: usize,
    const GROUPS: usize,
    const STEP2: bool,
>(
    g: &WgradArgs,
    first: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = [[[S::splat(0.0); NB]; NA]; GROUPS];
        let mut a = [g.a; NA];
        for i in 0..NA {
            a[i] = g.a.add((first + i) * g.a_plane);
        }
        let groups = g.entries.len().div_ceil(NB);
        let per_row = g.columns.div_ceil(16);
        let rows_at_once = (STRETCH / per_row).clamp(1, g.rows);
        let images_at_once = (STRETCH / (per_row * g.rows)).clamp(1, g.images);
        let mut image = 0;
        while image < g.images {
            let images = images_at_once.min(g.images - image);
            let mut y = 0;
            while y < g.rows {
                let rows = rows_at_once.min(g.rows - y);
                for (k, sums) in sums.iter_mut().enumerate().take(groups) {
                    let mut b = [g.b; NB];
                    for j in 0..NB {
                        // Past the end the last entry is computed again and thrown away.
                        let e = (g.entries.start + k * NB + j).min(g.entries.end - 1);
                        b[j] =
                            g.b.add(e / g.tap_count * g.b_plane)
                                .offset(g.taps[e % g.tap_count]);
                    }
                    accumulate::<S, NA, NB, STEP2>(
                        g,
                        sums,
                        a,
                        b,
                        Stretch {
                            image,
                            images,
                            y,
                            rows,
                        },
                    );
                }
                y += rows;
            }
            image += images;
        }
        for (k, sums) in sums.iter().enumerate().take(groups) {
            for i in 0..NA {
                for j in 0..NB {
                    let e = g.entries.start + k * NB + j;
                    if e < g.entries.end {
                        *g.out.add((first + i) * g.out_stride + e) += S::sum(sums[i][j]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn task<S: Simd, const STEP2: bool>(g: &WgradArgs) {
    let mut first = 0;
    while first < g.a_channels {
        let left = g.a_channels - first;
        // SAFETY: the caller's contract; ENTRIES = 6 * 6 = 12 * 3.
        unsafe {
            first += if S::WIDE_REGISTERS {
                match left {
                    4.. => {
                        channels::<S, 4, 6, 6, STEP2>(g, first);
                        4
                    }
                    2 | 3 => {
                        channels::<S, 2, 6, 6, STEP2>(g, first);
                        2
                    }
                    _ => {
                        channels::<S, 1, 6, 6, STEP2>(g, first);
                        1
                    }
                }
            } else if left >= 2 {
                channels::<S, 2, 3, 12, STEP2>(g, first);
                2
            } else {
                channels::<S, 1, 3, 12, STEP2>(g, first);
                1
            };
        }
    }
}

#[inline(always)]
unsafe fn body<S: Simd>(g: &WgradArgs) {
    // SAFETY: the caller's contract.
    unsafe {
        if g.step == 2 {
            task::<S, true>(g)
        } else {
            task::<S, false>(g)
        }
    }
}

kernel! {
    /// # Safety
    /// Pointers and strides must describe padded planes that hold the batch; at most [`ENTRIES`] entries.
    wgrad(WgradArgs) = body
}
