//! Heads on `F_1`: centre heat map, offset and size at half resolution, mask at full resolution.

use super::{Builder, Layer};
use crate::config::{MaskHead, NetworkConfig};
use crate::graph::{Activation, ConvKind, Group, Op, Outputs, Role, View};

const GROUP: Group = Group::Head;

/// What the heads read.
#[derive(Clone, Copy)]
pub(super) struct Input {
    /// `F_1`.
    pub(super) decoded: View,
    /// `F_1`, and behind it `Y_1` where the mask head sees it.
    detailed: View,
}

/// Memory for `F_1`, with a copy of `Y_1` behind it for [`MaskHead::Detail`].
pub(super) fn input(b: &mut Builder, config: &NetworkConfig, y1: View) -> Input {
    let d = config.neck[0];
    let detail = match config.mask_head {
        MaskHead::Plain => 0,
        MaskHead::Detail => y1.channels,
    };
    let detailed = b.tensor("decoder.output", d + detail, b.level(y1));
    if detail > 0 {
        b.ops.push(Op::Copy {
            input: y1,
            output: detailed.slice(d, detail),
        });
    }
    Input {
        decoded: detailed.slice(0, d),
        detailed,
    }
}

pub(super) fn heads(b: &mut Builder, config: &NetworkConfig, input: Input) -> Outputs {
    let f = input.decoded;
    let level = b.level(f);
    let trunk = b.tensor("head.trunk", config.trunk, level);
    b.conv(
        "head.trunk",
        GROUP,
        Layer::biased(ConvKind::Same3, Activation::Relu),
        f,
        trunk,
    );
    let maps = b.tensor("head.maps", 5, level);
    let (heat, off, size) = (maps.slice(0, 1), maps.slice(1, 2), maps.slice(3, 2));
    let linear = Layer::biased(ConvKind::Pointwise, Activation::Linear);
    b.conv(
        "head.heat",
        GROUP,
        Layer {
            bias: Some(Role::PriorBias),
            ..linear
        },
        trunk,
        heat,
    );
    b.conv("head.off", GROUP, linear, trunk, off);
    b.conv("head.size", GROUP, linear, trunk, size);

    let mask = b.tensor("head.mask", 1, level - 1);
    let channels = config.mask_channels;
    let logits = |kind| Layer {
        bias: Some(Role::PriorBias),
        ..Layer::biased(kind, Activation::Linear)
    };
    match config.mask_head {
        MaskHead::Plain => {
            let up = b.tensor("head.mask_up", channels, level - 1);
            let unfold = Layer::biased(ConvKind::Unfold2, Activation::Relu);
            b.conv("head.mask_up", GROUP, unfold, f, up);
            b.conv("head.mask", GROUP, logits(ConvKind::Same3), up, mask);
        }
        MaskHead::Detail => {
            let layer = Layer::biased(ConvKind::Same3, Activation::Relu);
            let mut x = input.detailed;
            for name in ["head.mask0", "head.mask1"] {
                let y = b.tensor(name, channels, level);
                b.conv(name, GROUP, layer, x, y);
                x = y;
            }
            b.conv("head.mask_up", GROUP, logits(ConvKind::Unfold2), x, mask);
        }
    }
    Outputs {
        heat,
        off,
        size,
        mask,
    }
}
