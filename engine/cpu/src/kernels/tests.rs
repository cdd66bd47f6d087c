//! Every kernel against [`crate::reference`], on every instruction set, at sizes that do not fill vectors.

use crate::Engine;
use crate::ops::{self, Direction, Epilogue};
use crate::planes::{Geometry, Planes};
use crate::reference::{self, Dense};
use crate::simd::Isa;
use invdet_net::graph::{ConvKind, View};

fn random(shape: [usize; 4], seed: u64) -> Dense {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let data = (0..shape.iter().product()).map(|_| next()).collect();
    Dense { shape, data }
}

fn planes(d: &Dense) -> Planes {
    let [n, c, h, w] = d.shape;
    let mut p = Planes::zeros(n, c, Geometry::new(h, w));
    p.fill_from(&d.data);
    p
}

fn all(channels: usize) -> View {
    View {
        storage: 0,
        first: 0,
        channels,
    }
}

fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    let scale = want.iter().fold(1.0f32, |m, x| m.max(x.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= 3e-6 * scale * 10.0,
            "{what}: {g} against {w} at {i}"
        );
    }
}

fn engines() -> Vec<Engine> {
    Isa::available()
        .into_iter()
        .flat_map(|isa| [1, 3].map(|t| Engine::with_isa(t, isa)))
        .collect()
}

const KINDS: [ConvKind; 5] = [
    ConvKind::Pointwise,
    ConvKind::Same3,
    ConvKind::Down3,
    ConvKind::Fold2,
    ConvKind::Unfold2,
];

/// Height and width of the input; 1 to several vectors, with and without tails.
const SIZES: [(usize, usize); 5] = [(2, 2), (4, 6), (6, 16), (10, 34), (16, 80)];

/// Input and output channels: all register tiles and their remainders.
const CHANNELS: [(usize, usize); 6] = [(1, 1), (3, 2), (2, 3), (5, 12), (4, 8), (9, 17)];

#[test]
fn convolution_and_its_gradients_equal_the_reference() {
    for e in engines() {
        for kind in KINDS {
            for (k, ((h, w), (ci, co))) in SIZES
                .into_iter()
                .flat_map(|s| CHANNELS.map(|c| (s, c)))
                .enumerate()
            {
                let what = format!(
                    "{kind:?} {ci}->{co} {h}x{w} {} {} threads",
                    e.isa().name(),
                    e.pool().threads()
                );
                let x = random([2, ci, h, w], k as u64 + 1);
                let weight = random([1, 1, 1, ci * co * kind.taps()], 77).data;
                let want = reference::conv(kind, &x, &weight, co);
                let mut packed = Vec::new();
                ops::pack_conv(&mut packed, kind, Direction::Forward, &weight, ci, co);
                let (mut px, mut py) = (planes(&x), planes(&Dense::zeros(want.shape)));
                ops::convolve(
                    &e,
                    kind,
                    Direction::Forward,
                    px.map(all(ci)),
                    py.map(all(co)),
                    &packed,
                    &Epilogue::NONE,
                );
                assert_close(&py.to_dense(), &want.data, &what);
                assert!(py.padding_is_zero(), "{what}: padding");

                let dy = random(want.shape, 5);
                let (want_dx, want_dw) = reference::conv_gradients(kind, &x, &weight, &dy);
                let mut pdy = planes(&dy);
                // Starts from ones and adds, as a second reader of the input would.
                let mut pdx = planes(&Dense {
                    shape: x.shape,
                    data: vec![1.0; x.data.len()],
                });
                ops::pack_conv(&mut packed, kind, Direction::InputGradient, &weight, ci, co);
                let end = Epilogue {
                    residual: Some(pdx.map(all(ci))),
                    ..Epilogue::NONE
                };
                let (from, to) = (pdy.map(all(co)), pdx.map(all(ci)));
                ops::convolve(&e, kind, Direction::InputGradient, from, to, &packed, &end);
                let plus_one: Vec<f32> = want_dx.data.iter().map(|x| x + 1.0).collect();
                assert_close(
                    &pdx.to_dense(),
                    &plus_one,
                    &format!("{what} input gradient"),
                );
                assert!(pdx.padding_is_zero(), "{what}: padding");

                let mut dw = vec![0.0; weight.len()];
                ops::weight_gradient(&e, kind, px.map(all(ci)), pdy.map(all(co)), &mut dw);
                assert_close(&dw, &want_dw, &format!("{what} weight gradient"));
            }
        }
    }
}

#[test]
fn epilogue_adds_bias_and_residual_before_the_activation() {
    for e in engines() {
        let (x, r) = (random([1, 3, 5, 20], 1), random([1, 4, 5, 20], 2));
        let (weight, bias) = (random([1, 1, 4, 27], 3).data, [0.5, -0.5, 0.1, -0.1]);
        let want: Vec<f32> = reference::conv(ConvKind::Same3, &x, &weight, 4)
            .data
            .iter()
            .enumerate()
            .map(|(i, v)| v + bias[i / 100] + r.data[i])
            .map(|v| if v > 0.0 { v } else { 0.2 * v })
            .collect();
        let mut packed = Vec::new();
        ops::pack_conv(
            &mut packed,
            ConvKind::Same3,
            Direction::Forward,
            &weight,
            3,
            4,
        );
        let (mut px, mut pr, mut py) = (planes(&x), planes(&r), planes(&Dense::zeros(r.shape)));
        let end = Epilogue {
            bias: Some(&bias),
            residual: Some(pr.map(all(4))),
            slope: 0.2,
        };
        let (input, output) = (px.map(all(3)), py.map(all(4)));
        ops::convolve(
            &e,
            ConvKind::Same3,
            Direction::Forward,
            input,
            output,
            &packed,
            &end,
        );
        assert_close(&py.to_dense(), &want, e.isa().name());
    }
}

