//! The training loop.

use crate::backend::{self, Backend, BackendKind};
use crate::checkpoint::State;
use crate::config::RunConfig;
use crate::guidance::{EncoderGrad, Guidance, RecNoise, neutral_maps, round_trip_error};
use crate::loss::{DetectionLoss, LossParts, Truth};
use crate::optim::{Rates, clip, follow, initial_weights};
use crate::validation::ValidationPass;
use anyhow::{Context as _, bail};
use invdet_cpu::Engine;
use invdet_cpu::training::{Reach, Statistics};
use invdet_data::{Augmenter, Crop, Dataset, Sample, Split, load_split, rng_for, validation_split};
use invdet_net::arch;
use invdet_net::graph::{Graph, Group, Param};
use invdet_net::manifest::{Decode, Input, Manifest, Model, SCHEMA, WeightsFile};
use invdet_net::normalise::Normalisation;
use rand::RngExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Round-trip errors of the encoder, normalised units, at which a run warns and stops.
const ROUND_TRIP_WARN: f32 = 1e-3;
const ROUND_TRIP_ABORT: f32 = 1e-2;

/// Training and validation images of all sets of a run.
pub struct RunData {
    /// To learn from.
    pub train: Vec<Sample>,
    /// To choose the checkpoint and the threshold by; cut from the train splits.
    pub validation: Vec<Sample>,
}

impl RunData {
    /// Loads the train splits of all sets; test splits are never touched.
    ///
    /// # Errors
    /// The first set that cannot be read; no image to train on.
    pub fn load(config: &RunConfig) -> anyhow::Result<Self> {
        let mut data = Self {
            train: Vec::new(),
            validation: Vec::new(),
        };
        if config.data.is_empty() {
            bail!("no data set is named; give --data DIR, once for each set");
        }
        for dir in &config.data {
            let (train, validation) =
                validation_split(load_split(&Dataset::open(dir)?, &Split::Train)?);
            data.train.extend(train);
            data.validation.extend(validation);
        }
        if data.train.is_empty() || data.validation.is_empty() {
            bail!(
                "{} training and {} validation images; wanted at least one of each",
                data.train.len(),
                data.validation.len()
            );
        }
        Ok(data)
    }
}

/// How normalised values of a sample become grey levels of an eight-bit scale; see [`Truth::grey`]. Counts of more than
/// eight bits rarely fill their range: there the normalised range of 16 is taken as 256 levels.
fn grey_levels(sample: &Sample) -> [f32; 2] {
    if sample.bits == 8 {
        [sample.robust.scale, sample.robust.median]
    } else {
        [16.0, 128.0]
    }
}

/// One step's figures.
#[derive(Debug, Clone, Copy)]
pub struct StepReport {
    /// Loss of the batch.
    pub loss: LossParts,
    /// Norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// Learning rate.
    pub lr: f32,
    /// Whether loss and gradients were finite, so that the weights moved.
    pub finite: bool,
}

/// A run in progress.
pub struct Run {
    /// Its settings.
    pub config: RunConfig,
    /// Its network.
    pub graph: Graph,
    /// What changes.
    pub state: State,
    engine: Engine,
    trainer: Box<dyn Backend>,
    loss: DetectionLoss,
    guidance: Guidance,
    augmenter: Augmenter,
    truths: Vec<Truth>,
}

impl Run {
    /// At the start, or at `state` of an interrupted run.
    ///
    /// # Errors
    /// Settings that cannot be.
    pub fn new(config: RunConfig, state: Option<State>, threads: usize) -> anyhow::Result<Self> {
        Self::on(BackendKind::Cpu, config, state, threads)
    }

