//! Batch normalisation with batch and with frozen statistics.

use super::dense::{assert_close, narrow, numbers, random, wide};
use super::numeric::assert_gradient;
use super::tensor::{Array, Bench, Tensor};
use crate::launcher::{Launcher, Map, Put};
use crate::ops::batch_norm::{GainOffset, Running, Saved, saved_floats};
use crate::ops::sums;
use invdet_cpu::reference::Dense;
use invdet_cpu::training::{BATCH_NORM_MOMENTUM, Statistics};
use invdet_net::graph::BATCH_NORM_EPS;

const SHAPES: [[usize; 4]; 4] = [[1, 1, 1, 3], [2, 3, 5, 7], [3, 5, 9, 4], [2, 2, 40, 41]];
const MODES: [Statistics; 2] = [Statistics::Batch, Statistics::Frozen];

/// A case: input, running statistics, gain and offset.
struct Case {
    x: Dense,
    mean: Vec<f32>,
    variance: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
}

impl Case {
    fn new(shape: [usize; 4]) -> Self {
        let c = shape[1];
        let mut x = random(shape, 1);
        // Not centred, and of different spread.
        let plane = shape[2] * shape[3];
        for (i, v) in x.data.iter_mut().enumerate() {
            let channel = i / plane % c;
            *v = *v * (1.0 + channel as f32) + 2.0;
        }
        Self {
            x,
            mean: numbers(c, 2),
            variance: numbers(c, 3).iter().map(|v| v + 1.5).collect(),
            gain: numbers(c, 4),
            offset: numbers(c, 5),
        }
    }

    /// Plain code: mean and variance of each channel.
    fn statistics(&self, x: &[f64], mode: Statistics) -> Vec<[f64; 2]> {
        let [n, c, h, w] = self.x.shape;
        let count = (n * h * w) as f64;
        (0..c)
            .map(|channel| {
                if mode == Statistics::Frozen {
                    return [
                        f64::from(self.mean[channel]),
                        f64::from(self.variance[channel]),
                    ];
                }
                let of = |i: &usize| i / (h * w) % c == channel;
                let values: Vec<f64> = (0..x.len()).filter(of).map(|i| x[i]).collect();
                let mean = values.iter().sum::<f64>() / count;
                let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
                [mean, variance]
            })
            .collect()
    }

    /// Plain code: normalised, without gain and offset.
    fn normalised(&self, x: &[f64], mode: Statistics) -> Vec<f64> {
        let statistics = self.statistics(x, mode);
        let plane = self.x.shape[2] * self.x.shape[3];
        x.iter()
            .enumerate()
            .map(|(i, v)| {
                let [mean, variance] = statistics[i / plane % statistics.len()];
                (v - mean) / (variance + f64::from(BATCH_NORM_EPS)).sqrt()
            })
            .collect()
    }

    /// Plain code: with gain and offset, no activation.
    fn output(&self, x: &[f64], gain: &[f64], offset: &[f64], mode: Statistics) -> Vec<f64> {
        let plane = self.x.shape[2] * self.x.shape[3];
        self.normalised(x, mode)
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let c = i / plane % gain.len();
                gain[c] * v + offset[c]
            })
            .collect()
    }

    fn pixels(&self) -> usize {
        self.x.shape[2] * self.x.shape[3]
    }
}

/// The case on a device, statistics taken.
struct Loaded<'a, L: Launcher> {
    x: Tensor<'a, L>,
    mean: Array<'a, L>,
    variance: Array<'a, L>,
    gain: Array<'a, L>,
    offset: Array<'a, L>,
    saved: Array<'a, L>,
    bench: Bench<'a, L>,
}

impl<'a, L: Launcher> Loaded<'a, L> {
    fn new(l: &'a L, case: &Case, mode: Statistics) -> Self {
        let channels = case.x.shape[1];
        let loaded = Self {
            x: Tensor::of(l, &case.x),
            mean: Array::of(l, &case.mean),
            variance: Array::of(l, &case.variance),
            gain: Array::of(l, &case.gain),
            offset: Array::of(l, &case.offset),
            saved: Array::of(l, &vec![9.0; saved_floats(channels)]),
            bench: Bench::new(l, sums::scratch_floats(channels, case.pixels())),
        };
        let running = Running {
            mean: loaded.mean.at(),
            variance: loaded.variance.at(),
        };
        let saved = Saved(loaded.saved.at());
        let x = loaded.x.map();
        loaded
            .bench
            .ops()
            .batch_norm_statistics(x, running, mode, saved)
            .unwrap();
        loaded
    }
}

