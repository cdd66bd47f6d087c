//! Up-sampling, copies, differences, the way back through an activation.

use super::dense::{assert_close, random};
use super::tensor::{Bench, Tensor};
use crate::launcher::{Launcher, Put};

pub(super) fn upsampling_repeats_and_sums<L: Launcher>(l: &L) {
    let bench = Bench::new(l, 0);
    let ops = bench.ops();
    for (c, h, w) in [(1, 1, 1), (2, 3, 20), (5, 7, 9)] {
        let small = random([2, c, h, w], 3);
        let x = Tensor::of(l, &small);
        let y = Tensor::filled(l, [2, c, 2 * h, 2 * w], 9.0);
        ops.upsample(x.map(), y.map()).unwrap();
        for (i, v) in y.values().iter().enumerate() {
            let (column, row, plane) = (i % (2 * w), i / (2 * w) % (2 * h), i / (4 * h * w));
            let want = small.data[plane * h * w + row / 2 * w + column / 2];
            assert_eq!(*v, want, "value {i} of {c}x{h}x{w}");
        }
        let d_fine = random([2, c, 2 * h, 2 * w], 4);
        let want: Vec<f32> = (0..2 * c * h * w)
            .map(|i| {
                let (column, row, plane) = (i % w, i / w % h, i / (h * w));
                let at = |dy: usize, dx: usize| {
                    d_fine.data[plane * 4 * h * w + (2 * row + dy) * 2 * w + 2 * column + dx]
                };
                1.0 + at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)
            })
            .collect();
        let (from, to) = (Tensor::of(l, &d_fine), Tensor::filled(l, small.shape, 1.0));
        ops.upsample_gradient(from.map(), to.map(), Put::Add)
            .unwrap();
        assert_close(&to.values(), &want, "sum of four and what was there");
    }
}

pub(super) fn copies_and_differences<L: Launcher>(l: &L) {
    let bench = Bench::new(l, 0);
    let ops = bench.ops();
    for shape in [[1, 1, 1, 1], [2, 3, 5, 7], [2, 4, 17, 31]] {
        let (a, b) = (random(shape, 1), random(shape, 2));
        let (ta, tb) = (Tensor::of(l, &a), Tensor::of(l, &b));
        let out = Tensor::filled(l, shape, 9.0);
        let each = |f: &dyn Fn(f32, f32) -> f32| -> Vec<f32> {
            a.data.iter().zip(&b.data).map(|(a, b)| f(*a, *b)).collect()
        };
        ops.scaled_copy(ta.map(), out.map(), 1.0, Put::Set).unwrap();
        assert_eq!(out.values(), a.data);
        ops.scaled_copy(tb.map(), out.map(), -1.0, Put::Add)
            .unwrap();
        assert_close(&out.values(), &each(&|a, b| a - b), "a and minus b");
        ops.subtract(tb.map(), ta.map(), out.map()).unwrap();
        assert_close(&out.values(), &each(&|a, b| b - a), "b - a");
        ops.clear(out.map()).unwrap();
        assert!(out.values().iter().all(|v| *v == 0.0));
    }
}

pub(super) fn activation_gradient<L: Launcher>(l: &L) {
    let bench = Bench::new(l, 0);
    for slope in [0.0, 0.2] {
        let shape = [2, 3, 5, 7];
        let (mut y, g) = (random(shape, 1), random(shape, 2));
        y.data[0] = 0.0;
        let want: Vec<f32> = y
            .data
            .iter()
            .zip(&g.data)
            .map(|(y, g)| if *y > 0.0 { *g } else { slope * g })
            .collect();
        let (ty, tg) = (Tensor::of(l, &y), Tensor::of(l, &g));
        bench
            .ops()
            .activation_gradient(tg.map(), ty.map(), slope)
            .unwrap();
        assert_close(&tg.values(), &want, &format!("slope {slope}"));
    }
}
