//! Convolutions of each channel by itself.

use super::dense::{assert_close, random};
use super::tensor::{Array, Bench, Tensor};
use crate::launcher::{Launcher, Put};
use crate::ops::depthwise::{Turn, scratch_floats};
use invdet_cpu::reference;

pub(super) fn equals_the_reference<L: Launcher>(l: &L) {
    for size in [3, 5] {
        for (h, w) in [(1, 1), (2, 3), (3, 7), (10, 34), (31, 33)] {
            for channels in [1, 3, 8] {
                let what = format!("depthwise {size} {channels} channels {h}x{w}");
                let x = random([2, channels, h, w], 4);
                let weight = random([1, channels, size, size], 5).data;
                let bench = Bench::new(l, scratch_floats(channels, size, h * w));
                let ops = bench.ops();
                let (tx, tw) = (Tensor::of(l, &x), Array::of(l, &weight));
                let ty = Tensor::filled(l, x.shape, 9.0);
                let run = |turn, from: &Tensor<'_, L>, to: &Tensor<'_, L>, put| {
                    let maps = (from.map(), to.map());
                    ops.depthwise(size, turn, maps, tw.at(), put).unwrap();
                };
                run(Turn::AsStored, &tx, &ty, Put::Set);
                let want = reference::depthwise(&x, &weight, size).data;
                assert_close(&ty.values(), &want, &what);

                let dy = random(x.shape, 6);
                let turned: Vec<f32> = weight
                    .chunks_exact(size * size)
                    .flat_map(|k| k.iter().rev().copied())
                    .collect();
                let tdy = Tensor::of(l, &dy);
                let tdx = Tensor::filled(l, x.shape, 1.0);
                run(Turn::Turned, &tdy, &tdx, Put::Add);
                let want = reference::depthwise(&dy, &turned, size).data;
                let plus_one: Vec<f32> = want.iter().map(|v| v + 1.0).collect();
                assert_close(&tdx.values(), &plus_one, &format!("{what} dx"));

                // The output is linear in each weight: its derivative is the output of that weight alone.
                let gradient = Array::of(l, &vec![1.0; weight.len()]);
                ops.depthwise_weight(size, tx.map(), tdy.map(), gradient.at())
                    .unwrap();
                let want: Vec<f32> = (0..weight.len())
                    .map(|k| {
                        let mut unit = vec![0.0; weight.len()];
                        unit[k] = 1.0;
                        let y = reference::depthwise(&x, &unit, size);
                        let product = y.data.iter().zip(&dy.data);
                        let sum: f64 = product.map(|(a, b)| f64::from(a * b)).sum();
                        sum as f32 + 1.0
                    })
                    .collect();
                assert_close(&gradient.values(), &want, &format!("{what} dw"));
            }
        }
    }
}
