//! The smallest network with drawn weights: it finds something in noise, the same on every run. For tests only.

use invdet_net::arch;
use invdet_net::config::NetworkConfig;
use invdet_net::graph::Role;
use invdet_net::manifest::{Decode, Input, Manifest, Model, SCHEMA, WeightsFile};
use invdet_net::weights::Weights;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// A model called `made` with threshold 0.3 and robust normalisation.
pub fn made_model() -> Model {
    let network = NetworkConfig::named("s").unwrap();
    let graph = arch::build(&network).unwrap();
    let mut weights = Weights::neutral(&graph);
    let mut random = Pcg64Mcg::seed_from_u64(5);
    for (param, values) in graph.params.iter().zip(&mut weights.tensors) {
        let inputs: usize = param.shape.iter().skip(1).product();
        let bound = match param.role {
            // Keeps the variance from layer to layer.
            Role::Weight => (3.0 / inputs as f32).sqrt(),
            Role::ZeroWeight => 0.1 * (3.0 / inputs as f32).sqrt(),
            Role::Bias | Role::NormOffset => 0.1,
            Role::PriorBias | Role::NormGain | Role::RunningMean | Role::RunningVariance => {
                continue;
            }
        };
        values.fill_with(|| random.random_range(-bound..bound));
    }
    let manifest = Manifest {
        schema: SCHEMA,
        name: "made".into(),
        input: Input::Robust,
        decode: Decode::default(),
        weights: WeightsFile {
            file: "weights.safetensors".into(),
            sha256: String::new(),
        },
        network,
        training: Default::default(),
    };
    Model {
        manifest,
        graph,
        weights,
    }
}
