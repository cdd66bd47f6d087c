use std::time::{Duration, Instant};

use invdet_core::{Detections, Frame, ImageSize};
use invdet_cpu::Engine;
use invdet_cpu::inference::Network;
use invdet_cpu::peak::macs_per_second;
use invdet_net::decode::{decode, sigmoid};
use invdet_net::manifest::{Decode, Input, Model};
use invdet_net::normalise::Robust;

use crate::{DetectError, preprocess};

/// How a model is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectorOptions {
    /// Threads of the network, the caller's included; 0 counts as 1.
    pub threads: usize,
    /// Least score of a detection, more than 0 and less than 1; `None` is the model's own. A tracker that continues
    /// tracks from weak detections wants a low one.
    pub threshold: Option<f32>,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            threshold: None,
        }
    }
}

/// Where the time of one frame went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Normalisation and padding.
    pub preprocess: Duration,
    /// The network.
    pub network: Duration,
    /// Peaks to detections.
    pub decode: Duration,
}

impl Timing {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.preprocess + self.network + self.decode
    }
}

/// A model ready to run on frames; see the crate.
pub struct Detector {
    engine: Engine,
    network: Network,
    input: Input,
    decode: Decode,
    robust: Robust,
    /// Size of the frame that the network's outputs belong to.
    seen: Option<ImageSize>,
}

impl Detector {
    /// Packs the model's weights and lays memory out for frames of `size`; other sizes are laid out when they come.
    ///
    /// # Errors
    /// [`DetectError::ImageTooSmall`], [`DetectError::ImageTooLarge`] and [`DetectError::Threshold`].
    pub fn new(
        model: &Model,
        size: ImageSize,
        options: DetectorOptions,
    ) -> Result<Self, DetectError> {
        preprocess::check_size(size)?;
        let threshold = options.threshold.unwrap_or(model.manifest.decode.threshold);
        if !(threshold > 0.0 && threshold < 1.0) {
            return Err(DetectError::Threshold { found: threshold });
        }
        Ok(Self {
            engine: Engine::new(options.threads),
            network: Network::new(
                &model.graph,
                &model.weights,
                size.height as usize,
                size.width as usize,
            ),
            input: model.manifest.input,
            decode: Decode {
                threshold,
                ..model.manifest.decode
            },
            robust: Robust::new(),
            seen: None,
        })
    }

    /// Overwrites `out` with the detections of `frame`, input pixels, highest score first.
    ///
    /// A frame of a flat-field correction shows nothing: `out` is empty and no time is spent. Allocates only when the
    /// size differs from the last frame's.
    ///
    /// # Errors
    /// [`DetectError`] if the frame cannot be used; `out` is empty then.
    pub fn detect(&mut self, frame: &Frame, out: &mut Detections) -> Result<Timing, DetectError> {
        out.clear();
        self.seen = None;
        preprocess::check(frame, self.input)?;
        if frame.flags.ffc {
            return Ok(Timing::default());
        }
        let start = Instant::now();
        self.network
            .resize(frame.size.height as usize, frame.size.width as usize);
        let affine = preprocess::affine(self.input, &mut self.robust, &frame.counts);
        preprocess::fill(self.network.input_mut(), frame, affine);
        let filled = Instant::now();
        self.network.run(&self.engine);
        let inferred = Instant::now();
        decode(&self.network.heads(), &self.decode, frame.size, out);
        self.seen = Some(frame.size);
        Ok(Timing {
            preprocess: filled - start,
            network: inferred - filled,
            decode: inferred.elapsed(),
        })
    }

    /// Overwrites `out` with the probability of each pixel to belong to a target, row by row, size of the last frame.
    ///
    /// Empty if there is none: before the first frame, after a refused one and after one in a flat-field correction.
    pub fn mask_probability(&self, out: &mut Vec<f32>) {
        out.clear();
        let Some(size) = self.seen else { return };
        let mask = self.network.mask();
        for y in 0..size.height as usize {
            let row = mask.row(y).iter().take(size.width as usize);
            out.extend(row.map(|logit| sigmoid(*logit)));
        }
    }

    /// Overwrites `out` with the score of each pixel to be the centre of a target, row by row, size of the last frame. The
    /// heat map has one value for 2x2 pixels, which all four get. Empty when [`Self::mask_probability`] is.
    pub fn heat_probability(&self, out: &mut Vec<f32>) {
        out.clear();
        let Some(size) = self.seen else { return };
        let heat = self.network.heads().heat;
        for y in 0..size.height as usize {
            let row = heat.row(y / 2).iter().flat_map(|logit| [*logit; 2]);
            out.extend(row.take(size.width as usize).map(sigmoid));
        }
    }

    /// Least score of a detection.
    pub fn threshold(&self) -> f32 {
        self.decode.threshold
    }

    /// Threads that work on a frame.
    pub fn threads(&self) -> usize {
        self.engine.pool().threads()
    }

    /// Name of the instruction set in use.
    pub fn instruction_set(&self) -> &'static str {
        self.engine.isa().name()
    }

    /// Multiply-accumulates a second that this machine reaches at best on the detector's threads; measured for about
    /// a tenth of a second.
    pub fn peak_macs_per_second(&self) -> f64 {
        macs_per_second(&self.engine)
    }

    /// Multiply-accumulates of the network for a frame of the present size.
    pub fn macs(&self) -> u64 {
        self.network.macs()
    }
}
