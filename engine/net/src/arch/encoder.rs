//! Encoder: invertible stages (Haar and InvBlocks), then convolutional stages.

use super::{Builder, Layer};
use crate::config::{DENSE_GROWTH, NetworkConfig, Split, Subnet};
use crate::graph::{Activation, ConvKind, Group, Op, Role, View};

/// Haar analysis and `n` InvBlocks; the output `Y_s` has four times the channels at half the resolution.
pub(super) fn invertible_stage(
    b: &mut Builder,
    config: &NetworkConfig,
    stage: usize,
    x: View,
) -> View {
    let level = b.level(x) + 1;
    let mut y = b.tensor(&format!("stage{stage}.haar"), 4 * x.channels, level);
    b.ops.push(Op::Haar {
        input: x,
        output: y,
        gain: config.haar.gain(),
    });
    for n in 0..config.n_block[stage - 1] {
        y = inv_block(
            b,
            config,
            stage,
            &format!("encoder.stage{stage}.block{n}"),
            y,
        );
    }
    y
}

/// `y^l = x^l + phi(x^h)`; `y^h = x^h * exp(clamp * tanh(eta(y^l) / 2)) + rho(y^l)`.
fn inv_block(b: &mut Builder, config: &NetworkConfig, stage: usize, name: &str, x: View) -> View {
    let level = b.level(x);
    let (low, high) = split(config, x);
    let part = |part: &str| format!("{name}.{part}");
    let y = b.tensor(&format!("{name}.y"), x.channels, level);
    let (y_low, y_high) = split(config, y);
    subnet(b, config, stage, &part("phi"), high, y_low, Some(low));
    let shift = b.tensor(&format!("{name}.rho"), high.channels, level);
    subnet(b, config, stage, &part("rho"), y_low, shift, None);
    let scale = b.tensor(&format!("{name}.eta"), high.channels, level);
    subnet(b, config, stage, &part("eta"), y_low, scale, None);
    b.ops.push(Op::Couple {
        high,
        scale,
        shift,
        output: y_high,
        clamp: config.clamp,
    });
    y
}

/// Low-pass and high-pass part of the channels of a stage.
pub(super) fn split(config: &NetworkConfig, x: View) -> (View, View) {
    let low = match config.split {
        Split::Quarter => x.channels / 4,
        Split::Irn => 1,
    };
    (x.slice(0, low), x.slice(low, x.channels - low))
}

/// phi, rho or eta: `output = subnet(input) + residual`; its parameters are called after `name`.
pub(super) fn subnet(
    b: &mut Builder,
    config: &NetworkConfig,
    stage: usize,
    name: &str,
    input: View,
    output: View,
    residual: Option<View>,
) {
    let level = b.level(input);
    let group = Group::Invertible;
    let last = Layer {
        weight: Role::ZeroWeight,
        residual,
        ..Layer::biased(ConvKind::Same3, Activation::Linear)
    };
    match config.subnet {
        Subnet::Light => {
            let hidden = b.tensor(&format!("{name}.hidden"), config.hidden[stage - 1], level);
            b.conv(
                &format!("{name}.conv0"),
                group,
                Layer::biased(ConvKind::Same3, Activation::Relu),
                input,
                hidden,
            );
            b.conv(&format!("{name}.conv1"), group, last, hidden, output);
        }
        Subnet::Dense => {
            let all = b.tensor(
                &format!("{name}.dense"),
                input.channels + 4 * DENSE_GROWTH,
                level,
            );
            b.ops.push(Op::Copy {
                input,
                output: all.slice(0, input.channels),
            });
            let layer = Layer::biased(ConvKind::Same3, Activation::LeakyRelu);
            let mut filled = input.channels;
            for k in 0..4 {
                let (from, to) = (all.slice(0, filled), all.slice(filled, DENSE_GROWTH));
                b.conv(&format!("{name}.conv{k}"), group, layer, from, to);
                filled += DENSE_GROWTH;
            }
            b.conv(&format!("{name}.conv4"), group, last, all, output);
        }
    }
}

/// Strided convolution and `n` residual blocks.
pub(super) fn conv_stage(b: &mut Builder, config: &NetworkConfig, stage: usize, x: View) -> View {
    let channels = config.conv_channels[stage - 1];
    let level = b.level(x) + 1;
    let group = Group::Conv;
    let name = format!("encoder.stage{stage}");
    let down = b.tensor(&format!("{name}.down"), channels, level);
    b.conv(
        &format!("{name}.down.conv"),
        group,
        Layer::plain(ConvKind::Down3),
        x,
        down,
    );
    let mut y = b.norm(&format!("{name}.down.bn"), group, down, None);
    for n in 0..config.n_block[stage - 1] {
        let name = format!("{name}.block{n}");
        let first = b.tensor(&format!("{name}.conv0"), channels, level);
        b.conv(
            &format!("{name}.conv0"),
            group,
            Layer::plain(ConvKind::Same3),
            y,
            first,
        );
        let middle = b.norm(&format!("{name}.bn0"), group, first, None);
        let second = b.tensor(&format!("{name}.conv1"), channels, level);
        b.conv(
            &format!("{name}.conv1"),
            group,
            Layer::plain(ConvKind::Same3),
            middle,
            second,
        );
        y = b.norm(&format!("{name}.bn1"), group, second, Some(y));
    }
    y
}
