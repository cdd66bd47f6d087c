//! The state of a run: enough that a resumed run ends bit for bit as an uncut one.

use crate::optim::AdamW;
use anyhow::{Context as _, bail};
use invdet_net::graph::Graph;
use invdet_net::manifest::write_whole;
use invdet_net::weights::{Weights, floats, save_tensors};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What changes while a run goes on. Random numbers need no state: they follow from seed, epoch and index.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Weights as the optimizer moves them.
    pub weights: Weights,
    /// Their moving average: what is validated and shipped.
    pub average: Weights,
    /// Moments of the detection optimizer.
    pub optimizer: AdamW,
    /// Moments of the reconstruction optimizer; zero in a run without one.
    pub reconstruction: AdamW,
    /// Counters.
    pub progress: Progress,
}

/// Counters of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs done.
    pub epoch: u32,
    /// Optimizer steps done.
    pub step: u64,
    /// Best validation score so far, and its epoch.
    pub best: Option<(f64, u32)>,
    /// Seconds of training so far.
    pub seconds: f64,
    /// First 64 bits of the fingerprint of the training images.
    #[serde(default)]
    pub data: Option<u64>,
}

impl State {
    /// At the start of a run.
    pub fn new(graph: &Graph, weights: Weights) -> Self {
        Self {
            average: weights.clone(),
            weights,
            optimizer: AdamW::new(graph),
            reconstruction: AdamW::new(graph),
            progress: Progress::default(),
        }
    }

    /// Writes the checkpoint; the one before stays until the new one is whole.
    ///
    /// # Errors
    /// The write that failed, for example on a full disk.
    pub fn save(&self, graph: &Graph, path: &Path) -> anyhow::Result<()> {
        let progress = serde_json::to_vec(&self.progress)?;
        // The counters travel in the same file, so that they can never belong to other weights.
        let counters: Vec<f32> = progress.iter().map(|b| f32::from(*b)).collect();
        let mut named = vec![("progress".to_string(), vec![counters.len()], &counters)];
        for (i, p) in graph.params.iter().enumerate() {
            for (kind, values) in [
                ("weights", &self.weights.tensors[i]),
                ("average", &self.average.tensors[i]),
                ("first", &self.optimizer.first[i]),
                ("second", &self.optimizer.second[i]),
                ("reconstruction/first", &self.reconstruction.first[i]),
                ("reconstruction/second", &self.reconstruction.second[i]),
            ] {
                // Only the encoder has moments there.
                if kind.starts_with("reconstruction") && values.iter().all(|v| *v == 0.0) {
                    continue;
                }
                named.push((format!("{kind}/{}", p.name), p.shape.clone(), values));
            }
        }
        let bytes = save_tensors(named).map_err(anyhow::Error::msg)?;
        write_whole(path, &bytes).with_context(|| {
            format!(
                "{}: checkpoint cannot be written; the last one is kept",
                path.display()
            )
        })
    }

    /// Reads a checkpoint of a run with this graph.
    ///
    /// # Errors
    /// Damage, or another network.
    pub fn load(graph: &Graph, path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let bytes = std::fs::read(path).with_context(|| name.to_string())?;
        let file = SafeTensors::deserialize(&bytes).with_context(|| {
            format!("{name}: damaged checkpoint; train again into another --out")
        })?;
        let get = |tensor: &str, shape: Option<&[usize]>| -> anyhow::Result<Vec<f32>> {
            let view = file.tensor(tensor).with_context(|| {
                format!("{name}: checkpoint of another network; train again into another --out")
            })?;
            if shape.is_some_and(|s| s != view.shape()) {
                bail!(
                    "{name}: {tensor} is {:?}, the run's network wants {shape:?}; resume with the settings of the run",
                    view.shape()
                );
            }
            Ok(floats(view.data()))
        };
        let counters: Vec<u8> = get("progress", None)?
            .into_iter()
            .map(|b| b as u8)
            .collect();
        let progress = serde_json::from_slice(&counters)
            .with_context(|| format!("{name}: damaged counters; train again into another --out"))?;
        let all = |kind: &str| -> anyhow::Result<Vec<Vec<f32>>> {
            graph
                .params
                .iter()
                .map(|p| get(&format!("{kind}/{}", p.name), Some(&p.shape)))
                .collect()
        };
        let optimizer = AdamW {
            first: all("first")?,
            second: all("second")?,
        };
        let mut reconstruction = AdamW::new(graph);
        for (kind, moments) in [
            ("first", &mut reconstruction.first),
            ("second", &mut reconstruction.second),
        ] {
            for (p, values) in graph.params.iter().zip(moments) {
                let tensor = format!("reconstruction/{kind}/{}", p.name);
                if file.tensor(&tensor).is_ok() {
                    *values = get(&tensor, Some(&p.shape))?;
                }
            }
        }
        let (weights, average) = (
            Weights {
                tensors: all("weights")?,
            },
            Weights {
                tensors: all("average")?,
            },
        );
        Ok(Self {
            weights,
            average,
            optimizer,
            reconstruction,
            progress,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::State;
    use crate::optim::initial_weights;
    use invdet_net::arch::build;
    use invdet_net::config::NetworkConfig;

    #[test]
    fn state_survives_the_file_bit_for_bit_and_damage_is_refused() {
        let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
        let mut state = State::new(&graph, initial_weights(&graph, 3));
        state.progress.step = (7 << 32) + 9;
        state.optimizer.first[0][0] = 1e-30;
        state.reconstruction.second[1][0] = 1e-20;
        state.progress.best = Some((0.1 + 0.2, 4));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        state.save(&graph, &path).unwrap();
        assert_eq!(State::load(&graph, &path).unwrap(), state);

        let other = build(&NetworkConfig::named("b").unwrap()).unwrap();
        assert!(
            State::load(&other, &path)
                .unwrap_err()
                .to_string()
                .contains("checkpoint")
        );
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(
            State::load(&graph, &path)
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }
}
