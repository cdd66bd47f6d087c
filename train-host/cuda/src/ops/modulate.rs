//! `output = input * gain - weight * blur(input)`, gain and weight one-channel maps for all channels.

use super::{Done, Ops, assert_shape};
use crate::launcher::{Arg, Launcher, Map, Put};

/// A binomial blur and how much of it is taken away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blur {
    /// `[N, 1, h, w]`
    pub(crate) weight: Map,
    /// 1 or 2 pixels: 3x3 or 5x5.
    pub(crate) radius: usize,
}

impl Blur {
    fn check(&self, map: Map) {
        assert_one_channel(self.weight, map);
        assert!(
            (1..=2).contains(&self.radius),
            "blurs of radius 1 or 2 pixels"
        );
        assert!(
            map.h as usize > self.radius && map.w as usize > self.radius,
            "a picture larger than its reflection"
        );
    }

    fn kernel(&self, one: &'static str, two: &'static str) -> &'static str {
        if self.radius == 1 { one } else { two }
    }
}

fn assert_one_channel(gain: Map, map: Map) {
    assert_eq!(
        gain.shape(),
        [map.images, 1, map.h, map.w],
        "a map of one channel"
    );
}

impl<L: Launcher> Ops<'_, L> {
    /// See the module.
    pub(crate) fn modulate(&self, input: Map, gain: Map, blur: Option<Blur>, output: Map) -> Done {
        assert_shape(input, &[output]);
        assert_one_channel(gain, input);
        let Some(blur) = blur else {
            return self.modulate_plain(input, gain, output, Put::Set);
        };
        blur.check(input);
        let args = [input, gain, blur.weight, output].map(Arg::Map);
        let kernel = blur.kernel("modulate3", "modulate5");
        self.for_each(kernel, output.values(), &args)
    }

    /// `dx = gain * dy - blur^T(weight * dy)`; none for the maps.
    pub(crate) fn modulate_gradient(
        &self,
        d_output: Map,
        gain: Map,
        blur: Option<Blur>,
        (d_input, put): (Map, Put),
    ) -> Done {
        assert_shape(d_output, &[d_input]);
        assert_one_channel(gain, d_output);
        let Some(blur) = blur else {
            return self.modulate_plain(d_output, gain, d_input, put);
        };
        blur.check(d_output);
        let mut args = [d_output, gain, blur.weight, d_input]
            .map(Arg::Map)
            .to_vec();
        args.push(put.flag());
        let kernel = blur.kernel("modulate3_gradient", "modulate5_gradient");
        self.for_each(kernel, d_input.values(), &args)
    }

    fn modulate_plain(&self, input: Map, gain: Map, output: Map, put: Put) -> Done {
        let args = [
            Arg::Map(input),
            Arg::Map(gain),
            Arg::Map(output),
            put.flag(),
        ];
        self.for_each("modulate_plain", output.values(), &args)
    }
}
