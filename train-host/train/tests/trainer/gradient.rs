//! The gradient that training follows is that of the loss it prints: central differences through the whole network.

use crate::blobs;
use invdet_cpu::Engine;
use invdet_cpu::training::{Reach, Statistics, Trainer};
use invdet_data::Target;
use invdet_net::arch::build;
use invdet_net::graph::{Graph, Role};
use invdet_net::weights::Weights;
use invdet_train::loss::{DetectionLoss, Truth};
use invdet_train::optim::initial_weights;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

const SIDE: usize = 64;
const IMAGES: usize = 2;

/// A batch and everything that turns weights into its loss.
struct Bench {
    graph: Graph,
    engine: Engine,
    trainer: Trainer,
    loss: DetectionLoss,
    truths: Vec<Truth>,
    statistics: Statistics,
}

impl Bench {
    fn new(statistics: Statistics) -> Self {
        let graph = build(&blobs::network()).unwrap();
        let mut trainer = Trainer::new(&graph, Reach::Encoder, IMAGES, SIDE, SIDE);
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let mut values: Vec<f32> = (0..IMAGES * SIDE * SIDE)
            .map(|_| rng.random::<f32>() - 0.5)
            .collect();
        let mut truths = vec![
            Truth {
                targets: Vec::new(),
                mask: vec![0; SIDE * SIDE],
                ..Truth::default()
            };
            IMAGES
        ];
        for (n, truth) in truths.iter_mut().enumerate() {
            for (left, top, side) in blobs::targets(n as u32) {
                let (l, t, s) = (left as usize, top as usize, side as usize);
                for y in t..t + s {
                    truth.mask[y * SIDE + l..y * SIDE + l + s].fill(1);
                    values[(n * SIDE + y) * SIDE + l..][..s].fill(4.0);
                }
                let side = side as f32;
                let center = |start: u32| start as f32 + 0.5 * side;
                truth.targets.push(Target {
                    x: center(left),
                    y: center(top),
                    w: side,
                    h: side,
                    area: 1,
                });
            }
        }
        trainer.input_mut().fill_from(&values);
        Self {
            graph,
            engine: Engine::new(1),
            trainer,
            loss: DetectionLoss::default(),
            truths,
            statistics,
        }
    }

    /// As at the start of a run, but with no layer at zero: behind one nothing would have a gradient.
    fn weights(&self) -> Weights {
        let mut weights = initial_weights(&self.graph, 3);
        let mut rng = Pcg64Mcg::seed_from_u64(9);
        for (param, values) in self.graph.params.iter().zip(&mut weights.tensors) {
            if param.role == Role::ZeroWeight {
                values
                    .iter_mut()
                    .for_each(|w| *w = 0.1 * (rng.random::<f32>() - 0.5));
            }
        }
        weights
    }

    fn loss(&mut self, weights: &Weights) -> f64 {
        // A copy: with batch statistics the running ones move, which must not count.
        self.trainer
            .forward(&self.engine, &mut weights.clone(), self.statistics);
        self.loss
            .run(self.engine.pool(), &mut self.trainer, &self.truths)
            .total
    }

    fn gradient(&mut self, weights: &Weights) -> Vec<Vec<f32>> {
        self.loss(weights);
        self.trainer
            .backward(&self.engine, weights, self.statistics);
        self.trainer.gradients().to_vec()
    }

    /// `(L(w + h d) - L(w - h d)) / 2h`.
    fn difference(&mut self, weights: &Weights, direction: &[Vec<f32>]) -> f64 {
        let mut at = |sign: f32| {
            let mut moved = weights.clone();
            for (w, d) in moved
                .tensors
                .iter_mut()
                .flatten()
                .zip(direction.iter().flatten())
            {
                *w += sign * STEP * d;
            }
            self.loss(&moved)
        };
        (at(1.0) - at(-1.0)) / (2.0 * f64::from(STEP))
    }
}

