//! Haar, couplings, up-sampling, copies: one thread a site, no sums.

use super::{Done, Ops, assert_halved, assert_shape};
use crate::launcher::{Arg, Launcher, Map, Put};

/// What a coupling or its inverse reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoupleInputs {
    pub(crate) high: Map,
    pub(crate) scale: Map,
    pub(crate) shift: Map,
    /// Bound of the log scale.
    pub(crate) clamp: f32,
}

/// Where the gradients of a coupling go; [`Map::NONE`] where one is not wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoupleGradients {
    pub(crate) high: (Map, Put),
    pub(crate) scale: (Map, Put),
    pub(crate) shift: (Map, Put),
}

impl CoupleGradients {
    fn args(&self) -> [Arg; 6] {
        let all = [self.high, self.scale, self.shift];
        let [a, b, c] = all.map(|(map, _)| Arg::Map(map));
        let [x, y, z] = all.map(|(_, put)| put.flag());
        [a, b, c, x, y, z]
    }

    fn check(&self, d_output: Map) {
        for (map, _) in [self.high, self.scale, self.shift] {
            assert!(
                map.at == 0 || map.shape() == d_output.shape(),
                "gradients of one shape"
            );
        }
    }
}

impl<L: Launcher> Ops<'_, L> {
    /// Bands of `fine`; also the gradient of the synthesis.
    pub(crate) fn haar_analysis(&self, fine: Map, bands: Map, gain: f32, put: Put) -> Done {
        assert_halved(fine, bands, 4);
        let args = [
            Arg::Map(fine),
            Arg::Map(bands),
            Arg::Float(gain),
            put.flag(),
        ];
        self.for_each("haar_analysis", bands.values() / 4, &args)
    }

    /// A picture from its bands; also the gradient of the analysis.
    pub(crate) fn haar_synthesis(&self, bands: Map, fine: Map, gain: f32, put: Put) -> Done {
        assert_halved(fine, bands, 4);
        let args = [
            Arg::Map(bands),
            Arg::Map(fine),
            Arg::Float(gain),
            put.flag(),
        ];
        self.for_each("haar_synthesis", bands.values() / 4, &args)
    }

    /// `output = high * exp(clamp * tanh(scale / 2)) + shift`
    pub(crate) fn couple(&self, c: &CoupleInputs, output: Map) -> Done {
        self.coupling("couple", c, output)
    }

    /// `output = (high - shift) * exp(-clamp * tanh(scale / 2))`
    pub(crate) fn uncouple(&self, c: &CoupleInputs, output: Map) -> Done {
        self.coupling("uncouple", c, output)
    }

    fn coupling(&self, kernel: &'static str, c: &CoupleInputs, output: Map) -> Done {
        assert_shape(output, &[c.high, c.scale, c.shift]);
        let args = [
            Arg::Map(c.high),
            Arg::Map(c.scale),
            Arg::Map(c.shift),
            Arg::Map(output),
            Arg::Float(c.clamp),
        ];
        self.for_each(kernel, output.values(), &args)
    }

    /// Gradients of [`Ops::couple`].
    pub(crate) fn couple_gradient(&self, c: &CoupleInputs, dy: Map, to: &CoupleGradients) -> Done {
        assert_shape(dy, &[c.high, c.scale]);
        to.check(dy);
        let mut args = vec![Arg::Map(dy), Arg::Map(c.high), Arg::Map(c.scale)];
        args.extend(to.args());
        args.push(Arg::Float(c.clamp));
        self.for_each("couple_gradient", dy.values(), &args)
    }

    /// Gradients of [`Ops::uncouple`].
    pub(crate) fn uncouple_gradient(
        &self,
        c: &CoupleInputs,
        dy: Map,
        to: &CoupleGradients,
    ) -> Done {
        assert_shape(dy, &[c.high, c.scale, c.shift]);
        to.check(dy);
        let mut args = [dy, c.high, c.scale, c.shift].map(Arg::Map).to_vec();
        args.extend(to.args());
        args.push(Arg::Float(c.clamp));
        self.for_each("uncouple_gradient", dy.values(), &args)
    }

    /// Nearest up-sampling by two.
    pub(crate) fn upsample(&self, coarse: Map, fine: Map) -> Done {
        assert_halved(fine, coarse, 1);
        let args = [Arg::Map(coarse), Arg::Map(fine)];
        self.for_each("upsample", fine.values(), &args)
    }

    /// Gradient of [`Ops::upsample`].
    pub(crate) fn upsample_gradient(&self, d_fine: Map, d_coarse: Map, put: Put) -> Done {
        assert_halved(d_fine, d_coarse, 1);
        let args = [Arg::Map(d_fine), Arg::Map(d_coarse), put.flag()];
        self.for_each("upsample_gradient", d_coarse.values(), &args)
    }

    /// Zeros.
    pub(crate) fn clear(&self, out: Map) -> Done {
        self.for_each("clear", out.values(), &[Arg::Map(out)])
    }

    /// `output = factor * input`, or added.
    pub(crate) fn scaled_copy(&self, input: Map, output: Map, factor: f32, put: Put) -> Done {
        assert_shape(input, &[output]);
        let args = [
            Arg::Map(input),
            Arg::Map(output),
            Arg::Float(factor),
            put.flag(),
        ];
        self.for_each("scaled_copy", output.values(), &args)
    }

    /// `output = a - b`
    pub(crate) fn subtract(&self, a: Map, b: Map, output: Map) -> Done {
        assert_shape(output, &[a, b]);
        self.for_each("subtract", output.values(), &[a, b, output].map(Arg::Map))
    }

    /// In place: the gradient before an activation of that slope whose output was `y`.
    pub(crate) fn activation_gradient(&self, dy: Map, y: Map, slope: f32) -> Done {
        assert_shape(dy, &[y]);
        let args = [Arg::Map(dy), Arg::Map(y), Arg::Float(slope)];
        self.for_each("activation_gradient", dy.values(), &args)
    }
}
