//! Batch normalisation by batch or running statistics.

use super::{Done, Ops, assert_shape};
use crate::launcher::{Arg, Launcher, Map, Put};
use invdet_cpu::training::{BATCH_NORM_MOMENTUM, Statistics};
use invdet_net::graph::BATCH_NORM_EPS;

/// Address of the statistics a forward pass used: means, then inverse standard deviations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved(pub(crate) u64);

/// Addresses of the running statistics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    pub(crate) mean: u64,
    pub(crate) variance: u64,
}

/// Addresses of two arrays by channel: gain and offset, or their gradients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GainOffset {
    pub(crate) gain: u64,
    pub(crate) offset: u64,
}

impl<L: Launcher> Ops<'_, L> {
    /// Statistics of `x` into `saved`; with [`Statistics::Batch`] the running ones follow, else they are taken.
    pub(crate) fn batch_norm_statistics(
        &self,
        x: Map,
        running: Running,
        statistics: Statistics,
        saved: Saved,
    ) -> Done {
        let channels = Arg::Int(x.channels);
        let eps = Arg::Float(BATCH_NORM_EPS);
        let [mean, variance] = [running.mean, running.variance].map(Arg::Address);
        let saved = Arg::Address(saved.0);
        match statistics {
            Statistics::Batch => {
                let [sums, _] = self.channel_sums(x, x)?;
                let args = [
                    Arg::Address(sums),
                    saved,
                    mean,
                    variance,
                    channels,
                    Arg::Int(count(x)),
                    eps,
                    Arg::Float(BATCH_NORM_MOMENTUM),
                ];
                self.for_each("batch_norm_statistics", x.channels as usize, &args)
            }
            Statistics::Frozen => {
                let args = [mean, variance, saved, channels, eps];
                self.for_each("batch_norm_frozen", x.channels as usize, &args)
            }
        }
    }

    /// `y = act(gain * (x - mean) * inverse_std + offset + residual)`
    pub(crate) fn batch_norm(
        &self,
        (x, residual, y): (Map, Map, Map),
        saved: Saved,
        parameters: GainOffset,
        slope: f32,
    ) -> Done {
        assert_shape(x, &[y]);
        assert!(
            residual.at == 0 || residual.shape() == y.shape(),
            "a residual of the output's shape"
        );
        let args = [
            Arg::Map(x),
            Arg::Map(residual),
            Arg::Map(y),
            Arg::Address(saved.0),
            Arg::Address(parameters.gain),
            Arg::Address(parameters.offset),
            Arg::Float(slope),
        ];
        self.for_each("batch_norm", y.values(), &args)
    }

    /// Adds to the gradients of gain and offset; the gradient of `x` goes to `d_x`, if somebody wants it. `dy` is the
    /// gradient before the activation.
    pub(crate) fn batch_norm_gradient(
        &self,
        (dy, x): (Map, Map),
        (saved, statistics): (Saved, Statistics),
        gain: u64,
        gradients: GainOffset,
        d_x: Option<(Map, Put)>,
    ) -> Done {
        assert_shape(dy, &[x]);
        let [sums, coefficients] = self.channel_sums(dy, x)?;
        let args = [
            Arg::Address(sums),
            Arg::Address(saved.0),
            Arg::Address(gain),
            Arg::Address(gradients.gain),
            Arg::Address(gradients.offset),
            Arg::Address(coefficients),
            Arg::Int(dy.channels),
            Arg::Int(count(dy)),
            Arg::Int(i32::from(statistics == Statistics::Frozen)),
        ];
        self.for_each("batch_norm_coefficients", dy.channels as usize, &args)?;
        let Some((d_x, put)) = d_x else {
            return Ok(());
        };
        assert_shape(dy, &[d_x]);
        let args = [
            Arg::Map(dy),
            Arg::Map(x),
            Arg::Map(d_x),
            Arg::Address(coefficients),
            put.flag(),
        ];
        self.for_each("batch_norm_gradient", d_x.values(), &args)
    }
}

/// Values of a channel.
fn count(map: Map) -> i32 {
    map.images * map.h * map.w
}

/// Floats of what [`Saved`] points to.
pub(crate) const fn saved_floats(channels: usize) -> usize {
    2 * channels
}
