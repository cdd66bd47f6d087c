//! Whole networks through the executor: against the CPU's trainer, and the way back against differences.

use super::dense::{assert_within, numbers};
use super::shim::Shim;
use crate::launcher::Launcher;
use crate::{CudaError, Trainer};
use invdet_cpu::Engine;
use invdet_cpu::planes::Planes;
use invdet_cpu::training::{self, Reach, Statistics};
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::graph::{
    Activation, BatchNorm, Blur, Conv, ConvKind, Graph, Group, Op, Outputs, Param, ParamId, Role,
    Storage, View,
};
use invdet_net::weights::Weights;

/// Images, rows and columns: three columns at the deepest stage.
pub(super) const SHAPE: [usize; 3] = [2, 32, 48];

pub(super) fn s_equals_the_cpu<L: Launcher>(l: &L) {
    equals_the_cpu(l, "s", Statistics::Batch);
}

pub(super) fn b_equals_the_cpu<L: Launcher>(l: &L) {
    equals_the_cpu(l, "b", Statistics::Batch);
}

pub(super) fn frozen_statistics<L: Launcher>(l: &L) {
    equals_the_cpu(l, "s", Statistics::Frozen);
}

/// Weights of every role that leave no gradient zero: those of the couplings' last convolutions too.
pub(super) fn weights(graph: &Graph) -> Weights {
    let tensors = graph.params.iter().enumerate().map(|(i, p)| {
        let values = numbers(p.len(), i as u64 + 1);
        // Keeps the spread of activations near one: by the fan-in, which is all axes but the first.
        let fan_in = p.shape.iter().skip(1).product::<usize>().max(1);
        let (scale, shift) = match p.role {
            Role::Weight | Role::ZeroWeight => (1.5 / (fan_in as f32).sqrt(), 0.0),
            Role::NormGain => (0.3, 1.0),
            Role::RunningVariance => (0.4, 1.0),
            Role::Bias | Role::PriorBias | Role::NormOffset | Role::RunningMean => (0.2, 0.0),
        };
        values.iter().map(|v| v * scale + shift).collect()
    });
    Weights {
        tensors: tensors.collect(),
    }
}

pub(super) fn heads(o: &Outputs) -> [View; 4] {
    [o.heat, o.off, o.size, o.mask]
}

pub(super) fn part(planes: &Planes, view: View) -> Vec<f32> {
    let mut values = Vec::new();
    for n in 0..planes.images() {
        for c in view.first..view.first + view.channels {
            (0..planes.geometry().h).for_each(|y| values.extend_from_slice(planes.row(n, c, y)));
        }
    }
    values
}

pub(super) fn write(planes: &mut Planes, view: View, values: &[f32]) {
    let (h, w) = (planes.geometry().h, planes.geometry().w);
    for (i, row) in values.chunks_exact(w).enumerate() {
        let channel = view.first + i / h % view.channels;
        planes
            .row_mut(i / (view.channels * h), channel, i % h)
            .copy_from_slice(row);
    }
}

pub(super) fn cotangent(planes: &Planes, view: View, seed: u64) -> Vec<f32> {
    let g = planes.geometry();
    numbers(planes.images() * view.channels * g.h * g.w, seed)
}

fn equals_the_cpu<L: Launcher>(l: &L, name: &str, statistics: Statistics) {
    let graph = build(&NetworkConfig::named(name).unwrap()).unwrap();
    let [images, height, width] = SHAPE;
    let input = numbers(images * height * width, 99);

    let engine = Engine::new(2);
    let mut cpu_weights = weights(&graph);
    let mut cpu = training::Trainer::new(&graph, Reach::Input, images, height, width);
    cpu.input_mut().fill_from(&input);
    cpu.forward(&engine, &mut cpu_weights, statistics);

    let mut own_weights = weights(&graph);
    let mut own = Trainer::new(l, &graph, Reach::Input, images, height, width).unwrap();
    own.input_mut().fill_from(&input);
    // Twice: what the first pass left behind must not matter, but for the running statistics.
    own.forward(&mut weights(&graph), statistics).unwrap();
    own.forward(&mut own_weights, statistics).unwrap();

    for (k, view) in heads(&graph.outputs).into_iter().enumerate() {
        let want = part(cpu.activation(view), view);
        assert_within(
            &part(own.activation(view), view),
            &want,
            1e-4,
            &format!("{name} head {k}"),
        );
        let gradient = cotangent(cpu.activation(view), view, k as u64 + 7);
        write(cpu.output_gradient_mut(view), view, &gradient);
        write(own.output_gradient_mut(view), view, &gradient);
    }
    cpu.backward(&engine, &cpu_weights, statistics);
    for _ in 0..2 {
        own.backward(statistics).unwrap();
    }
    let mut compared = 0;
    for (i, p) in graph.params.iter().enumerate() {
        let what = format!("{name} {}", p.name);
        if p.role.is_learned() {
            let want = &cpu.gradients()[i];
            assert!(want.iter().any(|g| *g != 0.0), "{what}: no gradient at all");
            assert_within(&own.gradients()[i], want, 2e-4, &what);
            compared += want.len();
        } else {
            assert_within(
                &own_weights.tensors[i],
                &cpu_weights.tensors[i],
                1e-4,
                &what,
            );
        }
    }
    assert_eq!(compared, graph.learned_values(), "every parameter");
    assert_within(
        &own.input_gradient().unwrap(),
        &cpu.input_gradient().to_dense(),
        2e-4,
        "input gradient",
    );
    if statistics == Statistics::Frozen {
        assert_eq!(own_weights, weights(&graph), "frozen statistics stay");
    }
}

