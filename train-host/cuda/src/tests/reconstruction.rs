//! The network with its backward path: both descents against the CPU's trainer.

use super::dense::{assert_within, numbers};
use super::network::{SHAPE, cotangent, heads, part, weights, write};
use super::quantize;
use crate::Trainer;
use crate::launcher::Launcher;
use invdet_cpu::Engine;
use invdet_cpu::planes::Planes;
use invdet_cpu::training::{self, Reach, Statistics};
use invdet_net::arch::{InverseConfig, Modulated, build_with_reconstruction};
use invdet_net::config::NetworkConfig;
use invdet_net::graph::{Graph, Group, Op, View};

fn graph(quantize: bool) -> Graph {
    let inverse = InverseConfig {
        modulated: Modulated::All,
        centered_low: true,
        quantize,
        pyramid: true,
    };
    build_with_reconstruction(&NetworkConfig::named("s").unwrap(), inverse).unwrap()
}

/// Random modulation maps, some way from the identity.
fn maps(graph: &Graph) -> Vec<(View, Vec<f32>)> {
    let [images, height, width] = SHAPE;
    let stages = &graph.reconstruction.as_ref().unwrap().modulations;
    let parts = stages.iter().flat_map(|m| [m.low, m.high]);
    let views = parts.flat_map(|m| [(Some(m.keep), 1.0), (m.blurred, 0.0)]);
    views
        .filter_map(|(view, neutral)| Some((view?, neutral)))
        .map(|(view, neutral)| {
            let level = graph.storages[view.storage].level;
            let count = images * (height >> level) * (width >> level);
            let values = numbers(count, 500 + view.storage as u64);
            (view, values.iter().map(|v| neutral + 0.5 * v).collect())
        })
        .collect()
}

pub(super) fn equals_the_cpu<L: Launcher>(l: &L) {
    both_descents(l, &graph(false), Reach::Encoder, 2e-4);
}

/// A value on the edge between two levels may be rounded the other way here than there: an error of a level in a
/// hundred, where a gradient that is not passed on would be all of it.
pub(super) fn with_quantization<L: Launcher>(l: &L) {
    let graph = graph(true);
    let own = both_descents(l, &graph, Reach::Encoder, 3e-2);
    let (mut parts, mut levels) = (0, 0);
    for op in &graph.ops {
        let Op::Quantize { input, output } = op else {
            continue;
        };
        let from = channels(&graph, &own, *input);
        assert_eq!(channels(&graph, &own, *output), quantize::plain(&from));
        let mut distinct: Vec<u32> = channels(&graph, &own, *output)
            .iter()
            .map(|v| v.to_bits())
            .collect();
        distinct.sort_unstable();
        distinct.dedup();
        levels = levels.max(distinct.len());
        parts += 1;
    }
    assert_eq!(parts, 2, "low-pass and high-pass part");
    assert!((20..=256).contains(&levels), "{levels} levels");
}

pub(super) fn ends_at_the_latents<L: Launcher>(l: &L) {
    both_descents(l, &graph(false), Reach::Latents, 2e-4);
}

/// The channels of a view as they are on the device.
fn channels<L: Launcher>(graph: &Graph, trainer: &Trainer<L>, view: View) -> Vec<f32> {
    let s = &graph.storages[view.storage];
    let plane = (SHAPE[1] >> s.level) * (SHAPE[2] >> s.level);
    let all = trainer.download(view).unwrap();
    let images = all.chunks_exact(s.channels * plane);
    let first = view.first * plane;
    images
        .flat_map(|image| &image[first..first + view.channels * plane])
        .copied()
        .collect()
}

/// A training step as far as its gradients: heads, `X_rec`, pyramid and both sets of gradients.
fn both_descents<'a, L: Launcher>(
    l: &'a L,
    graph: &Graph,
    reach: Reach,
    tolerance: f32,
) -> Trainer<&'a L> {
    let path = graph.reconstruction.clone().unwrap();
    let [images, height, width] = SHAPE;
    let engine = Engine::new(2);
    let (mut cpu_weights, mut own_weights) = (weights(graph), weights(graph));
    let mut cpu = training::Trainer::new(graph, reach, images, height, width);
    let mut own = Trainer::new(l, graph, reach, images, height, width).unwrap();
    let input = numbers(images * height * width, 99);
    cpu.input_mut().fill_from(&input);
    own.input_mut().fill_from(&input);
    for (view, values) in maps(graph) {
        write(cpu.activation_mut(view), view, &values);
        write(own.activation_mut(view), view, &values);
    }
    let close = |own: &Planes, cpu: &Planes, view: View, what: &str| {
        assert_within(&part(own, view), &part(cpu, view), tolerance, what);
    };

    cpu.forward(&engine, &mut cpu_weights, Statistics::Batch);
    cpu.reconstruct(&engine, &cpu_weights);
    own.forward(&mut own_weights, Statistics::Batch).unwrap();
    own.reconstruct().unwrap();
    let mut compared = heads(&graph.outputs).to_vec();
    compared.extend([Some(path.output), path.pyramid].into_iter().flatten());
    assert_eq!(compared.len(), 6);
    for (k, view) in compared.into_iter().enumerate() {
        let (ours, theirs) = (own.activation(view), cpu.activation(view));
        close(ours, theirs, view, &format!("output {k}"));
    }
    assert_eq!(own.activation(graph.input).to_dense(), input);

    for (k, view) in heads(&graph.outputs).into_iter().enumerate() {
        let gradient = cotangent(cpu.activation(view), view, k as u64 + 7);
        write(cpu.output_gradient_mut(view), view, &gradient);
        write(own.output_gradient_mut(view), view, &gradient);
    }
    let gradient = cotangent(cpu.activation(path.output), path.output, 70);
    let (ours, theirs) = (
        own.reconstruction_gradient_mut().unwrap(),
        cpu.reconstruction_gradient_mut().unwrap(),
    );
    write(ours, path.output, &gradient);
    write(theirs, path.output, &gradient);
    cpu.backward_reconstruction(&engine, &cpu_weights);
    cpu.backward(&engine, &cpu_weights, Statistics::Batch);
    // One descent after the other in the same memory, twice: what either left behind must not matter.
    for _ in 0..2 {
        own.backward_reconstruction().unwrap();
        own.backward(Statistics::Batch).unwrap();
    }
    for (i, p) in graph.params.iter().enumerate() {
        let invertible = p.group == Group::Invertible;
        let detected = p.role.is_learned() && (reach == Reach::Encoder || !invertible);
        for (what, moves, ours, theirs) in [
            ("detection", detected, own.gradients(), cpu.gradients()),
            (
                "reconstruction",
                invertible,
                own.reconstruction_gradients(),
                cpu.reconstruction_gradients(),
            ),
        ] {
            let what = format!("{}, {what}, {reach:?}", p.name);
            let some = ours[i].iter().any(|g| *g != 0.0);
            assert_eq!(some, moves, "{what}: whether there is a gradient");
            assert_within(&ours[i], &theirs[i], tolerance, &what);
        }
    }
    own
}