    /// As [`Run::new`], on `backend`.
    ///
    /// # Errors
    /// Settings that cannot be, a device that is not there.
    pub fn on(
        backend: BackendKind,
        config: RunConfig,
        state: Option<State>,
        threads: usize,
    ) -> anyhow::Result<Self> {
        config.check()?;
        let graph = arch::build(&config.network)?;
        let reach = match config.reconstruction.encoder_grad {
            EncoderGrad::Literal | EncoderGrad::Frozen => Reach::Latents,
            EncoderGrad::Dual | EncoderGrad::Joint | EncoderGrad::DetOnly => Reach::Encoder,
        };
        let state =
            state.unwrap_or_else(|| State::new(&graph, initial_weights(&graph, config.seed)));
        let crop = config.augment.crop as usize;
        Ok(Self {
            trainer: backend::open(backend, &config.graph()?, reach, [config.batch, crop, crop])?,
            guidance: Guidance::new(&config.reconstruction, config.tarm, config.gctm),
            engine: Engine::new(threads),
            loss: DetectionLoss::new(config.loss),
            augmenter: Augmenter::new(config.augment.clone(), Normalisation::Robust)?,
            truths: vec![Truth::default(); config.batch],
            graph,
            state,
            config,
        })
    }

    /// For the operator: what computes.
    pub fn backend(&self) -> String {
        self.trainer.description()
    }

    /// Steps of an epoch over `train`.
    pub fn steps_per_epoch(&self, train: &[Sample]) -> usize {
        (train.len() / self.config.batch).max(1)
    }

    /// Indices into `train` for one epoch; depends on seed and epoch alone.
    fn order(&self, train: &[Sample], epoch: u32) -> Vec<usize> {
        let mut rng = rng_for(self.config.seed, u64::from(epoch), u64::MAX);
        let mut sets: Vec<(&str, Vec<usize>)> = Vec::new();
        for (i, s) in train.iter().enumerate() {
            match sets.iter_mut().find(|(name, _)| *name == s.set) {
                Some((_, members)) => members.push(i),
                None => sets.push((&s.set, vec![i])),
            }
        }
        // Share of a set: n^(1 - balance), so 0 is by image and 1 is by set.
        let weight = |n: usize| (n as f64).powf(1.0 - f64::from(self.config.balance));
        let total: f64 = sets.iter().map(|(_, m)| weight(m.len())).sum();
        let mut order = Vec::with_capacity(train.len() + sets.len());
        for (_, members) in &mut sets {
            let wanted = (train.len() as f64 * weight(members.len()) / total).round() as usize;
            for k in 0..wanted {
                // Each pass over the set is a new permutation.
                let at = k % members.len();
                let other = rng.random_range(at..members.len());
                members.swap(at, other);
                order.push(members[at]);
            }
        }
        for at in 0..order.len() {
            let other = rng.random_range(at..order.len());
            order.swap(at, other);
        }
        order
    }

    /// Trains one epoch; `report` is called after each step.
    ///
    /// # Errors
    /// A batch that cannot be made, a failure of the device, or gradients that are not finite ten steps in a row.
    pub fn epoch(
        &mut self,
        train: &[Sample],
        mut report: impl FnMut(&StepReport),
    ) -> anyhow::Result<()> {
        let epoch = self.state.progress.epoch;
        let started = Instant::now();
        let order = self.order(train, epoch);
        let steps = self.steps_per_epoch(train);
        let epochs = self.config.epochs as f32;
        let frozen = epoch as f32 >= (1.0 - self.config.freeze_norm) * epochs && epoch > 0;
        let statistics = if frozen {
            Statistics::Frozen
        } else {
            Statistics::Batch
        };
        let mut bad = 0;
        for step in 0..steps {
            self.fill_batch(train, &order, epoch, step)?;
            let done = self.train_step(statistics, epoch as f32 + step as f32 / steps as f32)?;
            if done.finite {
                bad = 0;
            } else {
                bad += 1;
                log::warn!(
                    "epoch {epoch} step {step}: loss {} or gradient is not finite, step skipped",
                    done.loss.total
                );
                if bad >= 10 {
                    bail!(
                        "ten steps in a row were not finite; resume with a lower --set optimizer.lr"
                    );
                }
            }
            report(&done);
        }
        self.check_health()?;
        self.state.progress.epoch += 1;
        self.state.progress.seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    /// The batch of the next [`Run::train_step`]: pixels `[N, 1, H, W]` and what they show.
    pub fn set_batch(&mut self, pixels: &[f32], truths: &[Truth]) {
        let input = self.trainer.graph().input;
        self.trainer.activation_mut(input).fill_from(pixels);
        self.truths = truths.to_vec();
    }

    /// One step on the batch that is there; `epoch` may be fractional. The weights stay as they are if anything is not
    /// finite.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn train_step(&mut self, statistics: Statistics, epoch: f32) -> anyhow::Result<StepReport> {
        let epochs = self.config.epochs as f32;
        let loss = self.gradients(statistics, epoch / epochs)?;
        let norms = self.clip();
        let lr = self.config.optimizer.lr_at(epoch, epochs);
        let finite =
            norms.iter().all(|n| n.is_finite()) && loss.total.is_finite() && loss.rec.is_finite();
        if finite {
            self.step(lr);
        }
        Ok(StepReport {
            loss,
            gradient_norm: norms[0],
            lr,
            finite,
        })
    }

