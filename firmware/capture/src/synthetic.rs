//! A synthetic thermal scene with known point targets.
//!
//! In: a [`SyntheticSpec`]. Out: frames of raw counts, frame `n` a pure function of the specification: the same on
//! every machine and from run to run, since only exactly rounded arithmetic is used. Nothing is refused here: what
//! exists as a specification can be shown.
//!
//! A frame is made as a camera makes it: the world (sky, horizon, ground, all with 1/f clutter) is sampled where the
//! drifting camera looks, targets are added as pixel-integrated Gaussians, then come the sensor's fixed pattern,
//! temporal noise, bad pixels and rounding. While the shutter is closed the last frame is repeated, flagged `ffc`.

mod exact;
mod motion;
mod scene;
mod sensor;
mod spec;
mod spectrum;
mod target;

use std::time::Duration;

use invdet_core::{Frame, FrameFlags, ImageSize, MonoTime};

use self::motion::camera_offset;
use self::scene::World;
use self::sensor::Sensor;
use self::target::Target;
use crate::{CaptureError, FrameSource, Next};

pub use self::spec::{SYNTHETIC_KEYS, Shutter, SyntheticSpec};

/// Where one target of the synthetic scene truly is in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthTarget {
    /// Identity over all frames, from 1.
    pub id: u32,
    /// Centre, input pixels.
    pub x: f32,
    /// Centre, input pixels.
    pub y: f32,
    /// Width, input pixels: holds 95 % of the energy along x (4 sigma of the blur).
    pub w: f32,
    /// Height, input pixels: as `w` along y.
    pub h: f32,
    /// Whether a detector can be asked for it: centre inside the picture, at least half faded in, shutter open.
    pub visible: bool,
    /// Local signal-to-clutter ratio: mean of the target over its box, over the standard deviation of the 10 px
    /// around the box (clutter, fixed pattern and temporal noise).
    pub scr: f32,
}

/// The scene on its way; see the module.
#[derive(Debug)]
pub struct SyntheticSource {
    spec: SyntheticSpec,
    label: String,
    world: World,
    sensor: Sensor,
    /// Row by row of frames: `targets` entries a frame.
    truth: Vec<TruthTarget>,
    /// Total energy of each entry of `truth`, counts.
    energy: Vec<f32>,
    seq: u64,
    /// The picture before rounding, counts.
    light: Vec<f32>,
    /// The last frame taken with the shutter open.
    held: Vec<u16>,
}

impl SyntheticSource {
    /// Makes the world and all tracks; about a second for 640x512.
    pub fn new(spec: SyntheticSpec) -> Self {
        let size = spec.size();
        let world = World::new(&spec);
        let sensor = Sensor::new(&spec);
        let (truth, energy) = tracks(&spec, &world, &sensor);
        Self {
            label: spec.to_string(),
            world,
            sensor,
            truth,
            energy,
            seq: 0,
            light: vec![0.0; size.pixels()],
            held: vec![0; size.pixels()],
            spec,
        }
    }

    /// The specification that it was made of.
    pub fn spec(&self) -> &SyntheticSpec {
        &self.spec
    }

    /// The targets of frame `seq`, visible or not, by ascending id; empty past the end.
    pub fn truth(&self, seq: u64) -> &[TruthTarget] {
        self.truth.get(self.span(seq)).unwrap_or_default()
    }

    /// Where the entries of a frame are in `truth` and `energy`.
    fn span(&self, seq: u64) -> std::ops::Range<usize> {
        let targets = self.spec.targets() as usize;
        let start = usize::try_from(seq)
            .unwrap_or(usize::MAX)
            .saturating_mul(targets);
        start..start.saturating_add(targets)
    }

    /// Renders frame `seq` into `held`.
    fn expose(&mut self, seq: u64) {
        let time_s = self.spec.time_s(seq);
        self.world
            .look(camera_offset(time_s), self.spec.size(), &mut self.light);
        let span = self.span(seq);
        let (truth, energy) = (self.truth.get(span.clone()), self.energy.get(span));
        for (target, &energy) in truth
            .unwrap_or_default()
            .iter()
            .zip(energy.unwrap_or_default())
        {
            target::add(&mut self.light, self.spec.size(), target, energy);
        }
        self.sensor.read_out(
            seq,
            self.spec.seconds_since_shutter(seq),
            &self.light,
            &mut self.held,
        );
    }
}

impl FrameSource for SyntheticSource {
    fn next(&mut self, frame: &mut Frame) -> Result<Next, CaptureError> {
        frame.counts.clear();
        if self.seq >= self.spec.frames() {
            return Ok(Next::End);
        }
        let seq = self.seq;
        let ffc = self.spec.shutter_closed(seq);
        // A shutter that closes on the very first frame has nothing to repeat yet.
        if !ffc || seq == 0 {
            self.expose(seq);
        }
        frame.counts.extend_from_slice(&self.held);
        frame.size = self.spec.size();
        frame.bits = self.spec.bits();
        frame.seq = seq;
        frame.at = MonoTime::default() + self.spec.time_of(seq);
        frame.flags = FrameFlags { ffc };
        self.seq += 1;
        Ok(Next::Frame)
    }

    fn size(&self) -> ImageSize {
        self.spec.size()
    }

    fn frame_period(&self) -> Duration {
        self.spec.time_of(1)
    }

    fn len(&self) -> Option<u64> {
        Some(self.spec.frames())
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn truth(&self, seq: u64) -> &[TruthTarget] {
        SyntheticSource::truth(self, seq)
    }
}

/// Truth and energy of all targets in all frames.
fn tracks(spec: &SyntheticSpec, world: &World, sensor: &Sensor) -> (Vec<TruthTarget>, Vec<f32>) {
    let targets: Vec<Target> = (0..spec.targets())
        .map(|index| Target::new(spec, index))
        .collect();
    let spread = world.spread();
    let entries = spec.frames() as usize * targets.len();
    let (mut truth, mut energy) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
    for seq in 0..spec.frames() {
        let time_s = spec.time_s(seq);
        let offset = camera_offset(time_s);
        for target in &targets {
            let (x, y) = target.position(time_s);
            let clutter = spread.around(x + offset.0, y + offset.1, target.width, target.height);
            let noise = sensor.variance(spec.seconds_since_shutter(seq));
            let scr = spec.scr() * target.contrast(time_s);
            let inside = (0.0..f64::from(spec.size().width)).contains(&x)
                && (0.0..f64::from(spec.size().height)).contains(&y);
            truth.push(TruthTarget {
                id: target.id,
                x: x as f32,
                y: y as f32,
                w: target.width as f32,
                h: target.height as f32,
                visible: inside && target.contrast(time_s) >= 0.5 && !spec.shutter_closed(seq),
                scr: scr as f32,
            });
            energy.push(target.energy(scr, (clutter + noise).sqrt()) as f32);
        }
    }
    (truth, energy)
}

#[cfg(test)]
mod tests;
