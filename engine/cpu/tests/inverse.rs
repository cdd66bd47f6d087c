//! The backward path: it inverts the encoder, and its gradient is that of an `f64` program that knows nothing of kernels.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "set-up of made-up networks; a failure there fails the test"
)]

use invdet_cpu::Engine;
use invdet_cpu::training::{Reach, Statistics, Trainer};
use invdet_net::arch::{InverseConfig, Modulated, build, build_with_reconstruction};
use invdet_net::config::{Haar, NetworkConfig, Split, Subnet};
use invdet_net::graph::{Activation, Conv, ConvKind, Graph, Group, Op, Role, View};
use invdet_net::weights::Weights;

/// Uniform in -1..1, reproducible.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    }
}

fn config() -> NetworkConfig {
    NetworkConfig {
        n_block: [2, 2, 1, 1],
        hidden: [4, 6, 4, 4],
        conv_channels: [8, 8, 8, 8],
        neck: [4, 4, 4, 4],
        trunk: 4,
        mask_channels: 4,
        ..NetworkConfig::named("s").unwrap()
    }
}

fn weights(graph: &Graph) -> Weights {
    let mut draw = Draw(77);
    let mut weights = Weights::neutral(graph);
    for (param, values) in graph.params.iter().zip(&mut weights.tensors) {
        if matches!(param.role, Role::Weight | Role::ZeroWeight | Role::Bias) {
            let fan_in: usize = param.shape[1..].iter().product();
            let scale = (1.0 / fan_in.max(1) as f64).sqrt();
            values
                .iter_mut()
                .for_each(|w| *w = (scale * draw.next()) as f32);
        }
    }
    weights
}

/// Fills the modulation maps: identity, or random.
fn fill_maps(trainer: &mut Trainer, random: bool) {
    let modulations = trainer.graph().reconstruction.clone().unwrap().modulations;
    let mut draw = Draw(5);
    for m in modulations {
        for part in [m.low, m.high] {
            for (map, neutral) in [(Some(part.keep), 1.0), (part.blurred, 0.0)] {
                let Some(map) = map else { continue };
                let planes = trainer.activation_mut(map);
                let (images, h) = (planes.images(), planes.geometry().h);
                for (n, y) in (0..images * h).map(|i| (i / h, i % h)) {
                    for v in planes.row_mut(n, map.first, y) {
                        *v = neutral
                            + if random {
                                0.5 * draw.next() as f32
                            } else {
                                0.0
                            };
                    }
                }
            }
        }
    }
}

const PLAIN: InverseConfig = InverseConfig {
    modulated: Modulated::All,
    centered_low: false,
    quantize: false,
    pyramid: false,
};

#[test]
fn without_modulation_the_backward_path_gives_the_image_back() {
    let variants = [
        config(),
        NetworkConfig {
            haar: Haar::Irn,
            split: Split::Irn,
            ..config()
        },
        NetworkConfig {
            subnet: Subnet::Dense,
            ..config()
        },
        NetworkConfig {
            s_rev: 4,
            ..config()
        },
    ];
    let engine = Engine::new(2);
    for c in variants {
        let graph = build_with_reconstruction(
            &c,
            InverseConfig {
                pyramid: true,
                ..PLAIN
            },
        )
        .unwrap();
        let mut weights = weights(&graph);
        let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, 32, 48);
        let mut draw = Draw(3);
        let image: Vec<f32> = (0..2 * 32 * 48).map(|_| 1.7 * draw.next() as f32).collect();
        trainer.input_mut().fill_from(&image);
        fill_maps(&mut trainer, false);
        trainer.forward(&engine, &mut weights, Statistics::Frozen);
        let latents = trainer.activation(graph.latents[0]).to_dense();
        trainer.reconstruct(&engine, &weights);
        let r = graph.reconstruction.as_ref().unwrap();
        for output in [r.output, r.pyramid.unwrap()] {
            let back = trainer.activation(output).to_dense();
            let worst = worst_difference(&back, &image);
            assert!(worst < 1e-4, "{c:?}: the image comes back within {worst}");
        }
        let moved = worst_difference(&latents, &haar_of(&image, c.haar.gain()));
        assert!(moved > 0.1, "the blocks do nothing: the test shows nothing");
    }
}