    /// Losses of the batch, and their gradients in the trainer. `progress` is the fraction of all epochs done.
    fn gradients(&mut self, statistics: Statistics, progress: f32) -> anyhow::Result<LossParts> {
        let (e, trainer) = (&self.engine, self.trainer.as_mut());
        let (weights, truths) = (&mut self.state.weights, &self.truths);
        trainer.forward(e, weights, statistics)?;
        let mut loss = self.loss.run(e.pool(), trainer, truths);
        if self.config.reconstruction.encoder_grad.reconstructs() {
            self.guidance.prepare(e.pool(), trainer, truths, progress);
            trainer.reconstruct(e, weights)?;
            loss.rec = self.guidance.loss(e.pool(), trainer, truths).loss;
            trainer.backward_reconstruction(e, weights)?;
        }
        trainer.backward(e, weights, statistics)?;
        if self.config.reconstruction.encoder_grad == EncoderGrad::Joint {
            let weight = self.config.reconstruction.joint_weight;
            let rec = trainer.reconstruction_gradients().to_vec();
            let sums = trainer.gradients_mut().iter_mut().flatten();
            for (g, r) in sums.zip(rec.iter().flatten()) {
                *g += weight * r;
            }
        }
        Ok(loss)
    }

    /// Clips both gradients, each by itself; their norms before.
    fn clip(&mut self) -> [f64; 2] {
        let limit = self.config.optimizer.clip;
        let detection = clip(self.trainer.gradients_mut(), limit);
        [
            detection,
            clip(self.trainer.reconstruction_gradients_mut(), limit),
        ]
    }

    /// Moves the weights: each optimizer its own groups, see [`EncoderGrad`].
    fn step(&mut self, lr: f32) {
        let (o, r) = (&self.config.optimizer, &self.config.reconstruction);
        let mode = r.encoder_grad;
        let state = &mut self.state;
        state.progress.step += 1;
        let step = state.progress.step;
        let detection = |p: &Param| {
            let share = match (p.group, mode) {
                (Group::Invertible, EncoderGrad::Literal | EncoderGrad::Frozen) => return None,
                (Group::Invertible, EncoderGrad::Dual) => r.det_lr_mult_inv,
                _ => 1.0,
            };
            Some(Rates {
                lr: share * lr,
                decay: o.weight_decay,
            })
        };
        let (graph, gradients) = (&self.graph, self.trainer.gradients());
        let weights = &mut state.weights;
        state
            .optimizer
            .step(graph, weights, gradients, detection, step);
        if matches!(mode, EncoderGrad::Dual | EncoderGrad::Literal) {
            let reconstruction = |p: &Param| {
                (p.group == Group::Invertible).then_some(Rates {
                    lr: r.lr * lr / o.lr,
                    decay: r.weight_decay,
                })
            };
            let gradients = self.trainer.reconstruction_gradients();
            state
                .reconstruction
                .step(graph, weights, gradients, reconstruction, step);
        }
        follow(&mut state.average, weights, o.ema, step);
    }

