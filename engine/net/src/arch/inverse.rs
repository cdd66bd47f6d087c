//! The backward path of training: the deepest invertible latent, modulated towards targets (TARM), goes back through the
//! inverse InvBlocks and the Haar synthesis to an image. It shares the encoder's weights and adds none.

use super::{Builder, build, encoder};
use crate::config::{ConfigError, Haar, NetworkConfig};
use crate::graph::{Blur, Graph, ModulationMaps, Op, Reconstruction, StageModulation, View};

/// Which latents are modulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modulated {
    /// That of every invertible stage: modulate, invert a stage, modulate what comes out, and so on.
    All,
    /// Only the deepest.
    Deepest,
}

/// Switches of the backward path that change its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InverseConfig {
    /// See [`Modulated`].
    pub modulated: Modulated,
    /// The low-pass gain acts on structure only: it needs the blurred low-pass part.
    pub centered_low: bool,
    /// Quantize the deepest latent, low-pass and high-pass part by itself, to eight bits before the inverse.
    pub quantize: bool,
    /// Reconstruct towards the modulated plain Haar pyramid instead of the input.
    pub pyramid: bool,
}

/// The network of `config` as [`build`] makes it, followed by its backward path.
///
/// # Errors
/// What [`NetworkConfig::check`] refuses.
pub fn build_with_reconstruction(
    config: &NetworkConfig,
    inverse: InverseConfig,
) -> Result<Graph, ConfigError> {
    let mut graph = build(config)?;
    let first_op = graph.ops.len();
    let mut b = Builder {
        storages: std::mem::take(&mut graph.storages),
        params: std::mem::take(&mut graph.params),
        ops: std::mem::take(&mut graph.ops),
        shares: true,
    };
    let depth = config.s_rev;
    let last = match inverse.modulated {
        Modulated::All => 1,
        Modulated::Deepest => depth,
    };
    let modulations: Vec<StageModulation> = (last..=depth)
        .rev()
        .map(|stage| maps(&mut b, stage, inverse.centered_low))
        .collect();
    let of = |stage: usize| modulations.iter().find(|m| m.stage == stage);

    let mut y = graph.latents[depth - 1];
    for stage in (1..=depth).rev() {
        if let Some(m) = of(stage) {
            y = modulate(&mut b, config, "inverse", m, y);
        }
        if inverse.quantize && stage == depth {
            y = quantize(&mut b, config, y);
        }
        for n in (0..config.n_block[stage - 1]).rev() {
            y = uncouple(&mut b, config, stage, n, y);
        }
        y = unhaar(&mut b, config.haar, "inverse", stage, y);
    }
    let pyramid = inverse.pyramid.then(|| {
        let mut x = graph.input;
        for stage in 1..=depth {
            let output = b.tensor(
                &format!("pyramid.stage{stage}"),
                4 * x.channels,
                stage as u32,
            );
            b.ops.push(Op::Haar {
                input: x,
                output,
                gain: config.haar.gain(),
            });
            x = output;
        }
        for stage in (1..=depth).rev() {
            if let Some(m) = of(stage) {
                x = modulate(&mut b, config, "pyramid", m, x);
            }
            x = unhaar(&mut b, config.haar, "pyramid", stage, x);
        }
        x
    });
    graph.storages = b.storages;
    graph.params = b.params;
    graph.ops = b.ops;
    graph.reconstruction = Some(Reconstruction {
        first_op,
        modulations,
        output: y,
        pyramid,
    });
    Ok(graph)
}

fn maps(b: &mut Builder, stage: usize, centered_low: bool) -> StageModulation {
    let mut map = |name: &str| b.tensor(&format!("tarm.stage{stage}.{name}"), 1, stage as u32);
    StageModulation {
        stage,
        low: ModulationMaps {
            keep: map("low.keep"),
            blurred: centered_low.then(|| map("low.blurred")),
        },
        high: ModulationMaps {
            keep: map("high.keep"),
            blurred: Some(map("high.blurred")),
        },
    }
}

fn modulate(
    b: &mut Builder,
    config: &NetworkConfig,
    path: &str,
    m: &StageModulation,
    y: View,
) -> View {
    let output = b.tensor(
        &format!("{path}.stage{}.modulated", m.stage),
        y.channels,
        b.level(y),
    );
    let (inputs, outputs) = (encoder::split(config, y), encoder::split(config, output));
    for (input, output, maps, blur) in [
        (inputs.0, outputs.0, m.low, Blur::Five),
        (inputs.1, outputs.1, m.high, Blur::Three),
    ] {
        b.ops.push(Op::Modulate {
            input,
            keep: maps.keep,
            blurred: maps.blurred.map(|map| (map, blur)),
            output,
        });
    }
    output
}

fn quantize(b: &mut Builder, config: &NetworkConfig, y: View) -> View {
    let output = b.tensor("inverse.quantized", y.channels, b.level(y));
    let (inputs, outputs) = (encoder::split(config, y), encoder::split(config, output));
    for (input, output) in [(inputs.0, outputs.0), (inputs.1, outputs.1)] {
        b.ops.push(Op::Quantize { input, output });
    }
    output
}

/// `x^h = (y^h - rho(y^l)) * exp(-Psi(y^l))`, then `x^l = y^l - phi(x^h)`.
fn uncouple(b: &mut Builder, config: &NetworkConfig, stage: usize, n: usize, y: View) -> View {
    let level = b.level(y);
    let part = |part: &str| format!("encoder.stage{stage}.block{n}.{part}");
    let tensor = |b: &mut Builder, name: &str, channels| {
        b.tensor(
            &format!("inverse.stage{stage}.block{n}.{name}"),
            channels,
            level,
        )
    };
    let x = tensor(b, "x", y.channels);
    let ((x_low, x_high), (y_low, y_high)) = (encoder::split(config, x), encoder::split(config, y));
    let shift = tensor(b, "rho", y_high.channels);
    encoder::subnet(b, config, stage, &part("rho"), y_low, shift, None);
    let scale = tensor(b, "eta", y_high.channels);
    encoder::subnet(b, config, stage, &part("eta"), y_low, scale, None);
    b.ops.push(Op::Uncouple {
        high: y_high,
        scale,
        shift,
        output: x_high,
        clamp: config.clamp,
    });
    let other = tensor(b, "phi", y_low.channels);
    encoder::subnet(b, config, stage, &part("phi"), x_high, other, None);
    b.ops.push(Op::Subtract {
        input: y_low,
        other,
        output: x_low,
    });
    x
}

fn unhaar(b: &mut Builder, haar: Haar, path: &str, stage: usize, input: View) -> View {
    let output = b.tensor(
        &format!("{path}.stage{stage}.unhaar"),
        input.channels / 4,
        stage as u32 - 1,
    );
    b.ops.push(Op::Unhaar {
        input,
        output,
        gain: haar.inverse_gain(),
    });
    output
}
