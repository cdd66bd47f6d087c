//! `out = x * a - b * blur(x)` and its adjoint.

use super::dense::{assert_close, narrow, random, wide};
use super::numeric::assert_gradient;
use super::tensor::{Bench, Tensor};
use crate::launcher::{Launcher, Put};
use crate::ops::modulate::Blur;

/// Plain code: a picture of `h` x `w` pixels blurred with the binomial kernel of `radius`, reflected at its borders.
fn blur(x: &[f64], h: usize, w: usize, radius: usize) -> Vec<f64> {
    let kernel: &[f64] = match radius {
        1 => &[0.25, 0.5, 0.25],
        _ => &[0.0625, 0.25, 0.375, 0.25, 0.0625],
    };
    let reflect = |i: isize, n: usize| -> usize {
        let last = n as isize - 1;
        (if i < 0 {
            -i
        } else if i > last {
            2 * last - i
        } else {
            i
        }) as usize
    };
    let mut out = vec![0.0; h * w];
    for (i, value) in out.iter_mut().enumerate() {
        for (j, ky) in kernel.iter().enumerate() {
            for (k, kx) in kernel.iter().enumerate() {
                let y = reflect((i / w + j) as isize - radius as isize, h);
                let x_ = reflect((i % w + k) as isize - radius as isize, w);
                *value += ky * kx * x[y * w + x_];
            }
        }
    }
    out
}

pub(super) fn equals_plain_code<L: Launcher>(l: &L) {
    let bench = Bench::new(l, 0);
    for radius in [0, 1, 2] {
        for (n, c, h, w) in [(1, 1, 3, 3), (2, 3, 3, 8), (2, 2, 7, 4), (1, 5, 9, 13)] {
            let what = format!("radius {radius}, {n}x{c}x{h}x{w}");
            let x = random([n, c, h, w], 1);
            let [a, b] = [2, 3].map(|seed| random([n, 1, h, w], seed));
            let (wa, wb) = (wide(&a.data), wide(&b.data));
            let plain = |x: &[f64]| -> Vec<f64> {
                let planes = x.chunks_exact(h * w).enumerate();
                planes
                    .flat_map(|(i, plane)| {
                        let maps = i / c * h * w..(i / c + 1) * h * w;
                        let blurred = match radius {
                            0 => vec![0.0; h * w],
                            r => blur(plane, h, w, r),
                        };
                        let (a, b) = (&wa[maps.clone()], &wb[maps]);
                        (0..h * w)
                            .map(|k| plane[k] * a[k] - b[k] * blurred[k])
                            .collect::<Vec<f64>>()
                    })
                    .collect()
            };
            let [tx, ta, tb] = [&x, &a, &b].map(|d| Tensor::of(l, d));
            let ty = Tensor::filled(l, x.shape, 9.0);
            let with = (radius > 0).then(|| Blur {
                weight: tb.map(),
                radius,
            });
            let ops = bench.ops();
            ops.modulate(tx.map(), ta.map(), with, ty.map()).unwrap();
            let point = wide(&x.data);
            assert_close(&ty.values(), &narrow(&plain(&point)), &what);

            let dy = random(x.shape, 4);
            let tdy = Tensor::of(l, &dy);
            let tdx = Tensor::filled(l, x.shape, 1.0);
            let run = |put| {
                let to = (tdx.map(), put);
                ops.modulate_gradient(tdy.map(), ta.map(), with, to)
                    .unwrap();
                tdx.values()
            };
            // The operation is linear: the gradient is exactly dy times the image of each unit vector.
            let cotangent = wide(&dy.data);
            let want: Vec<f64> = (0..point.len())
                .map(|i| {
                    let mut unit = vec![0.0; point.len()];
                    unit[i] = 1.0;
                    plain(&unit)
                        .iter()
                        .zip(&cotangent)
                        .map(|(y, g)| y * g)
                        .sum()
                })
                .collect();
            assert_gradient(&point, &cotangent, &want, plain, &what);
            assert_close(&run(Put::Set), &narrow(&want), &format!("{what} dx"));
            let twice: Vec<f64> = want.iter().map(|v| 2.0 * v).collect();
            assert_close(&run(Put::Add), &narrow(&twice), &format!("{what} dx added"));
        }
    }
}
