//! Operations on whole tensors: kernels over all images, rows and channels, split among threads.
//!
//! Every function takes raw [`Map`]s; the executors hand in views of one graph, so shapes agree by construction and
//! outputs overlap inputs only where an operation says so.

use crate::Engine;
use crate::kernels::batchnorm::{AffineArgs, affine};
use crate::kernels::conv::{ConvArgs, MAX_TAPS, Store, conv, pack};
use crate::kernels::elementwise::{
    CoupleGradArgs, FlatArgs, FlatOp, SumArgs, couple_grad, flat, sums,
};
use crate::kernels::haar::{
    HaarArgs, UpsampleArgs, haar_analysis, haar_synthesis, upsample, upsample_grad,
};
use crate::kernels::wgrad::{CHANNELS, ENTRIES, WgradArgs, wgrad};
use crate::planes::Map;
use invdet_net::graph::ConvKind;
use std::ptr::{null, null_mut};

/// Which way a convolution is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    InputGradient,
}

/// Taps `(dy, dx)`, input step and store of a convolution or of its input gradient.
struct Plan {
    taps: &'static [(isize, isize)],
    step: usize,
    store: Store,
}

const CENTER: &[(isize, isize)] = &[(0, 0)];
const CELL: &[(isize, isize)] = &[(0, 0), (0, 1), (1, 0), (1, 1)];
const WINDOW3: &[(isize, isize)] = &window::<9>(3);
const WINDOW5: &[(isize, isize)] = &window::<25>(5);

const fn window<const N: usize>(size: usize) -> [(isize, isize); N] {
    let mut taps = [(0, 0); N];
    let mut t = 0;
    while t < N {
        taps[t] = ((t / size) as isize - (size / 2) as isize, (t % size) as isize - (size / 2) as isize);
        t += 1;
    }
    taps
}

fn plan(kind: ConvKind, direction: Direction) -> Plan {
    use ConvKind::{Down3, Fold2, Pointwise, Same3, Unfold2};
    use Direction::{Forward, InputGradient};
    let (taps, step, store) = match (kind, direction) {
        (Pointwise, _) => (CENTER, 1, Store::Plain),
        (Same3, _) => (WINDOW3, 1, Store::Plain),
        (Down3, Forward) => (WINDOW3, 2, Store::Plain),
        (Fold2, Forward) | (Unfold2, InputGradient) => (CELL, 2, Store::Plain),
        (Unfold2, Forward) | (Fold2, InputGradient) => (CENTER, 1, Store::Unfold),
        (Down3, InputGradient) => (CELL, 1, Store::Unfold),
    };
    Plan { taps, step, store }
}

/// Packs `weight` (PyTorch's layout, `inputs -> outputs` channels of the forward pass) for [`convolve`].
pub(crate) fn pack_conv(
    packed: &mut Vec<f32>,
    kind: ConvKind,
    direction: Direction,
    weight: &[f32],
    inputs: usize,
    outputs: usize,
) {
    use ConvKind::{Down3, Fold2, Pointwise, Same3, Unfold2};
    use Direction::{Forward, InputGradient};
    let t = kind.taps();
    match (kind, direction) {
        (Unfold2, Forward) => pack(packed, 4 * outputs, inputs, 1, |o, i, _| weight[(i * outputs + o / 4) * 4 + o % 4]),
        (_, Forward) => pack(packed, outputs, inputs, t, |o, i, k| weight[(o * inputs + i) * t + k]),
        (Pointwise | Same3, InputGradient) => {
            pack(packed, inputs, outputs, t, |o, i, k| weight[(i * inputs + o) * t + (t - 1 - k)]);
        }
        (Fold2, InputGradient) => {
            pack(packed, 4 * inputs, outputs, 1, |o, i, _| weight[(i * inputs + o / 4) * 4 + o % 4]);
        }
        (Unfold2, InputGradient) => pack(packed, inputs, outputs, 4, |o, i, k| weight[(o * outputs + i) * 4 + k]),
        (Down3, InputGradient) => pack(packed, 4 * inputs, outputs, 4, |o, i, k| {
            // Output pixel 2y + p gets row ky = p + 1 - 2 dy of the kernel from output gradient row y + dy.
            let kernel = |p: usize, d: usize| (p + 1).checked_sub(2 * d).filter(|k| *k < 3);
            match (kernel(o / 2 % 2, k / 2), kernel(o % 2, k % 2)) {
                (Some(ky), Some(kx)) => weight[(i * inputs + o / 4) * 9 + 3 * ky + kx],
                _ => 0.0,
            }
        }),
    }
}

