//! Affine coupling and its inverse.

use super::dense::{assert_close, narrow, random, wide};
use super::numeric::assert_gradient;
use super::tensor::{Bench, Tensor};
use crate::launcher::{Launcher, Map, Put};
use crate::ops::elementwise::{CoupleGradients, CoupleInputs};
use invdet_cpu::reference::Dense;

const CLAMPS: [f32; 2] = [1.0, 2.0];
const SHAPES: [[usize; 4]; 3] = [[1, 1, 1, 1], [2, 3, 5, 7], [3, 12, 9, 11]];

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Couple,
    Uncouple,
}

impl Way {
    /// Plain code: one site.
    fn output(self, clamp: f64, [high, scale, shift]: [f64; 3]) -> f64 {
        let e = (clamp * (scale / 2.0).tanh()).exp();
        match self {
            Way::Couple => high * e + shift,
            Way::Uncouple => (high - shift) / e,
        }
    }

    /// Plain code: derivatives by high, scale and shift.
    fn derivatives(self, clamp: f64, [high, scale, shift]: [f64; 3]) -> [f64; 3] {
        let t = (scale / 2.0).tanh();
        let slope = clamp / 2.0 * (1.0 - t * t);
        match self {
            Way::Couple => {
                let e = (clamp * t).exp();
                [e, high * e * slope, 1.0]
            }
            Way::Uncouple => {
                let e = (-clamp * t).exp();
                [e, -(high - shift) * e * slope, -e]
            }
        }
    }
}

pub(super) fn couple_equals_plain_code<L: Launcher>(l: &L) {
    equals_plain_code(l, Way::Couple);
}

pub(super) fn uncouple_equals_plain_code<L: Launcher>(l: &L) {
    equals_plain_code(l, Way::Uncouple);
}

fn equals_plain_code<L: Launcher>(l: &L, way: Way) {
    let bench = Bench::new(l, 0);
    let ops = bench.ops();
    for (shape, clamp) in SHAPES.into_iter().flat_map(|s| CLAMPS.map(|c| (s, c))) {
        let what = format!("{way:?} {shape:?} clamp {clamp}");
        let mut inputs = [1, 2, 3].map(|seed| random(shape, seed));
        // Scales beyond the linear part of tanh.
        inputs[1].data.iter_mut().for_each(|v| *v *= 4.0);
        let cotangent = random(shape, 4);
        let sites: Vec<[f64; 3]> = (0..cotangent.data.len())
            .map(|i| [0, 1, 2].map(|k| f64::from(inputs[k].data[i])))
            .collect();
        let c = f64::from(clamp);
        let want: Vec<f64> = sites.iter().map(|s| way.output(c, *s)).collect();
        let [ref high, ref scale, ref shift] = inputs.map(|d| Tensor::of(l, &d));
        let y = Tensor::filled(l, shape, 9.0);
        let from = CoupleInputs {
            high: high.map(),
            scale: scale.map(),
            shift: shift.map(),
            clamp,
        };
        match way {
            Way::Couple => ops.couple(&from, y.map()),
            Way::Uncouple => ops.uncouple(&from, y.map()),
        }
        .unwrap();
        assert_close(&y.values(), &narrow(&want), &what);

        let dy = wide(&cotangent.data);
        let derivatives: Vec<[f64; 3]> = sites.iter().map(|s| way.derivatives(c, *s)).collect();
        for k in 0..3 {
            let gradient: Vec<f64> = derivatives.iter().zip(&dy).map(|(d, g)| d[k] * g).collect();
            let x: Vec<f64> = sites.iter().map(|s| s[k]).collect();
            let f = |x: &[f64]| -> Vec<f64> {
                let mut moved = sites.clone();
                moved.iter_mut().zip(x).for_each(|(s, x)| s[k] = *x);
                moved.iter().map(|s| way.output(c, *s)).collect()
            };
            assert_gradient(&x, &dy, &gradient, f, &format!("{what} input {k}"));
        }
        let tdy = Tensor::of(l, &cotangent);
        let to = [0, 1, 2].map(|_| Tensor::filled(l, shape, 1.0));
        // Set, added, and set: each must do as it is told.
        let puts = [Put::Set, Put::Add, Put::Set];
        let gradients = CoupleGradients {
            high: (to[0].map(), puts[0]),
            scale: (to[1].map(), puts[1]),
            shift: (to[2].map(), puts[2]),
        };
        let run = |gradients: &CoupleGradients| {
            match way {
                Way::Couple => ops.couple_gradient(&from, tdy.map(), gradients),
                Way::Uncouple => ops.uncouple_gradient(&from, tdy.map(), gradients),
            }
            .unwrap();
        };
        let check = |k: usize, there: f64, what: &str| {
            let want: Vec<f64> = derivatives
                .iter()
                .zip(&dy)
                .map(|(d, g)| d[k] * g + there)
                .collect();
            assert_close(&to[k].values(), &narrow(&want), what);
        };
        run(&gradients);
        check(0, 0.0, &format!("{what} d high"));
        check(1, 1.0, &format!("{what} d scale"));
        check(2, 0.0, &format!("{what} d shift"));
        // Nobody wants any of them.
        let none = (Map::NONE, Put::Set);
        run(&CoupleGradients {
            high: none,
            scale: none,
            shift: none,
        });
        check(0, 0.0, &format!("{what} d high, unwanted"));
    }
}

pub(super) fn uncouple_undoes_couple<L: Launcher>(l: &L) {
    let shape = [2, 3, 5, 7];
    let [high, scale, shift] = [1, 2, 3].map(|seed| random(shape, seed));
    let bench = Bench::new(l, 0);
    let of = |d: &Dense| Tensor::of(l, d);
    let (th, tz, tr) = (of(&high), of(&scale), of(&shift));
    let (y, back) = (Tensor::filled(l, shape, 9.0), Tensor::filled(l, shape, 9.0));
    let with = |high: &Tensor<'_, L>| CoupleInputs {
        high: high.map(),
        scale: tz.map(),
        shift: tr.map(),
        clamp: 2.0,
    };
    bench.ops().couple(&with(&th), y.map()).unwrap();
    bench.ops().uncouple(&with(&y), back.map()).unwrap();
    assert_close(&back.values(), &high.data, "there and back");
}
