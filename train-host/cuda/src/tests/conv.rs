//! Dense convolutions of every kind.

use super::dense::{assert_close, numbers, random};
use super::tensor::{Array, Bench, Tensor};
use crate::launcher::{Launcher, Map, Put};
use crate::ops::conv::{Epilogue, scratch_floats};
use crate::ops::sums;
use invdet_cpu::reference;
use invdet_net::graph::ConvKind;

pub(super) const KINDS: [ConvKind; 5] = [
    ConvKind::Pointwise,
    ConvKind::Same3,
    ConvKind::Down3,
    ConvKind::Fold2,
    ConvKind::Unfold2,
];

/// Height and width of the input; rows of less and of more than a block of threads.
const SIZES: [(usize, usize); 4] = [(2, 2), (4, 6), (10, 34), (26, 30)];

/// The kinds that do not halve.
const ODD_SIZES: [(usize, usize); 3] = [(1, 1), (3, 5), (13, 7)];

/// Input and output channels: whole tiles and remainders of both kernels.
const CHANNELS: [(usize, usize); 6] = [(1, 1), (3, 2), (2, 3), (5, 12), (4, 8), (9, 17)];

pub(super) fn equal_the_reference<L: Launcher>(l: &L) {
    for kind in KINDS {
        let odd = match kind {
            ConvKind::Down3 | ConvKind::Fold2 => &[][..],
            _ => &ODD_SIZES,
        };
        for size in SIZES.iter().chain(odd) {
            for channels in CHANNELS {
                equals_the_reference(l, kind, *size, channels);
            }
        }
    }
}

pub(super) fn equals_the_reference<L: Launcher>(
    l: &L,
    kind: ConvKind,
    (h, w): (usize, usize),
    (ci, co): (usize, usize),
) {
    let what = format!("{kind:?} {ci}->{co} {h}x{w}");
    let x = random([2, ci, h, w], (h * w + ci) as u64);
    let weight = numbers(ci * co * kind.taps(), 77);
    let want = reference::conv(kind, &x, &weight, co);
    let smaller = (h * w).min(want.shape[2] * want.shape[3]);
    let pixels = want.shape[2] * want.shape[3];
    let scratch = scratch_floats(kind, ci, co, smaller).max(sums::scratch_floats(co, pixels));
    let bench = Bench::new(l, scratch);
    let ops = bench.ops();
    let (tx, tw) = (Tensor::of(l, &x), Array::of(l, &weight));
    let ty = Tensor::filled(l, want.shape, 9.0);
    ops.conv(kind, (tx.map(), ty.map()), tw.at(), &Epilogue::NONE)
        .unwrap();
    assert_close(&ty.values(), &want.data, &what);

    let dy = random(want.shape, 5);
    let (want_dx, want_dw) = reference::conv_gradients(kind, &x, &weight, &dy);
    let tdy = Tensor::of(l, &dy);
    let tdx = Tensor::filled(l, x.shape, 9.0);
    ops.conv_input_gradient(kind, (tdy.map(), tdx.map()), tw.at(), Put::Set)
        .unwrap();
    assert_close(&tdx.values(), &want_dx.data, &format!("{what} dx"));
    ops.conv_input_gradient(kind, (tdy.map(), tdx.map()), tw.at(), Put::Add)
        .unwrap();
    let twice: Vec<f32> = want_dx.data.iter().map(|v| 2.0 * v).collect();
    assert_close(&tdx.values(), &twice, &format!("{what} dx added"));

    // Gradients of parameters are always added: they may be shared.
    let gradient = Array::of(l, &vec![1.0; weight.len()]);
    ops.conv_weight_gradient(kind, tx.map(), tdy.map(), gradient.at())
        .unwrap();
    let plus_one: Vec<f32> = want_dw.iter().map(|v| v + 1.0).collect();
    assert_close(&gradient.values(), &plus_one, &format!("{what} dw"));

    let bias = Array::of(l, &vec![1.0; co]);
    ops.bias_gradient(tdy.map(), bias.at()).unwrap();
    let plane = want.shape[2] * want.shape[3];
    let sums: Vec<f32> = (0..co)
        .map(|c| {
            let of = |n: usize| &dy.data[(n * co + c) * plane..(n * co + c + 1) * plane];
            let sum: f64 = of(0).iter().chain(of(1)).map(|v| f64::from(*v)).sum();
            sum as f32 + 1.0
        })
        .collect();
    assert_close(&bias.values(), &sums, &format!("{what} bias"));
}

pub(super) fn epilogue_comes_before_the_activation<L: Launcher>(l: &L) {
    for kind in [ConvKind::Same3, ConvKind::Unfold2] {
        for slope in [1.0, 0.2, 0.0] {
            let x = random([2, 3, 5, 9], 1);
            let weight = numbers(4 * 3 * kind.taps(), 3);
            let bias = [0.5, -0.5, 0.1, -0.1];
            let sums = reference::conv(kind, &x, &weight, 4);
            let r = random(sums.shape, 2);
            let plane = sums.shape[2] * sums.shape[3];
            let want: Vec<f32> = sums
                .data
                .iter()
                .enumerate()
                .map(|(i, v)| v + bias[i / plane % 4] + r.data[i])
                .map(|v| if v > 0.0 { v } else { slope * v })
                .collect();
            let bench = Bench::new(l, scratch_floats(kind, 3, 4, 45));
            let (tx, tr) = (Tensor::of(l, &x), Tensor::of(l, &r));
            let (tw, tb) = (Array::of(l, &weight), Array::of(l, &bias));
            let ty = Tensor::filled(l, sums.shape, 9.0);
            let end = Epilogue {
                bias: tb.at(),
                residual: tr.map(),
                slope,
            };
            let maps = (tx.map(), ty.map());
            bench.ops().conv(kind, maps, tw.at(), &end).unwrap();
            assert_close(&ty.values(), &want, &format!("{kind:?} slope {slope}"));

            let alone = Epilogue {
                residual: Map::NONE,
                ..end
            };
            bench.ops().conv(kind, maps, tw.at(), &alone).unwrap();
            let biased: Vec<f32> = sums
                .data
                .iter()
                .enumerate()
                .map(|(i, v)| v + bias[i / plane % 4])
                .map(|v| if v > 0.0 { v } else { slope * v })
                .collect();
            assert_close(&ty.values(), &biased, &format!("{kind:?} without residual"));
        }
    }
}