/// What a convolution adds and applies at the end.
pub(crate) struct Epilogue<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) residual: Option<Map>,
    pub(crate) slope: f32,
}

impl Epilogue<'_> {
    pub(crate) const NONE: Epilogue<'static> = Epilogue { bias: None, residual: None, slope: 1.0 };
}

/// `output = act(conv(input) + bias + residual)`; in [`Direction::InputGradient`] `input` is the output gradient.
pub(crate) fn convolve(
    e: &Engine,
    kind: ConvKind,
    direction: Direction,
    input: Map,
    output: Map,
    packed: &[f32],
    end: &Epilogue<'_>,
) {
    let p = plan(kind, direction);
    let grid = if p.store == Store::Unfold { input.geometry } else { output.geometry };
    let outputs = output.channels * if p.store == Store::Unfold { 4 } else { 1 };
    let (taps, tap_count) = offsets(p.taps, input.geometry.row);
    let tasks = images_and_rows(e, input.images, grid.h, grid.vectors());
    e.pool.run(tasks.count, &|task| {
        let (image, rows) = tasks.get(task);
        // SAFETY: the maps describe padded planes of one graph; tasks write disjoint rows.
        unsafe {
            conv(e.isa, &ConvArgs {
                input: input.at(image, 0),
                in_row: input.geometry.row,
                in_plane: input.geometry.plane,
                in_channels: input.channels,
                step: p.step,
                taps,
                tap_count,
                weights: packed.as_ptr(),
                outputs,
                store: p.store,
                out: output.at(image, 0),
                out_row: output.geometry.row,
                out_plane: output.geometry.plane,
                bias: end.bias.map_or(null(), <[f32]>::as_ptr),
                residual: end.residual.map_or(null(), |r| r.at(image, 0)),
                slope: end.slope,
                columns: grid.w,
                rows,
            });
        }
    });
}

/// Packs the kernel of each channel for [`depthwise`].
pub(crate) fn pack_depthwise(packed: &mut Vec<f32>, direction: Direction, weight: &[f32], channels: usize) {
    let t = weight.len() / channels;
    packed.clear();
    let mut one = Vec::new();
    for kernel in weight.chunks_exact(t) {
        pack(&mut one, 1, 1, t, |_, _, k| if direction == Direction::Forward { kernel[k] } else { kernel[t - 1 - k] });
        packed.extend_from_slice(&one);
    }
}

/// Each channel with its own kernel; `add` adds to the output.
pub(crate) fn depthwise(e: &Engine, size: usize, input: Map, output: Map, packed: &[f32], add: bool) {
    let g = input.geometry;
    let (taps, tap_count) = offsets(if size == 3 { WINDOW3 } else { WINDOW5 }, g.row);
    let per_channel = packed.len() / input.channels;
    e.pool.run(input.images * input.channels, &|task| {
        let (image, channel) = (task / input.channels, task % input.channels);
        // SAFETY: as in `convolve`; tasks write disjoint planes.
        unsafe {
            let out = output.at(image, channel);
            conv(e.isa, &ConvArgs {
                input: input.at(image, channel),
                in_row: g.row,
                in_plane: g.plane,
                in_channels: 1,
                step: 1,
                taps,
                tap_count,
                weights: packed.as_ptr().add(channel * per_channel),
                outputs: 1,
                store: Store::Plain,
                out,
                out_row: output.geometry.row,
                out_plane: output.geometry.plane,
                bias: null(),
                residual: if add { out } else { null() },
                slope: 1.0,
                columns: g.w,
                rows: 0..g.h,
            });
        }
    });
}