fn worst_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
}

fn haar_of(image: &[f32], gain: f32) -> Vec<f32> {
    let image = invdet_cpu::reference::Dense {
        shape: [2, 1, 32, 48],
        data: image.to_vec(),
    };
    invdet_cpu::reference::haar(&image, gain).data
}

#[test]
fn at_the_start_the_latents_are_the_haar_pyramid() {
    let graph = build(&config()).unwrap();
    let mut weights = weights(&graph);
    for (param, values) in graph.params.iter().zip(&mut weights.tensors) {
        let last = param.name.starts_with("encoder.stage1") && param.name.contains("conv1");
        if last && param.group == Group::Invertible {
            values.fill(0.0);
        }
    }
    let mut trainer = Trainer::new(&graph, Reach::Encoder, 2, 32, 48);
    let mut draw = Draw(3);
    let image: Vec<f32> = (0..2 * 32 * 48).map(|_| draw.next() as f32).collect();
    trainer.input_mut().fill_from(&image);
    trainer.forward(&Engine::new(1), &mut weights, Statistics::Frozen);
    let latents = trainer.activation(graph.latents[0]).to_dense();
    assert!(worst_difference(&latents, &haar_of(&image, 0.5)) < 1e-6);
}

#[test]
fn the_gradient_of_the_reconstruction_passes_finite_differences() {
    for (network, inverse) in [
        (config(), PLAIN),
        (
            NetworkConfig {
                haar: Haar::Irn,
                split: Split::Irn,
                ..config()
            },
            InverseConfig {
                centered_low: true,
                modulated: Modulated::Deepest,
                ..PLAIN
            },
        ),
        (
            NetworkConfig {
                subnet: Subnet::Dense,
                n_block: [1, 1, 1, 1],
                ..config()
            },
            InverseConfig {
                centered_low: true,
                ..PLAIN
            },
        ),
    ] {
        let graph = build_with_reconstruction(&network, inverse).unwrap();
        let mut weights = weights(&graph);
        let engine = Engine::new(2);
        let (images, h, w) = (2, 16, 32);
        let mut trainer = Trainer::new(&graph, Reach::Encoder, images, h, w);
        let mut draw = Draw(9);
        let image: Vec<f32> = (0..images * h * w).map(|_| draw.next() as f32).collect();
        trainer.input_mut().fill_from(&image);
        fill_maps(&mut trainer, true);
        trainer.forward(&engine, &mut weights, Statistics::Frozen);
        trainer.reconstruct(&engine, &weights);
        let seed: Vec<f32> = (0..image.len()).map(|_| draw.next() as f32).collect();
        let output = graph.reconstruction.as_ref().unwrap().output;
        let gradient = trainer.reconstruction_gradient_mut().unwrap();
        for (i, row) in seed.chunks_exact(w).enumerate() {
            gradient
                .row_mut(i / h, output.first, i % h)
                .copy_from_slice(row);
        }
        trainer.backward_reconstruction(&engine, &weights);

        let mut program = Program::new(&graph, images, h, w, &trainer);
        let values: Vec<Vec<f64>> = weights
            .tensors
            .iter()
            .map(|t| t.iter().map(|v| f64::from(*v)).collect())
            .collect();
        let got = program.reconstruct(&values);
        let ours = trainer.activation(output).to_dense();
        for (a, b) in got.iter().zip(&ours) {
            assert!((a - f64::from(*b)).abs() < 1e-4, "{a} against {b}");
        }
        let mut loss = |values: &[Vec<f64>]| -> f64 {
            let x = program.reconstruct(values);
            x.iter().zip(&seed).map(|(x, s)| x * f64::from(*s)).sum()
        };
        for (i, param) in graph.params.iter().enumerate() {
            let gradient = &trainer.reconstruction_gradients()[i];
            if param.group != Group::Invertible {
                assert!(
                    gradient.iter().all(|g| *g == 0.0),
                    "{} has a gradient of the reconstruction",
                    param.name
                );
                continue;
            }
            // Along the gradient and along a random direction.
            let along: Vec<f64> = gradient.iter().map(|g| f64::from(*g)).collect();
            let across: Vec<f64> = gradient.iter().map(|_| draw.next()).collect();
            for direction in [along, across] {
                let norm = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
                let step = 1e-6 / norm.max(1e-12);
                let mut at = |sign: f64| {
                    let mut moved = values.clone();
                    for (v, d) in moved[i].iter_mut().zip(&direction) {
                        *v += sign * step * d;
                    }
                    loss(&moved)
                };
                let difference = (at(1.0) - at(-1.0)) / (2.0 * step);
                let dot: f64 = gradient
                    .iter()
                    .zip(&direction)
                    .map(|(g, d)| f64::from(*g) * d)
                    .sum();
                let size = gradient
                    .iter()
                    .map(|g| f64::from(*g).powi(2))
                    .sum::<f64>()
                    .sqrt();
                assert!(size > 0.0, "{} has no gradient", param.name);
                assert!(
                    (difference - dot).abs() < 1e-3 * size * norm,
                    "{}: {difference} by differences, {dot} by the engine",
                    param.name
                );
            }
        }
    }
}