fn dot(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    a.iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

/// Length of a step. Shorter ones drown in rounding; longer ones push more ReLUs over their kink, each of which spoils the
/// difference in proportion to the step. Differences with batch statistics were seen to close in on the gradient from
/// 1e-2 down to 3e-4 and to scatter below.
const STEP: f32 = 3e-4;
/// Rounding of the loss, relative. Each map is f32 (6e-8), the sums over pixels are f64 and average most of it out: at 1e-4
/// differences were seen to scatter as 1e-7 of the loss would make them. Five times that leaves room for other SIMD orders.
const ROUNDING: f64 = 5e-7;
/// Error of a difference beside rounding, relative: kinks and the third-order term. Below 0.3 % was seen.
const CURVATURE: f64 = 0.01;

/// Compares along the gradient of each parameter tensor by itself, scaled to length one; returns how many tensors stood
/// clearly above the rounding of the loss, so that agreement means something.
fn compare_tensor_by_tensor(bench: &mut Bench) -> usize {
    let weights = bench.weights();
    let loss = bench.loss(&weights);
    let gradient = bench.gradient(&weights);
    let noise = ROUNDING * loss / f64::from(STEP);
    let mut meaningful = 0;
    for i in 0..gradient.len() {
        let norm = gradient[i]
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        if norm == 0.0 {
            continue;
        }
        let mut direction: Vec<Vec<f32>> = gradient.iter().map(|g| vec![0.0; g.len()]).collect();
        direction[i] = gradient[i]
            .iter()
            .map(|g| (f64::from(*g) / norm) as f32)
            .collect();
        let expected = dot(&gradient, &direction);
        let found = bench.difference(&weights, &direction);
        let name = &bench.graph.params[i].name;
        assert!(
            (found - expected).abs() <= CURVATURE * expected + noise,
            "{name}: difference {found}, gradient {expected}, noise {noise}"
        );
        meaningful += usize::from(expected > 10.0 * noise);
    }
    meaningful
}

#[test]
fn gradient_of_every_tensor_equals_central_differences_with_batch_statistics() {
    let mut bench = Bench::new(Statistics::Batch);
    let meaningful = compare_tensor_by_tensor(&mut bench);
    let learned = bench
        .graph
        .params
        .iter()
        .filter(|p| p.role.is_learned())
        .count();
    eprintln!("{meaningful} of {learned} tensors stand clearly above rounding");
    assert!(
        2 * meaningful > learned,
        "{meaningful} of {learned} tensors can be told from rounding"
    );
}

#[test]
fn gradient_of_every_tensor_equals_central_differences_with_frozen_statistics() {
    let mut bench = Bench::new(Statistics::Frozen);
    let meaningful = compare_tensor_by_tensor(&mut bench);
    let learned = bench
        .graph
        .params
        .iter()
        .filter(|p| p.role.is_learned())
        .count();
    eprintln!("{meaningful} of {learned} tensors stand clearly above rounding");
    assert!(
        2 * meaningful > learned,
        "{meaningful} of {learned} tensors can be told from rounding"
    );
}

#[test]
fn single_parameters_of_every_role_have_the_gradient_of_their_central_difference() {
    let mut bench = Bench::new(Statistics::Batch);
    let weights = bench.weights();
    let loss = bench.loss(&weights);
    let gradient = bench.gradient(&weights);
    let noise = ROUNDING * loss / f64::from(STEP);
    for role in [
        Role::Weight,
        Role::ZeroWeight,
        Role::Bias,
        Role::PriorBias,
        Role::NormGain,
        Role::NormOffset,
    ] {
        // The steepest parameter of its kind stands farthest above the rounding.
        let of_role = (0..gradient.len()).filter(|i| bench.graph.params[*i].role == role);
        let (i, k) = of_role
            .flat_map(|i| (0..gradient[i].len()).map(move |k| (i, k)))
            .max_by(|a, b| {
                gradient[a.0][a.1]
                    .abs()
                    .total_cmp(&gradient[b.0][b.1].abs())
            })
            .unwrap();
        let expected = f64::from(gradient[i][k]);
        let mut direction: Vec<Vec<f32>> = gradient.iter().map(|g| vec![0.0; g.len()]).collect();
        direction[i][k] = 1.0;
        let found = bench.difference(&weights, &direction);
        let name = &bench.graph.params[i].name;
        eprintln!(
            "{role:?} {name}[{k}]: difference {found:.5}, gradient {expected:.5}, noise {noise:.5}"
        );
        assert!(
            expected.abs() > 10.0 * noise,
            "{name}[{k}]: gradient {expected} drowns in rounding {noise}"
        );
        assert!(
            (found - expected).abs() <= CURVATURE * expected.abs() + noise,
            "{name}[{k}]: {found} against {expected}"
        );
    }
}