fn offsets(taps: &[(isize, isize)], row: usize) -> ([isize; MAX_TAPS], usize) {
    let mut offsets = [0; MAX_TAPS];
    for (o, (dy, dx)) in offsets.iter_mut().zip(taps) {
        *o = dy * row as isize + dx;
    }
    (offsets, taps.len())
}

struct Tasks {
    bands: usize,
    rows: usize,
    count: usize,
}

impl Tasks {
    fn get(&self, task: usize) -> (usize, std::ops::Range<usize>) {
        let band = task % self.bands;
        (task / self.bands, band * self.rows / self.bands..(band + 1) * self.rows / self.bands)
    }
}

/// Enough tasks that no thread waits long for another, each large enough to fill register tiles.
fn images_and_rows(e: &Engine, images: usize, rows: usize, vectors: usize) -> Tasks {
    let threads = e.pool.threads();
    let wanted = if threads == 1 { 1 } else { (4 * threads).div_ceil(images) };
    let bands = wanted.min(rows * vectors / 12).clamp(1, rows);
    Tasks { bands, rows, count: images * bands }
}

/// Adds the weight gradient of a convolution to `out` (PyTorch's layout).
pub(crate) fn weight_gradient(e: &Engine, kind: ConvKind, input: Map, output_grad: Map, out: &mut [f32]) {
    let (a, b) = if kind == ConvKind::Unfold2 { (input, output_grad) } else { (output_grad, input) };
    let taps = match kind {
        ConvKind::Pointwise => CENTER,
        ConvKind::Same3 | ConvKind::Down3 => WINDOW3,
        ConvKind::Fold2 | ConvKind::Unfold2 => CELL,
    };
    let step = if matches!(kind, ConvKind::Pointwise | ConvKind::Same3) { 1 } else { 2 };
    correlate(e, a, b, taps, step, out);
}

/// Adds the weight gradient of a depth-wise convolution to `out`, `[channels, size, size]`.
pub(crate) fn depthwise_weight_gradient(e: &Engine, size: usize, input: Map, output_grad: Map, out: &mut [f32]) {
    let taps = if size == 3 { WINDOW3 } else { WINDOW5 };
    let single = Engine { pool: crate::pool::Pool::new(1), isa: e.isa };
    let out_ptr = SendPtr(out.as_mut_ptr());
    e.pool.run(input.channels, &|c| {
        let one = |m: Map| Map {
            // SAFETY: `c` is a channel of the map.
            start: unsafe { m.plane(0, c) },
            channels: 1,
            ..m
        };
        // SAFETY: each task has its own stretch of `out`.
        let out = unsafe { std::slice::from_raw_parts_mut(out_ptr.get().add(c * taps.len()), taps.len()) };
        correlate(&single, one(output_grad), one(input), taps, 1, out);
    });
}

#[derive(Clone, Copy)]
struct SendPtr(*mut f32);
// SAFETY: tasks write disjoint parts.
unsafe impl Send for SendPtr {}
// SAFETY: as above.
unsafe impl Sync for SendPtr {}

impl SendPtr {
    fn get(self) -> *mut f32 {
        self.0
    }
}

fn correlate(e: &Engine, a: Map, b: Map, taps: &'static [(isize, isize)], step: usize, out: &mut [f32]) {
    let entries = b.channels * taps.len();
    assert_eq!(out.len(), a.channels * entries, "gradient of another shape");
    let (tap_offsets, tap_count) = offsets(taps, b.geometry.row);
    let out_ptr = SendPtr(out.as_mut_ptr());
    let (a_tiles, b_tiles) = (a.channels.div_ceil(CHANNELS), entries.div_ceil(ENTRIES));
    // The result of a task does not depend on the number of threads: training is reproducible.
    e.pool.run(a_tiles * b_tiles, &|task| {
        let first = task / b_tiles * CHANNELS;
        let start = task % b_tiles * ENTRIES;
        // SAFETY: as in `convolve`; tasks write disjoint parts of `out`.
        unsafe {
            wgrad(e.isa, &WgradArgs {
                a: a.at(0, first),
                a_row: a.geometry.row,
                a_plane: a.geometry.plane,
                a_image: a.image,
                a_channels: CHANNELS.min(a.channels - first),
                b: b.at(0, 0),
                b_row: b.geometry.row,
                b_plane: b.geometry.plane,
                b_image: b.image,
                step,
                taps: tap_offsets,
                tap_count,
                entries: start..(start + ENTRIES).min(entries),
                images: a.images,
                rows: a.geometry.h,
                columns: a.geometry.w,
                out: out_ptr.get().add(first * entries),
                out_stride: entries,
            });
        }
    });
}