pub(super) fn forward_equals_plain_code<L: Launcher>(l: &L) {
    for (shape, mode) in SHAPES.into_iter().flat_map(|s| MODES.map(|m| (s, m))) {
        let what = format!("batch norm {shape:?} {mode:?}");
        let case = Case::new(shape);
        let on = Loaded::new(l, &case, mode);
        let x = wide(&case.x.data);
        let (gain, offset) = (wide(&case.gain), wide(&case.offset));
        let want = case.output(&x, &gain, &offset, mode);
        let residual = random(shape, 6);
        let r = Tensor::of(l, &residual);
        let y = Tensor::filled(l, shape, 9.0);
        let run = |residual: Map, slope: f32| {
            let parameters = GainOffset {
                gain: on.gain.at(),
                offset: on.offset.at(),
            };
            let maps = (on.x.map(), residual, y.map());
            let saved = Saved(on.saved.at());
            let ops = on.bench.ops();
            ops.batch_norm(maps, saved, parameters, slope).unwrap();
            y.values()
        };
        assert_close(&run(Map::NONE, 1.0), &narrow(&want), &what);
        let activated: Vec<f32> = want
            .iter()
            .zip(&residual.data)
            .map(|(v, r)| (v + f64::from(*r)) as f32)
            .map(|v| if v > 0.0 { v } else { 0.2 * v })
            .collect();
        assert_close(&run(r.map(), 0.2), &activated, &format!("{what} residual"));

        let follow = |old: &[f32], now: &dyn Fn(usize) -> f64| -> Vec<f32> {
            let step = |c: usize| f64::from(BATCH_NORM_MOMENTUM) * (now(c) - f64::from(old[c]));
            (0..old.len())
                .map(|c| (f64::from(old[c]) + step(c)) as f32)
                .collect()
        };
        let (mean, variance) = match mode {
            Statistics::Frozen => (case.mean.clone(), case.variance.clone()),
            Statistics::Batch => {
                let now = case.statistics(&x, mode);
                let n = (shape[0] * shape[2] * shape[3]) as f64;
                (
                    follow(&case.mean, &|c| now[c][0]),
                    follow(&case.variance, &|c| now[c][1] * n / (n - 1.0)),
                )
            }
        };
        assert_close(&on.mean.values(), &mean, &format!("{what} running mean"));
        assert_close(
            &on.variance.values(),
            &variance,
            &format!("{what} running variance"),
        );
    }
}

pub(super) fn gradients_equal_plain_code<L: Launcher>(l: &L) {
    for (shape, mode) in SHAPES.into_iter().flat_map(|s| MODES.map(|m| (s, m))) {
        let what = format!("batch norm {shape:?} {mode:?}");
        let case = Case::new(shape);
        let on = Loaded::new(l, &case, mode);
        let (c, plane) = (shape[1], case.pixels());
        let dense = random(shape, 7);
        let dy = wide(&dense.data);
        let x = wide(&case.x.data);
        let (gain, offset) = (wide(&case.gain), wide(&case.offset));
        let hat = case.normalised(&x, mode);
        let mut sums = vec![[0.0f64; 2]; c];
        for (i, g) in dy.iter().enumerate() {
            sums[i / plane % c][0] += g;
            sums[i / plane % c][1] += g * hat[i];
        }
        let n = (shape[0] * plane) as f64;
        let statistics = case.statistics(&x, mode);
        let d_x: Vec<f64> = (0..dy.len())
            .map(|i| {
                let channel = i / plane % c;
                let [sum, hat_sum] = sums[channel];
                let std = (statistics[channel][1] + f64::from(BATCH_NORM_EPS)).sqrt();
                let through = match mode {
                    Statistics::Frozen => 0.0,
                    Statistics::Batch => (sum + hat[i] * hat_sum) / n,
                };
                gain[channel] / std * (dy[i] - through)
            })
            .collect();
        let d_offset: Vec<f64> = sums.iter().map(|s| s[0]).collect();
        let d_gain: Vec<f64> = sums.iter().map(|s| s[1]).collect();
        if x.len() < 1000 {
            let by_x = |x: &[f64]| case.output(x, &gain, &offset, mode);
            assert_gradient(&x, &dy, &d_x, by_x, &what);
            let by_gain = |g: &[f64]| case.output(&x, g, &offset, mode);
            assert_gradient(&gain, &dy, &d_gain, by_gain, &what);
            let by_offset = |o: &[f64]| case.output(&x, &gain, o, mode);
            assert_gradient(&offset, &dy, &d_offset, by_offset, &what);
        }
        let tdy = Tensor::of(l, &dense);
        let tdx = Tensor::filled(l, shape, 1.0);
        let (tg, to) = (Array::of(l, &vec![1.0; c]), Array::of(l, &vec![1.0; c]));
        let run = |d_x: Option<(Map, Put)>| {
            let gradients = GainOffset {
                gain: tg.at(),
                offset: to.at(),
            };
            let saved = (Saved(on.saved.at()), mode);
            let maps = (tdy.map(), on.x.map());
            let ops = on.bench.ops();
            ops.batch_norm_gradient(maps, saved, on.gain.at(), gradients, d_x)
                .unwrap();
        };
        run(Some((tdx.map(), Put::Add)));
        let plus =
            |values: &[f64]| -> Vec<f32> { values.iter().map(|v| (v + 1.0) as f32).collect() };
        assert_close(&tdx.values(), &plus(&d_x), &format!("{what} dx added"));
        assert_close(&tg.values(), &plus(&d_gain), &format!("{what} d gain"));
        assert_close(&to.values(), &plus(&d_offset), &format!("{what} d offset"));
        run(Some((tdx.map(), Put::Set)));
        assert_close(&tdx.values(), &narrow(&d_x), &format!("{what} dx"));
        run(None);
        let thrice: Vec<f64> = d_gain.iter().map(|v| 3.0 * v).collect();
        assert_close(
            &tg.values(),
            &plus(&thrice),
            &format!("{what} d gain thrice"),
        );
    }
}