    /// The bijection must stay one in numbers too: without modulation the last batch comes back.
    fn check_health(&mut self) -> anyhow::Result<()> {
        let r = &self.config.reconstruction;
        if !r.encoder_grad.reconstructs() || r.noise != RecNoise::None {
            return Ok(());
        }
        let trainer = self.trainer.as_mut();
        neutral_maps(trainer);
        let (e, weights) = (&self.engine, &mut self.state.weights);
        trainer.forward(e, weights, Statistics::Frozen)?;
        trainer.reconstruct(e, weights)?;
        let error = round_trip_error(trainer);
        let epoch = self.state.progress.epoch + 1;
        if error > ROUND_TRIP_ABORT {
            bail!(
                "epoch {epoch}: the encoder gives its input back with an error of {error:.1e}, wanted below {ROUND_TRIP_ABORT:.0e}; resume with a lower --set reconstruction.lr, or train again with a lower network.clamp"
            );
        }
        if error > ROUND_TRIP_WARN {
            log::warn!(
                "epoch {epoch}: the encoder gives its input back with an error of {error:.1e}; above {ROUND_TRIP_ABORT:.0e} the run stops"
            );
        }
        Ok(())
    }

    fn fill_batch(
        &mut self,
        train: &[Sample],
        order: &[usize],
        epoch: u32,
        step: usize,
    ) -> anyhow::Result<()> {
        let batch = self.config.batch;
        let crops: Vec<Mutex<Option<Result<Crop, invdet_data::DataError>>>> =
            (0..batch).map(|_| Mutex::new(None)).collect();
        self.engine.pool().run(batch, &|n| {
            let k = (step * batch + n) % order.len();
            let mut rng = rng_for(
                self.config.seed,
                u64::from(epoch),
                (step * batch + n) as u64,
            );
            let crop = self.augmenter.crop(train, order[k], &mut rng);
            *crops[n].lock().unwrap_or_else(PoisonError::into_inner) = Some(crop);
        });
        let size = self.config.augment.crop as usize;
        for (n, crop) in crops.into_iter().enumerate() {
            let crop = crop
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .context("a crop was not made")?
                .context("augmentation")?;
            let input = self.trainer.graph().input;
            let input = self.trainer.activation_mut(input);
            for (y, row) in crop.image.chunks_exact(size).enumerate() {
                input.row_mut(n, 0, y).copy_from_slice(row);
            }
            self.truths[n] = Truth {
                targets: crop.targets,
                mask: if crop.has_mask { crop.mask } else { Vec::new() },
                grey: grey_levels(&train[order[(step * batch + n) % order.len()]]),
            };
        }
        Ok(())
    }

    /// The averaged weights as a model.
    pub fn model(&self, name: &str, threshold: f32) -> Model {
        Model {
            manifest: Manifest {
                schema: SCHEMA,
                name: name.to_string(),
                input: Input::Robust,
                decode: Decode {
                    threshold,
                    ..Decode::default()
                },
                weights: WeightsFile {
                    file: "weights.safetensors".into(),
                    sha256: String::new(),
                },
                network: self.config.network.clone(),
                training: toml::Table::new(),
            },
            graph: self.graph.clone(),
            weights: self.state.average.clone(),
        }
    }

    /// Scores the averaged weights on the validation images.
    ///
    /// # Errors
    /// Images that the detector refuses, masks that do not fit.
    pub fn validate(&self, validation: &[Sample]) -> anyhow::Result<ValidationPass> {
        let model = self.model("validation", Decode::default().threshold);
        ValidationPass::run(
            &model,
            validation,
            self.engine.pool().threads(),
            self.state.progress.epoch,
        )
    }
}