/// Element-wise operation over all images; see [`FlatOp`].
pub(crate) fn flat_op(e: &Engine, op: FlatOp, out: Map, a: Map, b: Option<Map>, c: Option<Map>) {
    let pieces = e.pool.threads();
    e.pool.run(out.images * pieces, &|task| {
        let (image, piece) = (task / pieces, task % pieces);
        // SAFETY: equal shapes; tasks write disjoint pieces of whole vectors.
        unsafe {
            let (out, len) = out.flat(image);
            let vectors = len / 16;
            let (start, end) = (piece * vectors / pieces * 16, (piece + 1) * vectors / pieces * 16);
            let at = |m: Option<Map>| m.map_or(null(), |m| m.flat(image).0.add(start).cast_const());
            let args = FlatArgs { op, out: out.add(start), a: at(Some(a)), b: at(b), c: at(c), len: end - start };
            flat(e.isa, &args);
        }
    });
}

/// Sets all channels of a view to zero.
pub(crate) fn zero(map: Map) {
    for image in 0..map.images {
        // SAFETY: the floats belong to the view.
        unsafe {
            let (p, len) = map.flat(image);
            std::slice::from_raw_parts_mut(p, len).fill(0.0);
        }
    }
}

/// Gradients of the coupling; `add_high` adds to `d_high` instead of overwriting it.
pub(crate) struct CoupleGradient {
    pub(crate) clamp: f32,
    pub(crate) d_output: Map,
    pub(crate) high: Map,
    pub(crate) scale: Map,
    pub(crate) d_high: Map,
    pub(crate) add_high: bool,
    pub(crate) d_scale: Map,
    pub(crate) d_shift: Map,
}

pub(crate) fn couple_gradient(e: &Engine, g: &CoupleGradient) {
    e.pool.run(g.high.images, &|image| {
        // SAFETY: equal shapes of one graph; images are disjoint.
        unsafe {
            let (dy, len) = g.d_output.flat(image);
            couple_grad(e.isa, &CoupleGradArgs {
                clamp: g.clamp,
                dy,
                h: g.high.flat(image).0,
                z: g.scale.flat(image).0,
                dh: g.d_high.flat(image).0,
                add_dh: g.add_high,
                dz: g.d_scale.flat(image).0,
                dr: g.d_shift.flat(image).0,
                len,
            });
        }
    });
}

/// Haar analysis of every channel, band-major.
pub(crate) fn haar(e: &Engine, input: Map, output: Map, gain: f32) {
    e.pool.run(input.images * input.channels, &|task| {
        // SAFETY: `output` has four times the channels at half the size; tasks write disjoint planes.
        unsafe { haar_analysis(e.isa, &haar_args(input, output, task, gain, false)) }
    });
}

/// Adjoint of [`haar`]: the input gradient from the output gradient.
pub(crate) fn haar_gradient(e: &Engine, d_output: Map, d_input: Map, gain: f32, add: bool) {
    e.pool.run(d_input.images * d_input.channels, &|task| {
        // SAFETY: as in `haar`.
        unsafe { haar_synthesis(e.isa, &haar_args(d_input, d_output, task, gain, add)) }
    });
}

