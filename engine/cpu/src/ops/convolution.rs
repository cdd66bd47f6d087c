//! Dense and depth-wise convolutions and their input gradients.

use crate::Engine;
use crate::kernels::conv::{ConvArgs, MAX_TAPS, Store, conv, pack};
use crate::planes::Map;
use invdet_net::graph::ConvKind;
use std::ptr::null;

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

pub(super) const CENTER: &[(isize, isize)] = &[(0, 0)];
pub(super) const CELL: &[(isize, isize)] = &[(0, 0), (0, 1), (1, 0), (1, 1)];
pub(super) const WINDOW3: &[(isize, isize)] = &window::<9>(3);
pub(super) const WINDOW5: &[(isize, isize)] = &window::<25>(5);

const fn window<const N: usize>(size: usize) -> [(isize, isize); N] {
    let mut taps = [(0, 0); N];
    let mut t = 0;
    while t < N {
        taps[t] = (
            (t / size) as isize - (size / 2) as isize,
            (t % size) as isize - (size / 2) as isize,
        );
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
        (Unfold2, Forward) => pack(packed, 4 * outputs, inputs, 1, |o, i, _| {
            weight[(i * outputs + o / 4) * 4 + o % 4]
        }),
        (_, Forward) => pack(packed, outputs, inputs, t, |o, i, k| {
            weight[(o * inputs + i) * t + k]
        }),
        (Pointwise | Same3, InputGradient) => {
            pack(packed, inputs, outputs, t, |o, i, k| {
                weight[(i * inputs + o) * t + (t - 1 - k)]
            });
        }
        (Fold2, InputGradient) => {
            pack(packed, 4 * inputs, outputs, 1, |o, i, _| {
                weight[(i * inputs + o / 4) * 4 + o % 4]
            });
        }
        (Unfold2, InputGradient) => pack(packed, inputs, outputs, 4, |o, i, k| {
            weight[(o * outputs + i) * 4 + k]
        }),
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
    pub(crate) const NONE: Epilogue<'static> = Epilogue {
        bias: None,
        residual: None,
        slope: 1.0,
    };
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
    let grid = if p.store == Store::Unfold {
        input.geometry
    } else {
        output.geometry
    };
    let outputs = output.channels * if p.store == Store::Unfold { 4 } else { 1 };
    let (taps, tap_count) = offsets(p.taps, input.geometry.row);
    let tasks = images_and_rows(e, input.images, grid.h, grid.vectors());
    e.pool.run(tasks.count, &|task| {
        let (image, rows) = tasks.get(task);
        // SAFETY: the maps describe padded planes of one graph; tasks write disjoint rows.
        unsafe {
            conv(
                e.isa,
                &ConvArgs {
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
                },
            );
        }
    });
}

/// Packs the kernel of each channel for [`depthwise`].
pub(crate) fn pack_depthwise(
    packed: &mut Vec<f32>,
    direction: Direction,
    weight: &[f32],
    channels: usize,
) {
    let t = weight.len() / channels;
    packed.clear();
    let mut one = Vec::new();
    for kernel in weight.chunks_exact(t) {
        pack(&mut one, 1, 1, t, |_, _, k| {
            if direction == Direction::Forward {
                kernel[k]
            } else {
                kernel[t - 1 - k]
            }
        });
        packed.extend_from_slice(&one);
    }
}

/// Each channel with its own kernel; `add` adds to the output.
pub(crate) fn depthwise(
    e: &Engine,
    size: usize,
    input: Map,
    output: Map,
    packed: &[f32],
    add: bool,
) {
    let g = input.geometry;
    let (taps, tap_count) = offsets(if size == 3 { WINDOW3 } else { WINDOW5 }, g.row);
    let per_channel = packed.len() / input.channels;
    e.pool.run(input.images * input.channels, &|task| {
        let (image, channel) = (task / input.channels, task % input.channels);
        // SAFETY: as in `convolve`; tasks write disjoint planes.
        unsafe {
            let out = output.at(image, channel);
            conv(
                e.isa,
                &ConvArgs {
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
                },
            );
        }
    });
}

pub(super) fn offsets(taps: &[(isize, isize)], row: usize) -> ([isize; MAX_TAPS], usize) {
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
        (
            task / self.bands,
            band * self.rows / self.bands..(band + 1) * self.rows / self.bands,
        )
    }
}

/// Enough tasks that no thread waits long for another, each large enough to fill register tiles.
fn images_and_rows(e: &Engine, images: usize, rows: usize, vectors: usize) -> Tasks {
    let threads = e.pool.threads();
    let wanted = if threads == 1 {
        1
    } else {
        (4 * threads).div_ceil(images)
    };
    let bands = wanted.min(rows * vectors / 12).clamp(1, rows);
    Tasks {
        bands,
        rows,
        count: images * bands,
    }
}
