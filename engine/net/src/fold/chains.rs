//! Merges chains of linear layers: a 1x1 convolution of a concatenation whose parts are convolutions without bias and
//! activation is a sum of convolutions. The fusion nodes are made so; the runtime needs neither the concatenation nor its
//! 1x1 convolution.

use crate::graph::{Activation, Conv, ConvKind, Graph, Op, Param, ParamId, Role, Storage, View};
use crate::weights::Weights;

/// A part of a concatenation.
struct Part {
    /// Its convolution.
    conv: Conv,
    /// The up-sampling behind it, if any.
    upsampled: bool,
    /// Its operations.
    ops: Vec<usize>,
    /// First channel in the concatenation.
    first: usize,
}

/// Rewrites every such chain.
pub(super) fn merge_chains(graph: &mut Graph, weights: &mut Weights) {
    let mut at = 0;
    while at < graph.ops.len() {
        let merged = match &graph.ops[at] {
            Op::Conv(join) if join.kind == ConvKind::Pointwise && join.residual.is_none() => {
                parts_of(graph, join).map(|parts| (join.clone(), parts))
            }
            _ => None,
        };
        let Some((join, parts)) = merged else {
            at += 1;
            continue;
        };
        let sum = sum_of(graph, weights, &join, &parts);
        let mut gone: Vec<usize> = parts.iter().flat_map(|p| p.ops.clone()).collect();
        gone.push(at);
        gone.sort_unstable();
        let next = at + sum.len() + 1 - gone.len();
        graph.ops.splice(at..=at, sum);
        // The last of them was replaced just now.
        for i in gone.into_iter().rev().skip(1) {
            graph.ops.remove(i);
        }
        at = next;
    }
}

/// The parts that `join` reads, if it reads a whole storage that nothing else reads and every part is linear.
fn parts_of(graph: &Graph, join: &Conv) -> Option<Vec<Part>> {
    let storage = join.input.storage;
    let whole = join.input.channels == graph.storages[storage].channels;
    if !whole || readers(graph, storage) != 1 {
        return None;
    }
    let mut parts = Vec::new();
    for (i, op) in graph.ops.iter().enumerate() {
        if op.output().storage != storage {
            continue;
        }
        let first = op.output().first;
        let part = match op {
            Op::Conv(conv) if is_linear(conv) => Part {
                conv: conv.clone(),
                upsampled: false,
                ops: vec![i],
                first,
            },
            Op::Upsample { input, .. } if readers(graph, input.storage) == 1 => {
                let from = |op: &Op| matches!(op, Op::Conv(c) if c.output == *input);
                let producer = graph.ops.iter().position(from)?;
                match &graph.ops[producer] {
                    Op::Conv(conv) if is_linear(conv) => Part {
                        conv: conv.clone(),
                        upsampled: true,
                        ops: vec![producer, i],
                        first,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        };
        parts.push(part);
    }
    // An up-sampling cannot add to what is there: it comes first, and there is one at most.
    parts.sort_by_key(|p| !p.upsampled);
    let one = parts.iter().filter(|p| p.upsampled).count() <= 1;
    let adds_up =
        parts.iter().map(|p| p.conv.output.channels).sum::<usize>() == join.input.channels;
    (one && adds_up && parts.last().is_some_and(|p| !p.upsampled)).then_some(parts)
}

fn readers(graph: &Graph, storage: usize) -> usize {
    let reads = graph.ops.iter().flat_map(Op::inputs);
    reads.filter(|v| v.storage == storage).count()
}

fn is_linear(conv: &Conv) -> bool {
    conv.bias.is_none()
        && conv.residual.is_none()
        && conv.activation == Activation::Linear
        && matches!(conv.kind, ConvKind::Pointwise | ConvKind::Fold2)
}

/// `join(concat(parts))` as a sum: each part with its weights times those of `join`, the last with bias and activation.
fn sum_of(graph: &mut Graph, weights: &mut Weights, join: &Conv, parts: &[Part]) -> Vec<Op> {
    let channels = join.output.channels;
    let level = graph.storages[join.output.storage].level;
    let mut ops = Vec::new();
    let mut sum: Option<View> = None;
    for (k, part) in parts.iter().enumerate() {
        let weight = product(graph, weights, join, part);
        let mut tensor = |name: &str, level: u32| {
            graph.storages.push(Storage {
                name: name.into(),
                channels,
                level,
            });
            View {
                storage: graph.storages.len() - 1,
                first: 0,
                channels,
            }
        };
        let last = k + 1 == parts.len();
        let output = if last {
            join.output
        } else {
            tensor("partial sum", level)
        };
        let made = if part.upsampled {
            tensor("partial sum before up-sampling", level + 1)
        } else {
            output
        };
        ops.push(Op::Conv(Conv {
            output: made,
            weight,
            bias: join.bias.filter(|_| last),
            residual: sum,
            activation: if last {
                join.activation
            } else {
                Activation::Linear
            },
            ..part.conv.clone()
        }));
        if part.upsampled {
            ops.push(Op::Upsample {
                input: made,
                output,
            });
        }
        sum = Some(output);
    }
    ops
}

/// The product of the weights of `join`, on the channels of `part`, and those of `part`.
fn product(graph: &mut Graph, weights: &mut Weights, join: &Conv, part: &Part) -> ParamId {
    let (outer, inner) = (
        &weights.tensors[join.weight.0],
        &weights.tensors[part.conv.weight.0],
    );
    let (outputs, middle) = (join.output.channels, part.conv.output.channels);
    let values = inner.len() / middle;
    let mut merged = Vec::with_capacity(outputs * values);
    for o in 0..outputs {
        let row = &outer[o * join.input.channels + part.first..][..middle];
        for i in 0..values {
            let sum: f64 = (0..middle)
                .map(|k| f64::from(row[k]) * f64::from(inner[k * values + i]))
                .sum();
            merged.push(sum as f32);
        }
    }
    let Param {
        name, shape, group, ..
    } = &graph.params[part.conv.weight.0];
    let shape = [&[outputs], &shape[1..]].concat();
    let param = Param {
        name: name.trim_end_matches("weight").to_string() + "merged_weight",
        shape,
        role: Role::Weight,
        group: *group,
    };
    graph.params.push(param);
    weights.tensors.push(merged);
    ParamId(graph.params.len() - 1)
}