#[test]
fn depthwise_and_its_gradients_equal_the_reference() {
    for e in engines() {
        for size in [3, 5] {
            for (h, w) in SIZES {
                let what = format!("depthwise {size} {h}x{w} {}", e.isa().name());
                let x = random([2, 3, h, w], 4);
                let weight = random([1, 3, size, size], 5).data;
                let mut packed = Vec::new();
                ops::pack_depthwise(&mut packed, Direction::Forward, &weight, 3);
                let (mut px, mut py) = (planes(&x), planes(&Dense::zeros(x.shape)));
                ops::depthwise(&e, size, px.map(all(3)), py.map(all(3)), &packed, false);
                assert_close(
                    &py.to_dense(),
                    &reference::depthwise(&x, &weight, size).data,
                    &what,
                );

                let dy = random(x.shape, 6);
                let flipped: Vec<f32> = weight
                    .chunks_exact(size * size)
                    .flat_map(|k| k.iter().rev().copied())
                    .collect();
                ops::pack_depthwise(&mut packed, Direction::InputGradient, &weight, 3);
                let (mut pdy, mut pdx) = (planes(&dy), planes(&Dense::zeros(x.shape)));
                ops::depthwise(&e, size, pdy.map(all(3)), pdx.map(all(3)), &packed, false);
                assert_close(
                    &pdx.to_dense(),
                    &reference::depthwise(&dy, &flipped, size).data,
                    &what,
                );
                assert!(pdx.padding_is_zero());

                // The weight gradient is linear: compare with the derivative along each weight.
                let mut dw = vec![0.0; weight.len()];
                ops::depthwise_weight_gradient(&e, size, px.map(all(3)), pdy.map(all(3)), &mut dw);
                let want: Vec<f32> = (0..weight.len())
                    .map(|k| {
                        let mut unit = vec![0.0; weight.len()];
                        unit[k] = 1.0;
                        let y = reference::depthwise(&x, &unit, size);
                        y.data
                            .iter()
                            .zip(&dy.data)
                            .map(|(a, b)| f64::from(a * b))
                            .sum::<f64>() as f32
                    })
                    .collect();
                assert_close(&dw, &want, &what);
            }
        }
    }
}

#[test]
fn haar_has_the_published_vector_and_its_gradient_is_its_transpose() {
    for e in engines() {
        let one = Dense {
            shape: [1, 1, 2, 2],
            data: vec![1.0, 2.0, 3.0, 4.0],
        };
        let (mut x, mut y) = (planes(&one), planes(&Dense::zeros([1, 4, 1, 1])));
        ops::haar(&e, x.map(all(1)), y.map(all(4)), 0.5);
        assert_eq!(y.to_dense(), [5.0, -1.0, -2.0, 0.0]);

        for (h, w) in [(2, 2), (6, 36), (4, 64)] {
            let image = random([2, 3, h, w], 9);
            let (mut x, mut y) = (planes(&image), planes(&Dense::zeros([2, 12, h / 2, w / 2])));
            ops::haar(&e, x.map(all(3)), y.map(all(12)), 0.5);
            assert_close(&y.to_dense(), &reference::haar(&image, 0.5).data, "haar");
            // Orthonormal: the transpose is the inverse.
            let mut back = planes(&Dense::zeros(image.shape));
            ops::haar_gradient(&e, y.map(all(12)), back.map(all(3)), 0.5, false);
            assert_close(&back.to_dense(), &image.data, "inverse haar");
            assert!(back.padding_is_zero() && y.padding_is_zero());
        }
    }
}

#[test]
fn upsampling_repeats_and_its_gradient_sums() {
    for e in engines() {
        let small = random([1, 2, 3, 20], 3);
        let (mut x, mut y) = (planes(&small), planes(&Dense::zeros([1, 2, 6, 40])));
        ops::upsample2(&e, x.map(all(2)), y.map(all(2)));
        let got = y.to_dense();
        for (i, v) in got.iter().enumerate() {
            let (c, row, col) = (i / 240, i / 40 % 6, i % 40);
            assert_eq!(*v, small.get(0, c, (row / 2) as isize, (col / 2) as isize));
        }
        let mut dx = planes(&small);
        ops::upsample2_gradient(&e, y.map(all(2)), dx.map(all(2)), true);
        let want: Vec<f32> = small.data.iter().map(|v| 5.0 * v).collect();
        assert_close(&dx.to_dense(), &want, "sum of four and what was there");
        assert!(dx.padding_is_zero());
    }
}
