//! Builds the graph of the InvDet network: invertible encoder, convolutional stages, multi-skip multi-scale fusion
//! (MMFB), decoder and heads, and for training the backward path through the encoder ("Target-Aware Invertible Encoder with Reconstruction Guidance", CVPR 2026).

mod encoder;
mod fusion;
mod head;
mod inverse;

use crate::config::{ConfigError, NetworkConfig, STAGES};
use crate::graph::{
    Activation, BatchNorm, Conv, ConvKind, Graph, Group, Op, Outputs, Param, ParamId, Role,
    Storage, View,
};

pub use inverse::{InverseConfig, Modulated, build_with_reconstruction};

/// The network of `config`.
///
/// # Errors
/// What [`NetworkConfig::check`] refuses.
pub fn build(config: &NetworkConfig) -> Result<Graph, ConfigError> {
    config.check()?;
    let mut b = Builder {
        storages: Vec::new(),
        params: Vec::new(),
        ops: Vec::new(),
        shares: false,
    };
    let input = b.tensor("input", 1, 0);
    let mut stages = [input; STAGES];
    let mut x = input;
    for (i, slot) in stages.iter_mut().enumerate() {
        x = if i < config.s_rev {
            encoder::invertible_stage(&mut b, config, i + 1, x)
        } else {
            encoder::conv_stage(&mut b, config, i + 1, x)
        };
        *slot = x;
    }
    let fused = fusion::fuse(&mut b, config, &stages);
    let heads = head::input(&mut b, config, stages[0]);
    fusion::decode(&mut b, config, &fused, heads.decoded);
    let outputs: Outputs = head::heads(&mut b, config, heads);
    Ok(Graph {
        storages: b.storages,
        params: b.params,
        ops: b.ops,
        input,
        outputs,
        latents: stages[..config.s_rev].to_vec(),
        reconstruction: None,
    })
}

/// Collects tensors, parameters and operations.
struct Builder {
    storages: Vec<Storage>,
    params: Vec<Param>,
    ops: Vec<Op>,
    /// Parameters that are there already are used again.
    shares: bool,
}

impl Builder {
    fn tensor(&mut self, name: &str, channels: usize, level: u32) -> View {
        self.storages.push(Storage {
            name: name.to_string(),
            channels,
            level,
        });
        View {
            storage: self.storages.len() - 1,
            first: 0,
            channels,
        }
    }

    fn level(&self, view: View) -> u32 {
        self.storages[view.storage].level
    }

    fn param(&mut self, name: String, shape: Vec<usize>, role: Role, group: Group) -> ParamId {
        if self.shares
            && let Some(known) = self.params.iter().position(|p| p.name == name)
        {
            return ParamId(known);
        }
        self.params.push(Param {
            name,
            shape,
            role,
            group,
        });
        ParamId(self.params.len() - 1)
    }

    /// A convolution named `name` into `output`.
    fn conv(&mut self, name: &str, group: Group, layer: Layer, input: View, output: View) {
        let (i, o) = (input.channels, output.channels);
        let shape = match layer.kind {
            ConvKind::Pointwise => vec![o, i, 1, 1],
            ConvKind::Same3 | ConvKind::Down3 => vec![o, i, 3, 3],
            ConvKind::Fold2 => vec![o, i, 2, 2],
            ConvKind::Unfold2 => vec![i, o, 2, 2],
        };
        let weight = self.param(format!("{name}.weight"), shape, layer.weight, group);
        let bias = layer
            .bias
            .map(|role| self.param(format!("{name}.bias"), vec![o], role, group));
        self.ops.push(Op::Conv(Conv {
            kind: layer.kind,
            input,
            output,
            weight,
            bias,
            residual: layer.residual,
            activation: layer.activation,
        }));
    }

    /// Batch normalisation named `name` of `input` into a new tensor.
    fn norm(&mut self, name: &str, group: Group, input: View, residual: Option<View>) -> View {
        let output = self.tensor(name, input.channels, self.level(input));
        self.norm_into(name, group, input, output, residual);
        output
    }

    /// Batch normalisation named `name` of `input` into `output`.
    fn norm_into(
        &mut self,
        name: &str,
        group: Group,
        input: View,
        output: View,
        residual: Option<View>,
    ) {
        let channels = vec![input.channels];
        let norm = BatchNorm {
            input,
            output,
            gain: self.param(
                format!("{name}.weight"),
                channels.clone(),
                Role::NormGain,
                group,
            ),
            offset: self.param(
                format!("{name}.bias"),
                channels.clone(),
                Role::NormOffset,
                group,
            ),
            mean: self.param(
                format!("{name}.running_mean"),
                channels.clone(),
                Role::RunningMean,
                group,
            ),
            variance: self.param(
                format!("{name}.running_var"),
                channels,
                Role::RunningVariance,
                group,
            ),
            residual,
            activation: Activation::Relu,
        };
        self.ops.push(Op::BatchNorm(norm));
    }
}

/// What a convolution has beside its tensors.
#[derive(Clone, Copy)]
struct Layer {
    kind: ConvKind,
    weight: Role,
    bias: Option<Role>,
    residual: Option<View>,
    activation: Activation,
}

impl Layer {
    /// Without bias, residual and activation.
    const fn plain(kind: ConvKind) -> Self {
        Self {
            kind,
            weight: Role::Weight,
            bias: None,
            residual: None,
            activation: Activation::Linear,
        }
    }

    /// With a bias.
    const fn biased(kind: ConvKind, activation: Activation) -> Self {
        Self {
            bias: Some(Role::Bias),
            activation,
            ..Self::plain(kind)
        }
    }
}

#[cfg(test)]
mod tests;
