//! One target: its filters, its size, its life.
//!
//! In: time steps and detections already given to it. Out: a [`Track`].
//!
//! After a gap, the estimate is taken back to the last detection and led along the straight line to the new one, as if
//! it had been seen there in every frame (the re-update of OC-SORT: Cao et al., "Observation-Centric SORT", CVPR 2023,
//! section 4.2): the drift of the blind prediction does not stay in the velocity.

use invdet_core::{Detection, Track, TrackId};
use nalgebra::Vector2;

use crate::TrackerConfig;
use crate::filter::Measurement;
use crate::gate::{Expected, measurement};
use crate::imm::{Imm, Motion};
use crate::life::{Fate, Life, Sight};
use crate::twins::Twin;

/// Share of a new width and height in the smoothed ones; half of a change is taken in within three detections.
const SIZE_GAIN: f64 = 0.2;
/// Both models are equally likely at birth.
const BIRTH_PROBABILITY: [f64; 2] = [0.5, 0.5];
/// Most steps of a re-update; longer gaps take longer steps. Bounds the work of a frame.
const MAX_STEPS: u32 = 16;

/// State right after the last detection.
#[derive(Debug, Clone, Copy)]
struct LastSeen {
    imm: Imm,
    measurement: Measurement,
    /// Time since, in frame periods.
    frames: f64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) id: TrackId,
    pub(crate) life: Life,
    pub(crate) twin: Option<Twin>,
    imm: Imm,
    last_seen: LastSeen,
    w: f64,
    h: f64,
    score: f32,
}

impl Target {
    /// A target seen for the first time.
    pub(crate) fn begin(id: TrackId, detection: &Detection, config: &TrackerConfig) -> Self {
        let measurement = measurement(detection);
        let imm = Imm::new(&measurement, Motion::TARGET, BIRTH_PROBABILITY);
        Self {
            id,
            life: Life::begin(config),
            twin: None,
            imm,
            last_seen: LastSeen {
                imm,
                measurement,
                frames: 0.0,
            },
            w: f64::from(detection.w),
            h: f64::from(detection.h),
            score: detection.score,
        }
    }

    /// Moves the target by a time in frame periods.
    pub(crate) fn predict(&mut self, frames: f64) {
        self.imm.predict(frames);
        self.last_seen.frames += frames;
    }

    /// Whether its numbers can still be used.
    pub(crate) fn is_finite(&self) -> bool {
        self.imm.estimate().is_finite()
    }

    /// Takes in the detection given to it in this frame.
    pub(crate) fn observe(&mut self, detection: &Detection, config: &TrackerConfig) -> Fate {
        let seen = measurement(detection);
        let steps = (self.life.unseen() + 1).min(MAX_STEPS);
        if steps > 1 {
            self.imm = self.last_seen.led_to(&seen, steps);
        }
        self.imm.update(&seen);
        self.last_seen = LastSeen {
            imm: self.imm,
            measurement: seen,
            frames: 0.0,
        };
        self.w += SIZE_GAIN * (f64::from(detection.w) - self.w);
        self.h += SIZE_GAIN * (f64::from(detection.h) - self.h);
        self.score = detection.score;
        self.life.step(config, Sight::Seen)
    }

    /// What the gate must know.
    pub(crate) fn expected(&self) -> Expected {
        Expected {
            estimate: self.imm.estimate(),
            w: self.w,
            h: self.h,
            unseen: self.life.unseen(),
        }
    }

    /// Centre, px.
    pub(crate) fn place(&self) -> Vector2<f64> {
        self.imm.estimate().mean.fixed_rows::<2>(0).into()
    }

    /// As reported; `frame_period_s` turns px/frame into px/s.
    pub(crate) fn track(&self, frame_period_s: f64) -> Track {
        let estimate = self.imm.estimate();
        let (mean, p) = (estimate.mean, estimate.covariance);
        Track {
            id: self.id,
            state: self.life.state(),
            x: mean[0] as f32,
            y: mean[1] as f32,
            w: self.w as f32,
            h: self.h as f32,
            vx: (mean[2] / frame_period_s) as f32,
            vy: (mean[3] / frame_period_s) as f32,
            score: self.score,
            sigma_px: (0.5 * (p[(0, 0)] + p[(1, 1)])).sqrt() as f32,
            age: self.life.age(),
            misses: self.life.misses(),
        }
    }
}

impl LastSeen {
    /// The filters led in `steps` to the time of `seen`, which itself is not yet taken in.
    fn led_to(&self, seen: &Measurement, steps: u32) -> Imm {
        let mut imm = self.imm;
        let step = self.frames / f64::from(steps);
        let way = seen.position - self.measurement.position;
        // The line is no better known than its worse end.
        let variance = self.measurement.variance.max(seen.variance);
        for k in 1..steps {
            imm.predict(step);
            let position = self.measurement.position + way * (f64::from(k) / f64::from(steps));
            imm.update(&Measurement { position, variance });
        }
        imm.predict(step);
        imm
    }
}
