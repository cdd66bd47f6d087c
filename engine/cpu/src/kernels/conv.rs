//! Direct convolution, lanes = neighbouring output pixels; no im2col.
//!
//! A tile is `CO` output channels x `PV` vectors of 16 pixels held in registers; for every input channel and tap one
//! vector of inputs per position is loaded and multiplied by `CO` broadcast weights.

use crate::simd::{LANES, Simd, kernel};

/// Output channels of a packed weight tile.
pub(crate) const TILE: usize = 8;

/// Most taps of any kernel (5x5).
pub(crate) const MAX_TAPS: usize = 25;

/// Where the outputs of a convolution go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Output `co` of grid cell `(y, x)` to channel `co`, pixel `(y, x)`.
    Plain,
    /// Output `4 c + 2 i + j` of cell `(y, x)` to channel `c`, pixel `(2 y + i, 2 x + j)`.
    Unfold,
}

/// One convolution over some rows of one image.
pub(crate) struct ConvArgs {
    /// First pixel of the first input plane.
    pub(crate) input: *const f32,
    pub(crate) in_row: usize,
    pub(crate) in_plane: usize,
    pub(crate) in_channels: usize,
    /// Input pixels from a grid cell to the next: 1 or 2.
    pub(crate) step: usize,
    /// Offsets in floats from the (stepped) cell.
    pub(crate) taps: [isize; MAX_TAPS],
    pub(crate) tap_count: usize,
    /// `[ceil(outputs / TILE)][in_channels][tap][TILE]`
    pub(crate) weights: *const f32,
    pub(crate) outputs: usize,
    pub(crate) store: Store,
    /// First pixel of the first output plane.
    pub(crate) out: *mut f32,
    pub(crate) out_row: usize,
    pub(crate) out_plane: usize,
    /// One per output channel, or null.
    pub(crate) bias: *const f32,
    /// Laid out as `out`, or null; may be `out` itself (accumulation).
    pub(crate) residual: *const f32,
    /// Slope for negative values: 1 none, 0 ReLU.
    pub(crate) slope: f32,
    /// Columns of the grid.
    pub(crate) columns: usize,
    /// Rows of the grid.
    pub(crate) rows: std::ops::Range<usize>,
}

/// A vector position in the grid.
#[derive(Clone, Copy, Default)]
struct Cell {
    y: usize,
    /// First column.
    x: usize,
}

#[inline(always)]
unsafe fn tile<S: Simd, const CO: usize, const PV: usize, const STEP2: bool>(
    a: &ConvArgs,
    weights: *const f32,
    channel: usize,
    cells: [Cell; PV],
) {
    // SAFETY: the padding of a plane and the slack of a tensor cover every load of the taps.
    unsafe {
        let mut acc = [[S::splat(0.0); PV]; CO];
        let mut x = [a.input; PV];
        for p in 0..PV {
            x[p] = a
                .input
                .add(cells[p].y * a.step * a.in_row + cells[p].x * a.step);
        }
        let mut w = weights;
        for _ in 0..a.in_channels {
            for t in 0..a.tap_count {
                let tap = *a.taps.get_unchecked(t);
                let mut v = [S::splat(0.0); PV];
                for p in 0..PV {
                    let from = x[p].offset(tap);
                    v[p] = if STEP2 {
                        S::load_even(from)
                    } else {
                        S::load(from)
                    };
                }
                for c in 0..CO {
                    let weight = S::splat(*w.add(c));
                    for p in 0..PV {
                        acc[c][p] = S::fma(v[p], weight, acc[c][p]);
                    }
                }
                w = w.add(TILE);
            }
            for p in 0..PV {
                x[p] = x[p].add(a.in_plane);
            }
        }
        // The tile is written out once: indexed by variables, it would live in memory through the loop above.
        let mut sums = [[[0.0f32; LANES]; PV]; CO];
        for c in 0..CO {
            for p in 0..PV {
                S::store(sums[c][p].as_mut_ptr(), acc[c][p]);
            }
        }
        let at = |c: usize, p: usize| sums.as_ptr().cast::<f32>().add(LANES * (PV * c + p));
        epilogue::<S>(a, channel, CO, &cells, &at);
    }
}

