//! Merges batch normalisation into the convolution before it, and chains of linear layers into sums, for the runtime.

mod chains;

use crate::graph::{BATCH_NORM_EPS, BatchNorm, Conv, Graph, Group, Op, Param, ParamId, Role};
use crate::weights::Weights;

/// The same network without batch normalisation and without concatenations that only a 1x1 convolution reads, and its
/// weights.
///
/// A normalisation whose input comes from a convolution without bias, residual and activation, and is read by nothing
/// else, disappears: `w' = w * k`, `b' = offset - mean * k`, `k = gain / sqrt(variance + eps)`. In the networks of
/// [`crate::arch::build`] that is every one; any other stays.
pub fn fold(graph: &Graph, weights: &Weights) -> (Graph, Weights) {
    let mut folded = graph.clone();
    let mut values = weights.clone();
    let mut ops: Vec<Option<Op>> = graph.ops.iter().cloned().map(Some).collect();
    for i in 0..graph.ops.len() {
        let Op::BatchNorm(norm) = &graph.ops[i] else {
            continue;
        };
        let Some(producer) = mergeable_producer(graph, norm) else {
            continue;
        };
        let Some(Op::Conv(conv)) = ops[producer].take() else {
            continue;
        };
        let bias = ParamId(folded.params.len());
        let name = graph.params[conv.weight.0]
            .name
            .trim_end_matches("weight")
            .to_string()
            + "folded_bias";
        let channels = conv.output.channels;
        folded.params.push(Param {
            name,
            shape: vec![channels],
            role: Role::Bias,
            group: Group::Neck,
        });
        let merged = merge(&mut values.tensors[conv.weight.0], weights, norm);
        values.tensors.push(merged);
        ops[i] = Some(Op::Conv(Conv {
            bias: Some(bias),
            output: norm.output,
            residual: norm.residual,
            activation: norm.activation,
            ..conv
        }));
    }
    folded.ops = ops.into_iter().flatten().collect();
    chains::merge_chains(&mut folded, &mut values);
    (folded, values)
}

fn mergeable_producer(graph: &Graph, norm: &BatchNorm) -> Option<usize> {
    let is_plain = |op: &Op| {
        matches!(op, Op::Conv(c) if c.output == norm.input && c.bias.is_none() && c.residual.is_none()
            && c.activation == crate::graph::Activation::Linear && c.kind != crate::graph::ConvKind::Unfold2)
    };
    let readers = graph
        .ops
        .iter()
        .flat_map(Op::inputs)
        .filter(|v| v.storage == norm.input.storage)
        .count();
    (readers == 1)
        .then(|| graph.ops.iter().position(is_plain))
        .flatten()
}

/// Scales `weight` in place and returns the bias.
fn merge(weight: &mut [f32], weights: &Weights, norm: &BatchNorm) -> Vec<f32> {
    let of = |id: ParamId| &weights.tensors[id.0];
    let (gain, offset, mean, variance) = (
        of(norm.gain),
        of(norm.offset),
        of(norm.mean),
        of(norm.variance),
    );
    let per_channel = weight.len() / gain.len();
    (0..gain.len())
        .map(|c| {
            let k = gain[c] / (variance[c] + BATCH_NORM_EPS).sqrt();
            weight[c * per_channel..(c + 1) * per_channel]
                .iter_mut()
                .for_each(|w| *w *= k);
            offset[c] - mean[c] * k
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fold;
    use crate::arch::build;
    use crate::config::{Mmfb, NetworkConfig};
    use crate::graph::{Graph, Op};
    use crate::weights::Weights;

    #[test]
    fn fusion_nodes_become_sums_without_their_concatenation() {
        let config = NetworkConfig::named("s").unwrap();
        let graph = build(&config).unwrap();
        let (folded, weights) = fold(&graph, &Weights::neutral(&graph));
        assert_eq!(folded.params.len(), weights.tensors.len());
        let touches = |op: &Op, part: &str| {
            let views = op.inputs().into_iter().chain([op.output()]);
            views
                .into_iter()
                .any(|v| folded.storages[v.storage].name.contains(part))
        };
        assert!(graph.storages.iter().any(|s| s.name.contains("joined")));
        for op in &folded.ops {
            assert!(
                !touches(op, "joined") && !matches!(op, Op::BatchNorm(_)),
                "{op:?}"
            );
        }
        // The concatenation of depth-wise convolutions is no chain of these and stays.
        assert!(folded.ops.iter().any(|op| touches(op, "scales")));
        // No more work than the node that sums.
        let sum = NetworkConfig {
            mmfb: Mmfb::Sum,
            ..config
        };
        let macs = |graph: &Graph| graph.macs(256, 256).iter().sum::<u64>();
        assert_eq!(macs(&folded), macs(&build(&sum).unwrap()));
    }
}
