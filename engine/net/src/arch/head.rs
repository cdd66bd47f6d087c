//! Heads on `F_1`: centre heat map, offset and size at half resolution, mask at full resolution.

use super::{Builder, Layer};
use crate::config::NetworkConfig;
use crate::graph::{Activation, ConvKind, Group, Outputs, Role, View};

const GROUP: Group = Group::Head;

pub(super) fn heads(b: &mut Builder, config: &NetworkConfig, f: View) -> Outputs {
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

    let fine = b.tensor("head.mask_up", config.mask_channels, level - 1);
    b.conv(
        "head.mask_up",
        GROUP,
        Layer::biased(ConvKind::Unfold2, Activation::Relu),
        f,
        fine,
    );
    let mask = b.tensor("head.mask", 1, level - 1);
    b.conv(
        "head.mask",
        GROUP,
        Layer {
            bias: Some(Role::PriorBias),
            ..Layer::biased(ConvKind::Same3, Activation::Linear)
        },
        fine,
        mask,
    );
    Outputs {
        heat,
        off,
        size,
        mask,
    }
}