pub(super) fn is_the_same_twice<L: Launcher>(l: &L) {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let run = || {
        let mut weights = weights(&graph);
        let mut trainer = Trainer::new(l, &graph, Reach::Encoder, 2, 32, 32).unwrap();
        trainer.input_mut().fill_from(&numbers(2 * 32 * 32, 5));
        trainer.forward(&mut weights, Statistics::Batch).unwrap();
        for (k, view) in heads(&graph.outputs).into_iter().enumerate() {
            let gradient = cotangent(trainer.activation(view), view, k as u64);
            write(trainer.output_gradient_mut(view), view, &gradient);
        }
        trainer.backward(Statistics::Batch).unwrap();
        assert!(
            trainer.input_gradient().unwrap().is_empty(),
            "not asked for"
        );
        (weights, trainer.gradients().to_vec())
    };
    assert_eq!(run(), run());
}

#[test]
fn batches_too_large_to_index_are_refused() {
    let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
    let refused = Trainer::new(Shim::new(), &graph, Reach::Encoder, 1 << 20, 256, 256).map(drop);
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("can be indexed; lower --set batch"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
}

#[test]
fn blurs_beyond_their_reflection_are_refused() {
    let refused = Trainer::new(Shim::new(), &way_back(), Reach::Input, 1, 2, 2);
    assert_eq!(
        refused.map(drop).unwrap_err(),
        CudaError::TooSmall {
            name: "difference".into(),
            h: 2,
            w: 2,
            radius: 2
        }
    );
}

fn view(storage: usize, first: usize, channels: usize) -> View {
    View {
        storage,
        first,
        channels,
    }
}

/// Image -> Haar -> coupling -> its inverse -> synthesis -> difference to the image -> modulation, with shared parameters
/// and views in the middle of storages: ways to combine operations that no network has.
fn way_back() -> Graph {
    let storage = |name: &str, channels, level| Storage {
        name: name.into(),
        channels,
        level,
    };
    let param = |name: &str, shape: Vec<usize>, role| Param {
        name: name.into(),
        shape,
        role,
        group: Group::Invertible,
    };
    let storages = vec![
        storage("input", 1, 0),
        storage("bands", 4, 1),
        storage("scale, shift", 6, 1),
        storage("coupled", 4, 1),
        storage("scale, shift of the way back", 6, 1),
        storage("uncoupled", 4, 1),
        storage("picture", 1, 0),
        storage("difference", 1, 0),
        storage("gain, blur weight", 2, 0),
        storage("modulated", 1, 0),
        storage("heads", 5, 1),
        storage("normalised", 3, 1),
    ];
    let params = vec![
        param("scale", vec![3, 1, 3, 3], Role::Weight),
        param("shift", vec![3, 1, 3, 3], Role::Weight),
        param("heads", vec![5, 3, 1, 1], Role::Weight),
        param("gain", vec![3], Role::NormGain),
        param("offset", vec![3], Role::NormOffset),
        param("mean", vec![3], Role::RunningMean),
        param("variance", vec![3], Role::RunningVariance),
    ];
    let conv = |kind, input, output, weight| {
        Op::Conv(Conv {
            kind,
            input,
            output,
            weight: ParamId(weight),
            bias: None,
            residual: None,
            activation: Activation::Linear,
        })
    };
    let same = |input, output, weight| conv(ConvKind::Same3, input, output, weight);
    let copy = |from: View, to: View| Op::Copy {
        input: from,
        output: to,
    };
    let ops = vec![
        Op::Haar {
            input: view(0, 0, 1),
            output: view(1, 0, 4),
            gain: 0.5,
        },
        same(view(1, 0, 1), view(2, 0, 3), 0),
        same(view(1, 0, 1), view(2, 3, 3), 1),
        Op::Couple {
            high: view(1, 1, 3),
            scale: view(2, 0, 3),
            shift: view(2, 3, 3),
            output: view(3, 1, 3),
            clamp: 2.0,
        },
        copy(view(1, 0, 1), view(3, 0, 1)),
        // The way back shares the weights.
        same(view(3, 0, 1), view(4, 0, 3), 0),
        same(view(3, 0, 1), view(4, 3, 3), 1),
        Op::BatchNorm(BatchNorm {
            input: view(3, 1, 3),
            output: view(11, 0, 3),
            gain: ParamId(3),
            offset: ParamId(4),
            mean: ParamId(5),
            variance: ParamId(6),
            residual: Some(view(4, 0, 3)),
            // No kink: differences need a smooth function.
            activation: Activation::Linear,
        }),
        conv(ConvKind::Pointwise, view(11, 0, 3), view(10, 0, 5), 2),
        Op::Uncouple {
            high: view(3, 1, 3),
            scale: view(4, 0, 3),
            shift: view(4, 3, 3),
            output: view(5, 1, 3),
            clamp: 2.0,
        },
        copy(view(3, 0, 1), view(5, 0, 1)),
        Op::Unhaar {
            input: view(5, 0, 4),
            output: view(6, 0, 1),
            gain: 0.6,
        },
        Op::Subtract {
            input: view(6, 0, 1),
            other: view(0, 0, 1),
            output: view(7, 0, 1),
        },
        Op::Modulate {
            input: view(7, 0, 1),
            keep: view(8, 0, 1),
            blurred: Some((view(8, 1, 1), Blur::Five)),
            output: view(9, 0, 1),
        },
    ];
    Graph {
        storages,
        params,
        ops,
        input: view(0, 0, 1),
        outputs: Outputs {
            heat: view(10, 0, 1),
            off: view(10, 1, 2),
            size: view(10, 3, 2),
            mask: view(9, 0, 1),
        },
        latents: Vec::new(),
        reconstruction: None,
    }
}

pub(super) fn way_back_has_the_numeric_gradient<L: Launcher>(l: &L) {
    let graph = way_back();
    let pixels = 2 * 8 * 12;
    let mut trainer = Trainer::new(l, &graph, Reach::Input, 2, 8, 12).unwrap();
    let maps = numbers(2 * pixels, 21);
    trainer.upload(view(8, 0, 2), &maps).unwrap();
    let start = weights(&graph);
    let input = numbers(pixels, 3);
    let [heat, off, size, mask] = heads(&graph.outputs);
    let cotangents: Vec<(View, Vec<f32>)> = [heat, off, size, mask]
        .into_iter()
        .enumerate()
        .map(|(k, v)| (v, cotangent(trainer.activation(v), v, 40 + k as u64)))
        .collect();
    // With the gain 1/2 the picture would come back exactly; 0.6 leaves a fifth of it.
    let value = |trainer: &mut Trainer<&L>, input: &[f32], weights: &Weights| -> f64 {
        trainer.input_mut().fill_from(input);
        let mut weights = weights.clone();
        trainer.forward(&mut weights, Statistics::Batch).unwrap();
        cotangents
            .iter()
            .flat_map(|(v, c)| {
                let y = part(trainer.activation(*v), *v);
                y.into_iter().zip(c.clone())
            })
            .map(|(y, c)| f64::from(y) * f64::from(c))
            .sum()
    };
    value(&mut trainer, &input, &start);
    let picture = trainer.download(view(6, 0, 1)).unwrap();
    let want: Vec<f32> = input.iter().map(|v| 1.2 * v).collect();
    assert_within(&picture, &want, 1e-5, "the way back");

    for (v, c) in &cotangents {
        write(trainer.output_gradient_mut(*v), *v, c);
    }
    trainer.backward(Statistics::Batch).unwrap();
    let gradients = trainer.gradients().to_vec();
    let d_input = trainer.input_gradient().unwrap();

    // f32 forward passes: a large step and a loose comparison along random directions, each of which sees every entry.
    let step = 1e-2f32;
    let mut along = |what: &str, slope: f64, by: &dyn Fn(f32) -> (Vec<f32>, Weights)| {
        let mut at = |by_step: f32| {
            let (input, weights) = by(by_step);
            value(&mut trainer, &input, &weights)
        };
        let numeric = (at(step) - at(-step)) / (2.0 * f64::from(step));
        assert!(
            (numeric - slope).abs() <= 5e-3 * slope.abs().max(1.0),
            "{what}: {slope} against {numeric} by differences"
        );
    };
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let moved = |x: &[f32], d: &[f32], by: f32| -> Vec<f32> {
        x.iter().zip(d).map(|(x, d)| x + by * d).collect()
    };
    for seed in 60..64 {
        let d = numbers(pixels, seed);
        along("input", dot(&d, &d_input), &|by| {
            (moved(&input, &d, by), start.clone())
        });
        for (i, p) in graph.params.iter().enumerate() {
            if !p.role.is_learned() {
                continue;
            }
            let d = numbers(p.len(), seed + 100 * i as u64);
            along(&p.name, dot(&d, &gradients[i]), &|by| {
                let mut weights = start.clone();
                weights.tensors[i] = moved(&start.tensors[i], &d, by);
                (input.clone(), weights)
            });
        }
    }
}
