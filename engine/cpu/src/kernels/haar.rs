//! Haar analysis, its synthesis (which is its gradient, up to the gain), and nearest up-sampling by two.
//!
//! For pixels `a b / c d` of a 2x2 cell the bands are `a+b+c+d`, `a-b+c-d`, `a+b-c-d`, `a-b-c+d`, times the gain
//! (algorithm of the orthonormal Haar transform; gain 1/2).

use crate::simd::{LANES, Simd, kernel};

/// One channel of one image. `fine` is the plane of twice the size, `bands` the first pixel of four planes.
pub(crate) struct HaarArgs {
    pub(crate) fine: *mut f32,
    pub(crate) fine_row: usize,
    pub(crate) bands: [*mut f32; 4],
    pub(crate) band_row: usize,
    pub(crate) gain: f32,
    /// Rows and columns of a band.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Synthesis adds to `fine` instead of overwriting it.
    pub(crate) add: bool,
}

#[inline(always)]
unsafe fn analysis_body<S: Simd>(h: &HaarArgs) {
    // SAFETY: the planes hold the rows; loads overrun into padding only.
    unsafe {
        let gain = S::splat(h.gain);
        for y in 0..h.rows {
            let mut x = 0;
            while x < h.columns {
                let top = h.fine.add(2 * y * h.fine_row + 2 * x);
                let bottom = top.add(h.fine_row);
                let (a, b) = (S::load_even(top), S::load_even(top.add(1)));
                let (c, d) = (S::load_even(bottom), S::load_even(bottom.add(1)));
                let (st, dt) = (S::add(a, b), S::sub(a, b));
                let (sb, db) = (S::add(c, d), S::sub(c, d));
                let bands = [
                    S::add(st, sb),
                    S::add(dt, db),
                    S::sub(st, sb),
                    S::sub(dt, db),
                ];
                for k in 0..4 {
                    let at = h.bands[k].add(y * h.band_row + x);
                    S::store_first(at, S::mul(bands[k], gain), (h.columns - x).min(LANES));
                }
                x += LANES;
            }
        }
    }
}
kernel! {
    /// # Safety
    /// All pointers must be first pixels of padded planes of the given size.
    haar_analysis(HaarArgs) = analysis_body
}

#[inline(always)]
unsafe fn store_pairs<S: Simd>(out: *mut f32, even: S::V, odd: S::V, lanes: usize, add: bool) {
    // SAFETY: `2 * lanes` floats of the plane behind `out`.
    unsafe {
        let (mut low, mut high) = S::interleave(even, odd);
        if add {
            low = S::add(low, S::load(out));
            high = S::add(high, S::load(out.add(LANES)));
        }
        S::store_first(out, low, (2 * lanes).min(LANES));
        if 2 * lanes > LANES {
            S::store_first(out.add(LANES), high, 2 * lanes - LANES);
        }
    }
}

#[inline(always)]
unsafe fn synthesis_body<S: Simd>(h: &HaarArgs) {
    // SAFETY: as in `analysis_body`.
    unsafe {
        let gain = S::splat(h.gain);
        for y in 0..h.rows {
            let mut x = 0;
            while x < h.columns {
                let mut k = [gain; 4];
                for b in 0..4 {
                    k[b] = S::mul(S::load(h.bands[b].add(y * h.band_row + x)), gain);
                }
                let (s02, d02) = (S::add(k[0], k[2]), S::sub(k[0], k[2]));
                let (s13, d13) = (S::add(k[1], k[3]), S::sub(k[1], k[3]));
                let lanes = (h.columns - x).min(LANES);
                let top = h.fine.add(2 * y * h.fine_row + 2 * x);
                store_pairs::<S>(top, S::add(s02, s13), S::sub(s02, s13), lanes, h.add);
                store_pairs::<S>(
                    top.add(h.fine_row),
                    S::add(d02, d13),
                    S::sub(d02, d13),
                    lanes,
                    h.add,
                );
                x += LANES;
            }
        }
    }
}
kernel! {
    /// # Safety
    /// As [`haar_analysis`].
    haar_synthesis(HaarArgs) = synthesis_body
}

/// Nearest up-sampling by two of one channel, or (`sum`) its gradient: the sum of each 2x2 cell.
pub(crate) struct UpsampleArgs {
    pub(crate) coarse: *mut f32,
    pub(crate) coarse_row: usize,
    pub(crate) fine: *mut f32,
    pub(crate) fine_row: usize,
    /// Rows and columns of the coarse plane.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Add to what is there.
    pub(crate) add: bool,
}

#[inline(always)]
unsafe fn repeat_body<S: Simd>(u: &UpsampleArgs) {
    // SAFETY: as in `analysis_body`.
    unsafe {
        for y in 0..u.rows {
            let mut x = 0;
            while x < u.columns {
                let v = S::load(u.coarse.add(y * u.coarse_row + x));
                let lanes = (u.columns - x).min(LANES);
                let top = u.fine.add(2 * y * u.fine_row + 2 * x);
                store_pairs::<S>(top, v, v, lanes, u.add);
                store_pairs::<S>(top.add(u.fine_row), v, v, lanes, u.add);
                x += LANES;
            }
        }
    }
}
kernel! {
    /// # Safety
    /// Both pointers must be first pixels of padded planes, `fine` of twice the size.
    upsample(UpsampleArgs) = repeat_body
}

#[inline(always)]
unsafe fn cell_sum_body<S: Simd>(u: &UpsampleArgs) {
    // SAFETY: as in `analysis_body`.
    unsafe {
        for y in 0..u.rows {
            let mut x = 0;
            while x < u.columns {
                let top = u.fine.add(2 * y * u.fine_row + 2 * x);
                let bottom = top.add(u.fine_row);
                let upper = S::add(S::load_even(top), S::load_even(top.add(1)));
                let lower = S::add(S::load_even(bottom), S::load_even(bottom.add(1)));
                let mut v = S::add(upper, lower);
                let at = u.coarse.add(y * u.coarse_row + x);
                if u.add {
                    v = S::add(v, S::load(at));
                }
                S::store_first(at, v, (u.columns - x).min(LANES));
                x += LANES;
            }
        }
    }
}
kernel! {
    /// # Safety
    /// As [`upsample`].
    upsample_grad(UpsampleArgs) = cell_sum_body
}