unsafe fn haar_args(fine: Map, bands: Map, task: usize, gain: f32, add: bool) -> HaarArgs {
    let (image, c) = (task / fine.channels, task % fine.channels);
    // SAFETY: the caller's shapes.
    unsafe {
        HaarArgs {
            fine: fine.at(image, c),
            fine_row: fine.geometry.row,
            bands: std::array::from_fn(|k| bands.at(image, k * fine.channels + c)),
            band_row: bands.geometry.row,
            gain,
            rows: bands.geometry.h,
            columns: bands.geometry.w,
            add,
        }
    }
}

/// Nearest up-sampling by two.
pub(crate) fn upsample2(e: &Engine, input: Map, output: Map) {
    e.pool.run(input.images * input.channels, &|task| {
        // SAFETY: `output` has twice the size; tasks write disjoint planes.
        unsafe { upsample(e.isa, &upsample_args(input, output, task, false)) }
    });
}

/// Input gradient of [`upsample2`].
pub(crate) fn upsample2_gradient(e: &Engine, d_output: Map, d_input: Map, add: bool) {
    e.pool.run(d_input.images * d_input.channels, &|task| {
        // SAFETY: as in `upsample2`.
        unsafe { upsample_grad(e.isa, &upsample_args(d_input, d_output, task, add)) }
    });
}

unsafe fn upsample_args(coarse: Map, fine: Map, task: usize, add: bool) -> UpsampleArgs {
    let (image, c) = (task / coarse.channels, task % coarse.channels);
    // SAFETY: the caller's shapes.
    unsafe {
        UpsampleArgs {
            coarse: coarse.at(image, c),
            coarse_row: coarse.geometry.row,
            fine: fine.at(image, c),
            fine_row: fine.geometry.row,
            rows: coarse.geometry.h,
            columns: coarse.geometry.w,
            add,
        }
    }
}

/// `[sum p, sum p * q]` of each channel over the batch (`q` may be missing).
pub(crate) fn channel_sums(e: &Engine, p: Map, q: Option<Map>, out: &mut [[f64; 2]]) {
    assert_eq!(out.len(), p.channels, "one pair of sums per channel");
    let out = SumPtr(out.as_mut_ptr());
    e.pool.run(p.channels, &|c| {
        // SAFETY: equal shapes; each task has its own sums.
        unsafe {
            sums(e.isa, &SumArgs {
                p: p.plane(0, c),
                p_image: p.image,
                q: q.map_or(null(), |q| q.plane(0, c).cast_const()),
                q_image: q.map_or(0, |q| q.image),
                images: p.images,
                len: p.geometry.plane,
                sum: out.get().add(c),
            });
        }
    });
}

#[derive(Clone, Copy)]
struct SumPtr(*mut [f64; 2]);
// SAFETY: tasks write disjoint elements.
unsafe impl Send for SumPtr {}
// SAFETY: as above.
unsafe impl Sync for SumPtr {}

impl SumPtr {
    fn get(self) -> *mut [f64; 2] {
        self.0
    }
}

/// Coefficients of [`affine_channels`] for one channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Affine {
    pub(crate) x_gain: f32,
    pub(crate) y_gain: f32,
    pub(crate) offset: f32,
}

/// `out = act(x_gain * x + y_gain * y + offset + residual)` with the coefficients of each channel.
pub(crate) fn affine_channels(
    e: &Engine,
    coefficients: &[Affine],
    x: Map,
    y: Option<Map>,
    residual: Option<Map>,
    out: Map,
    slope: f32,
) {
    let g = out.geometry;
    e.pool.run(out.images * out.channels, &|task| {
        let (image, c) = (task / out.channels, task % out.channels);
        let k = coefficients[c];
        // SAFETY: equal shapes; tasks write disjoint planes.
        unsafe {
            affine(e.isa, &AffineArgs {
                x: x.at(image, c),
                y: y.map_or(null_mut(), |y| y.at(image, c)),
                residual: residual.map_or(null_mut(), |r| r.at(image, c)),
                out: out.at(image, c),
                x_gain: k.x_gain,
                y_gain: k.y_gain,
                offset: k.offset,
                slope,
                rows: g.h,
                columns: g.w,
                row: g.row,
            });
        }
    });
}