/// Adds bias and residual, applies the activation and stores the sums that `at(output - channel, cell)` points to.
#[inline(always)]
unsafe fn epilogue<S: Simd>(
    a: &ConvArgs,
    channel: usize,
    outputs: usize,
    cells: &[Cell],
    at: &impl Fn(usize, usize) -> *const f32,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let slope = S::splat(a.slope);
        for (p, cell) in cells.iter().enumerate() {
            let lanes = (a.columns - cell.x).min(LANES);
            match a.store {
                Store::Plain => {
                    let offset = cell.y * a.out_row + cell.x;
                    for c in 0..outputs.min(a.outputs - channel) {
                        let to = (channel + c) * a.out_plane + offset;
                        finish::<S>(a, S::load(at(c, p)), channel + c, to, slope, lanes);
                    }
                }
                Store::Unfold => {
                    for pair in 0..outputs / 2 {
                        let output = channel + 2 * pair;
                        let c = output / 4;
                        let y = 2 * cell.y + output / 2 % 2;
                        let to = c * a.out_plane + y * a.out_row + 2 * cell.x;
                        let (low, high) =
                            S::interleave(S::load(at(2 * pair, p)), S::load(at(2 * pair + 1, p)));
                        finish::<S>(a, low, c, to, slope, (2 * lanes).min(LANES));
                        if 2 * lanes > LANES {
                            finish::<S>(a, high, c, to + LANES, slope, 2 * lanes - LANES);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn finish<S: Simd>(
    a: &ConvArgs,
    mut v: S::V,
    channel: usize,
    at: usize,
    slope: S::V,
    lanes: usize,
) {
    // SAFETY: `at` lies in the output plane of `channel`.
    unsafe {
        if !a.bias.is_null() {
            v = S::add(v, S::splat(*a.bias.add(channel)));
        }
        if !a.residual.is_null() {
            v = S::add(v, S::load(a.residual.add(at)));
        }
        v = S::max(v, S::mul(v, slope));
        if lanes == LANES {
            S::store(a.out.add(at), v)
        } else {
            S::store_first(a.out.add(at), v, lanes)
        }
    }
}

#[inline(always)]
unsafe fn sweep<S: Simd, const CO: usize, const PV: usize, const STEP2: bool>(
    a: &ConvArgs,
    weights: *const f32,
    channel: usize,
    rows: std::ops::Range<usize>,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut cell = Cell {
            y: rows.start,
            x: 0,
        };
        let mut left = rows.len() * a.columns.div_ceil(LANES);
        let mut advance = || {
            let now = cell;
            cell.x += LANES;
            if cell.x >= a.columns {
                cell = Cell {
                    y: cell.y + 1,
                    x: 0,
                };
            }
            now
        };
        while left >= PV {
            let mut cells = [Cell::default(); PV];
            for c in &mut cells {
                *c = advance();
            }
            tile::<S, CO, PV, STEP2>(a, weights, channel, cells);
            left -= PV;
        }
        for _ in 0..left {
            tile::<S, CO, 1, STEP2>(a, weights, channel, [advance()]);
        }
    }
}

#[inline(always)]
unsafe fn band<S: Simd, const STEP2: bool>(a: &ConvArgs, rows: std::ops::Range<usize>) {
    // SAFETY: the caller's contract.
    unsafe {
        let tile_floats = a.in_channels * a.tap_count * TILE;
        let mut channel = 0;
        while channel < a.outputs {
            let left = a.outputs - channel;
            let w = a.weights.add(channel / TILE * tile_floats + channel % TILE);
            let rows = rows.clone();
            // Register tiles: 24 accumulators of 32 registers, or what 16 registers of half the width hold.
            let done = if S::WIDE_REGISTERS {
                match left {
                    _ if channel % TILE == 0 && left >= 7 => {
                        sweep::<S, 8, 3, STEP2>(a, w, channel, rows);
                        8
                    }
                    3.. => {
                        sweep::<S, 4, 6, STEP2>(a, w, channel, rows);
                        4
                    }
                    2 => {
                        sweep::<S, 2, 8, STEP2>(a, w, channel, rows);
                        2
                    }
                    _ => {
                        sweep::<S, 1, 8, STEP2>(a, w, channel, rows);
                        1
                    }
                }
            } else {
                match left {
                    3.. => {
                        sweep::<S, 4, 1, STEP2>(a, w, channel, rows);
                        4
                    }
                    2 => {
                        sweep::<S, 2, 2, STEP2>(a, w, channel, rows);
                        2
                    }
                    _ => {
                        sweep::<S, 1, 4, STEP2>(a, w, channel, rows);
                        1
                    }
                }
            };
            channel += done;
        }
    }
}

#[inline(always)]
unsafe fn body<S: Simd>(a: &ConvArgs) {
    // A few rows at a time, so that the inputs are still in the nearest cache for the next tile of channels.
    let rows_at_once = 24usize.div_ceil(a.columns.div_ceil(LANES)).max(1);
    let mut y = a.rows.start;
    while y < a.rows.end {
        let end = (y + rows_at_once).min(a.rows.end);
        // SAFETY: the caller's contract.
        unsafe {
            if a.step == 2 {
                band::<S, true>(a, y..end)
            } else {
                band::<S, false>(a, y..end)
            }
        }
        y = end;
    }
}

kernel! {
    /// # Safety
    /// Pointers and strides must describe padded planes ([`crate::planes`]) that hold the grid, its taps and outputs.
    conv(ConvArgs) = body
}

/// Packs weights for [`conv`]: `at(output, input, tap)` to `[outputs / TILE][input][tap][TILE]`, missing outputs zero.
pub(crate) fn pack(
    packed: &mut Vec<f32>,
    outputs: usize,
    inputs: usize,
    taps: usize,
    at: impl Fn(usize, usize, usize) -> f32,
) {
    packed.clear();
    for tile in 0..outputs.div_ceil(TILE) {
        for input in 0..inputs {
            for tap in 0..taps {
                packed.extend(
                    (tile * TILE..(tile + 1) * TILE)
                        .map(|o| if o < outputs { at(o, input, tap) } else { 0.0 }),
                );
            }
        }
    }
}
