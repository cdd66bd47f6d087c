//! Whole networks against an independent PyTorch program: outputs, every gradient, running statistics, folded outputs.
//!
//! `tests/golden/network/PROVENANCE.md` says how the files were made.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use invdet_cpu::Engine;
use invdet_cpu::inference::Network;
use invdet_cpu::planes::Planes;
use invdet_cpu::training::{Reach, Statistics, Trainer};
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::decode::Map;
use invdet_net::graph::{Graph, View};
use invdet_net::weights::{Weights, floats};
use safetensors::SafeTensors;
use std::path::PathBuf;

const CASES: [&str; 10] = [
    "default-s-small",
    "two-blocks",
    "dense-subnet",
    "irn-haar-irn-split",
    "s-rev-1",
    "s-rev-4",
    "decoder-p",
    "mmfb-sum",
    "mask-detail",
    "profile-s",
];

struct Fixture {
    name: &'static str,
    bytes: Vec<u8>,
    graph: Graph,
}

impl Fixture {
    fn load(name: &'static str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network");
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config.as_object_mut().unwrap().remove("stages").unwrap(), 4);
        let config: NetworkConfig = serde_json::from_value(config).unwrap();
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        Self {
            name,
            bytes,
            graph: build(&config).unwrap(),
        }
    }

    fn get(&self, tensor: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        floats(
            file.tensor(tensor)
                .unwrap_or_else(|e| panic!("{}: {tensor}: {e}", self.name))
                .data(),
        )
    }

    fn weights(&self) -> Weights {
        let of = |p: &invdet_net::graph::Param| self.get(&format!("param/{}", p.name));
        Weights {
            tensors: self.graph.params.iter().map(of).collect(),
        }
    }

    /// Largest difference over the largest value (at least 0.1) stays below `tolerance`.
    fn check(&self, what: &str, got: &[f32], tolerance: f32) {
        let want = self.get(what);
        assert_eq!(got.len(), want.len(), "{}: {what}: length", self.name);
        let scale = want.iter().fold(0.1f32, |m, x| m.max(x.abs()));
        let worst = got
            .iter()
            .zip(&want)
            .map(|(g, w)| (g - w).abs())
            .fold(0.0f32, f32::max);
        assert!(
            worst <= tolerance * scale,
            "{}: {what}: off by {worst} of {scale}",
            self.name
        );
    }
}

fn heads(graph: &Graph) -> [(&'static str, View); 4] {
    let o = graph.outputs;
    [
        ("heat", o.heat),
        ("off", o.off),
        ("size", o.size),
        ("mask", o.mask),
    ]
}

fn part(planes: &Planes, view: View) -> Vec<f32> {
    let mut values = Vec::new();
    for n in 0..planes.images() {
        for c in view.first..view.first + view.channels {
            (0..planes.geometry().h).for_each(|y| values.extend_from_slice(planes.row(n, c, y)));
        }
    }
    values
}

fn write(planes: &mut Planes, view: View, values: &[f32]) {
    let (h, w) = (planes.geometry().h, planes.geometry().w);
    for (i, row) in values.chunks_exact(w).enumerate() {
        planes
            .row_mut(
                i / (view.channels * h),
                view.first + i / h % view.channels,
                i % h,
            )
            .copy_from_slice(row);
    }
}

#[test]
fn training_pass_and_every_gradient_equal_pytorch() {
    for name in CASES {
        let f = Fixture::load(name);
        for threads in [1, 2] {
            let engine = Engine::new(threads);
            let mut weights = f.weights();
            let mut trainer = Trainer::new(&f.graph, Reach::Input, 2, 32, 48);
            trainer.input_mut().fill_from(&f.get("input"));
            trainer.forward(&engine, &mut weights, Statistics::Batch);
            for (head, view) in heads(&f.graph) {
                f.check(
                    &format!("output/{head}"),
                    &part(trainer.activation(view), view),
                    1e-5,
                );
            }
            for (head, view) in heads(&f.graph) {
                let cotangent = f.get(&format!("cotangent/{head}"));
                write(trainer.output_gradient_mut(view), view, &cotangent);
            }
            trainer.backward(&engine, &weights, Statistics::Batch);
            for (i, p) in f.graph.params.iter().enumerate() {
                if p.role.is_learned() {
                    f.check(&format!("grad/{}", p.name), &trainer.gradients()[i], 5e-5);
                } else {
                    f.check(&format!("stats/{}", p.name), &weights.tensors[i], 1e-5);
                }
            }
            f.check("grad_input", &trainer.input_gradient().to_dense(), 5e-5);
        }
    }
}

#[test]
fn folded_network_equals_pytorch_with_running_statistics() {
    for name in CASES {
        let f = Fixture::load(name);
        let engine = Engine::new(2);
        let mut network = Network::new(&f.graph, &f.weights(), 32, 48);
        let input = f.get("input");
        let mut got: [Vec<f32>; 4] = Default::default();
        for image in input.chunks_exact(32 * 48) {
            network.input_mut().fill_from(image);
            network.run(&engine);
            let maps = network.heads();
            let mut push =
                |k: usize, m: Map<'_>| (0..m.h).for_each(|y| got[k].extend_from_slice(m.row(y)));
            push(0, maps.heat);
            maps.off.into_iter().for_each(|m| push(1, m));
            maps.size.into_iter().for_each(|m| push(2, m));
            push(3, network.mask());
        }
        for (k, (head, _)) in heads(&f.graph).into_iter().enumerate() {
            f.check(&format!("eval/{head}"), &got[k], 1e-5);
        }
    }
}

#[test]
fn result_of_a_training_pass_does_not_depend_on_the_number_of_threads() {
    let f = Fixture::load("profile-s");
    let run = |threads| {
        let engine = Engine::new(threads);
        let mut weights = f.weights();
        let mut trainer = Trainer::new(&f.graph, Reach::Encoder, 2, 32, 48);
        trainer.input_mut().fill_from(&f.get("input"));
        trainer.forward(&engine, &mut weights, Statistics::Batch);
        for (head, view) in heads(&f.graph) {
            write(
                trainer.output_gradient_mut(view),
                view,
                &f.get(&format!("cotangent/{head}")),
            );
        }
        trainer.backward(&engine, &weights, Statistics::Batch);
        (weights, trainer.gradients().to_vec())
    };
    assert_eq!(run(1), run(3));
}