/// Runs the encoder and the backward path in `f64`, plainly.
struct Program<'a> {
    graph: &'a Graph,
    images: usize,
    h: usize,
    w: usize,
    storages: Vec<Vec<f64>>,
}

impl<'a> Program<'a> {
    /// With the input and the modulation maps of `trainer`.
    fn new(graph: &'a Graph, images: usize, h: usize, w: usize, trainer: &Trainer) -> Self {
        let storages = (0..graph.storages.len())
            .map(|storage| {
                let view = View {
                    storage,
                    first: 0,
                    channels: 1,
                };
                let values = trainer.activation(view).to_dense();
                values.into_iter().map(f64::from).collect()
            })
            .collect();
        Self {
            graph,
            images,
            h,
            w,
            storages,
        }
    }

    fn size(&self, view: View) -> (usize, usize) {
        let level = self.graph.storages[view.storage].level;
        (self.h >> level, self.w >> level)
    }

    fn index(&self, v: View, n: usize, c: usize, y: usize, x: usize) -> usize {
        let (h, w) = self.size(v);
        ((n * self.graph.storages[v.storage].channels + v.first + c) * h + y) * w + x
    }

    /// Zero outside.
    fn get(&self, v: View, n: usize, c: usize, y: isize, x: isize) -> f64 {
        let (h, w) = self.size(v);
        if y < 0 || x < 0 || y >= h as isize || x >= w as isize {
            return 0.0;
        }
        self.storages[v.storage][self.index(v, n, c, y as usize, x as usize)]
    }

    fn fill(&mut self, out: View, value: impl Fn(&Self, usize, usize, usize, usize) -> f64) {
        let (h, w) = self.size(out);
        for n in 0..self.images {
            for c in 0..out.channels {
                for (y, x) in (0..h * w).map(|i| (i / w, i % w)) {
                    let v = value(self, n, c, y, x);
                    let at = self.index(out, n, c, y, x);
                    self.storages[out.storage][at] = v;
                }
            }
        }
    }

    fn reconstruct(&mut self, weights: &[Vec<f64>]) -> Vec<f64> {
        let graph = self.graph;
        let encoder = |op: &Op| match op {
            Op::Conv(c) => graph.params[c.weight.0].group == Group::Invertible,
            Op::Haar { .. } | Op::Couple { .. } => true,
            Op::Copy { output, .. } => graph.storages[output.storage].name.contains("dense"),
            _ => false,
        };
        for (i, op) in graph.ops.iter().enumerate() {
            if i >= graph.forward_ops() || encoder(op) {
                self.step(op, weights);
            }
        }
        let output = graph.reconstruction.as_ref().unwrap().output;
        self.storages[output.storage].clone()
    }

    fn step(&mut self, op: &Op, weights: &[Vec<f64>]) {
        const SIGNS: [[f64; 4]; 4] = [
            [1.0, 1.0, 1.0, 1.0],
            [1.0, -1.0, 1.0, -1.0],
            [1.0, 1.0, -1.0, -1.0],
            [1.0, -1.0, -1.0, 1.0],
        ];
        let at =
            |p: &Self, v: View, n, c, y: usize, x: usize| p.get(v, n, c, y as isize, x as isize);
        match op.clone() {
            Op::Haar {
                input,
                output,
                gain,
            } => self.fill(output, |p, n, c, y, x| {
                let (band, c) = (c / input.channels, c % input.channels);
                let sum: f64 = (0..4)
                    .map(|k| SIGNS[band][k] * at(p, input, n, c, 2 * y + k / 2, 2 * x + k % 2))
                    .sum();
                f64::from(gain) * sum
            }),
            Op::Unhaar {
                input,
                output,
                gain,
            } => self.fill(output, |p, n, c, y, x| {
                let k = y % 2 * 2 + x % 2;
                let sum: f64 = (0..4)
                    .map(|b| SIGNS[b][k] * at(p, input, n, b * output.channels + c, y / 2, x / 2))
                    .sum();
                f64::from(gain) * sum
            }),
            Op::Conv(conv) => self.conv(&conv, weights),
            Op::Couple {
                high,
                scale,
                shift,
                output,
                clamp,
            } => self.fill(output, |p, n, c, y, x| {
                let psi = f64::from(clamp) * (at(p, scale, n, c, y, x) / 2.0).tanh();
                at(p, high, n, c, y, x) * psi.exp() + at(p, shift, n, c, y, x)
            }),
            Op::Uncouple {
                high,
                scale,
                shift,
                output,
                clamp,
            } => self.fill(output, |p, n, c, y, x| {
                let psi = f64::from(clamp) * (at(p, scale, n, c, y, x) / 2.0).tanh();
                (at(p, high, n, c, y, x) - at(p, shift, n, c, y, x)) * (-psi).exp()
            }),
            Op::Subtract {
                input,
                other,
                output,
            } => self.fill(output, |p, n, c, y, x| {
                at(p, input, n, c, y, x) - at(p, other, n, c, y, x)
            }),
            Op::Modulate {
                input,
                keep,
                blurred,
                output,
            } => {
                let (h, w) = self.size(input);
                let mirror = |i: isize, n: usize| {
                    let last = n as isize - 1;
                    let i = i.abs();
                    (if i > last { 2 * last - i } else { i }) as usize
                };
                self.fill(output, |p, n, c, y, x| {
                    let kept = at(p, keep, n, 0, y, x) * at(p, input, n, c, y, x);
                    let Some((map, blur)) = blurred else {
                        return kept;
                    };
                    let (taps, reach) = (blur.taps(), blur.taps().len() as isize / 2);
                    let mut low = 0.0;
                    for (i, a) in taps.iter().enumerate() {
                        for (j, b) in taps.iter().enumerate() {
                            let from = mirror(y as isize + i as isize - reach, h);
                            let column = mirror(x as isize + j as isize - reach, w);
                            low += f64::from(a * b) * at(p, input, n, c, from, column);
                        }
                    }
                    kept - at(p, map, n, 0, y, x) * low
                });
            }
            Op::Copy { input, output } => {
                self.fill(output, |p, n, c, y, x| at(p, input, n, c, y, x));
            }
            other => panic!("not an operation of the encoder: {other:?}"),
        }
    }

    fn conv(&mut self, conv: &Conv, weights: &[Vec<f64>]) {
        assert_eq!(conv.kind, ConvKind::Same3);
        let weight = &weights[conv.weight.0];
        let inputs = conv.input.channels;
        self.fill(conv.output, |p, n, o, y, x| {
            let mut sum = conv.bias.map_or(0.0, |b| weights[b.0][o]);
            for i in 0..inputs {
                for k in 0..9 {
                    let (dy, dx) = (k as isize / 3 - 1, k as isize % 3 - 1);
                    let pixel = p.get(conv.input, n, i, y as isize + dy, x as isize + dx);
                    sum += weight[(o * inputs + i) * 9 + k] * pixel;
                }
            }
            if let Some(r) = conv.residual {
                sum += p.get(r, n, o, y as isize, x as isize);
            }
            match conv.activation {
                Activation::Linear => sum,
                a => sum.max(f64::from(a.slope()) * sum),
            }
        });
    }
}
