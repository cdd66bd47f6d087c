//! What is to be shown: `seed=1,seconds=10,size=640x512,...`.
//!
//! In: comma-separated `key=value`. Out: a [`SyntheticSpec`] whose values are all legal. Refused by name: unknown and
//! repeated keys and values out of range, each with what would be legal.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use invdet_core::ImageSize;

use crate::CaptureError;

/// The keys of `synthetic:key=value,...`.
pub const SYNTHETIC_KEYS: [&str; 9] = [
    "seed", "seconds", "fps", "size", "targets", "scr", "ffc", "clutter", "bits",
];

/// A flat-field correction freezes an uncooled core for about this long (Boson 0.4 s, Lepton 1 s).
const SHUTTER_S: f64 = 0.5;

/// Truth of every frame is kept, which bounds memory (at most 16 targets of 40 bytes a frame).
const MAX_FRAMES: f64 = 216_000.0;

/// When the shutter closes for a flat-field correction of half a second.
#[derive(Debug, Clone, PartialEq)]
pub enum Shutter {
    /// Never.
    Off,
    /// Once, at 60 % of the time.
    Once,
    /// At these times, seconds, ascending.
    At(Vec<f64>),
}

/// A checked specification of the scene; made by parsing.
///
/// ```
/// use invdet_capture::SyntheticSpec;
///
/// # fn main() -> Result<(), invdet_capture::CaptureError> {
/// let spec: SyntheticSpec = "seed=3,fps=60,size=320x256,ffc=2.5+6,scr=4".parse()?;
/// assert_eq!(spec.frames(), 600);
/// assert!("sead=3".parse::<SyntheticSpec>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticSpec {
    seed: u64,
    seconds: f64,
    fps: f64,
    size: ImageSize,
    targets: u32,
    scr: f64,
    shutter: Shutter,
    clutter: f64,
    bits: u8,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            seconds: 10.0,
            fps: 30.0,
            size: ImageSize::new(640, 512),
            targets: 4,
            scr: 4.0,
            shutter: Shutter::Once,
            clutter: 1.0,
            bits: 14,
        }
    }
}

impl SyntheticSpec {
    /// Seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Length, seconds, in `0.01..=3600`.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Size of a frame, each side in `64..=2000`.
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// Number of targets, `0..=16`.
    pub fn targets(&self) -> u32 {
        self.targets
    }

    /// Local signal-to-clutter ratio as [`TruthTarget::scr`](crate::TruthTarget::scr) defines it, in `0.1..=100`.
    pub fn scr(&self) -> f64 {
        self.scr
    }

    /// When the shutter closes.
    pub fn shutter(&self) -> &Shutter {
        &self.shutter
    }

    /// Strength of clutter: 0 for none, 1 as usual, at most 10.
    pub fn clutter(&self) -> f64 {
        self.clutter
    }

    /// Significant bits of a count, `12..=16`.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Number of frames, at least 1.
    pub fn frames(&self) -> u64 {
        (self.seconds * self.fps).round().max(1.0) as u64
    }

    /// Time of frame `seq` since the start, whole nanoseconds.
    pub(super) fn time_of(&self, seq: u64) -> Duration {
        Duration::from_nanos((seq as f64 * 1e9 / self.fps).round() as u64)
    }

    pub(super) fn time_s(&self, seq: u64) -> f64 {
        seq as f64 / self.fps
    }

    /// Counts here for one count of a 14-bit core.
    pub(super) fn counts_scale(&self) -> f32 {
        f32::from(1u16 << (self.bits - 12)) / 4.0
    }

    /// Whether frame `seq` falls into a correction.
    pub(super) fn shutter_closed(&self, seq: u64) -> bool {
        let time_s = self.time_s(seq);
        self.shutter_times()
            .any(|start| (start..start + SHUTTER_S).contains(&time_s))
    }

    /// Seconds since the last correction ended; counted from the start if there was none.
    pub(super) fn seconds_since_shutter(&self, seq: u64) -> f64 {
        let time_s = self.time_s(seq);
        let past = self
            .shutter_times()
            .map(|start| start + SHUTTER_S)
            .filter(|end| *end <= time_s);
        time_s - past.fold(0.0, f64::max)
    }

    fn shutter_times(&self) -> impl Iterator<Item = f64> {
        let (once, listed): (Option<f64>, &[f64]) = match &self.shutter {
            Shutter::Off => (None, &[]),
            Shutter::Once => (Some(0.6 * self.seconds), &[]),
            Shutter::At(times) => (None, times),
        };
        once.into_iter().chain(listed.iter().copied())
    }
}

impl FromStr for SyntheticSpec {
    type Err = CaptureError;

    fn from_str(text: &str) -> Result<Self, CaptureError> {
        let mut spec = Self::default();
        let mut seen = Vec::new();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(&key) = SYNTHETIC_KEYS.iter().find(|known| **known == key) else {
                return Err(CaptureError::UnknownKey {
                    key: key.to_owned(),
                    known: SYNTHETIC_KEYS.join(", "),
                });
            };
            if seen.contains(&key) {
                return Err(CaptureError::RepeatedKey {
                    key: key.to_owned(),
                });
            }
            seen.push(key);
            spec.set(key, value)?;
        }
        if spec.seconds * spec.fps > MAX_FRAMES {
            return Err(CaptureError::BadValue {
                key: "seconds",
                value: spec.seconds.to_string(),
                wanted: format!(
                    "seconds x fps of at most {MAX_FRAMES} frames, fps is {}",
                    spec.fps
                ),
            });
        }
        Ok(spec)
    }
}

impl SyntheticSpec {
    fn set(&mut self, key: &'static str, value: &str) -> Result<(), CaptureError> {
        match key {
            "seed" => self.seed = whole(key, value, 0, u64::MAX)?,
            "seconds" => self.seconds = number(key, value, 0.01, 3600.0)?,
            "fps" => self.fps = number(key, value, 1.0, 240.0)?,
            "size" => self.size = size(key, value)?,
            "targets" => self.targets = whole(key, value, 0, 16)? as u32,
            "scr" => self.scr = number(key, value, 0.1, 100.0)?,
            "clutter" => self.clutter = number(key, value, 0.0, 10.0)?,
            "bits" => self.bits = whole(key, value, 12, 16)? as u8,
            _ => self.shutter = shutter(key, value)?,
        }
        Ok(())
    }
}

impl fmt::Display for SyntheticSpec {
    /// A SOURCE string that gives this specification again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ffc = match &self.shutter {
            Shutter::Off => "off".to_owned(),
            Shutter::Once => "on".to_owned(),
            Shutter::At(times) => times
                .iter()
                .map(f64::to_string)
                .collect::<Vec<_>>()
                .join("+"),
        };
        write!(
            f,
            "synthetic:seed={},seconds={},fps={},size={},targets={},scr={},ffc={ffc},clutter={},bits={}",
            self.seed,
            self.seconds,
            self.fps,
            self.size,
            self.targets,
            self.scr,
            self.clutter,
            self.bits
        )
    }
}

fn refused(key: &'static str, value: &str, wanted: impl Into<String>) -> CaptureError {
    CaptureError::BadValue {
        key,
        value: value.to_owned(),
        wanted: wanted.into(),
    }
}

fn whole(key: &'static str, value: &str, low: u64, high: u64) -> Result<u64, CaptureError> {
    let parsed = value
        .parse()
        .ok()
        .filter(|number| (low..=high).contains(number));
    parsed.ok_or_else(|| refused(key, value, format!("a whole number in {low}..={high}")))
}

fn number(key: &'static str, value: &str, low: f64, high: f64) -> Result<f64, CaptureError> {
    let parsed = value
        .parse()
        .ok()
        .filter(|number| (low..=high).contains(number));
    parsed.ok_or_else(|| refused(key, value, format!("a number in {low}..={high}")))
}

fn size(key: &'static str, value: &str) -> Result<ImageSize, CaptureError> {
    let side = |text: &str| text.parse().ok().filter(|side| (64..=2000).contains(side));
    let parsed = value
        .split_once('x')
        .and_then(|(w, h)| Some(ImageSize::new(side(w)?, side(h)?)));
    parsed.ok_or_else(|| refused(key, value, "WIDTHxHEIGHT, each in 64..=2000 pixels"))
}

fn shutter(key: &'static str, value: &str) -> Result<Shutter, CaptureError> {
    match value {
        "on" => Ok(Shutter::Once),
        "off" => Ok(Shutter::Off),
        _ => {
            let wanted = "on, off or times in seconds joined by +, such as 2.5+6";
            let times: Result<Vec<f64>, CaptureError> = value
                .split('+')
                .map(|time| number(key, time, 0.0, 3600.0).map_err(|_| refused(key, value, wanted)))
                .collect();
            let mut times = times?;
            times.sort_by(f64::total_cmp);
            Ok(Shutter::At(times))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_and_shown_again() {
        let text = "seed=7,seconds=2.5,fps=60,size=320x256,targets=5,scr=3.5,ffc=0.5+1.5,clutter=0.25,bits=16";
        let spec: SyntheticSpec = text.parse().expect("legal");
        assert_eq!(spec.to_string(), format!("synthetic:{text}"));
        assert_eq!(spec.frames(), 150);
        for key in SYNTHETIC_KEYS {
            assert!(text.contains(key), "{key} is not in the test");
        }
        assert_eq!(
            "".parse::<SyntheticSpec>().expect("defaults"),
            SyntheticSpec::default()
        );
    }

    #[test]
    fn unknown_keys_are_refused_with_the_list() {
        let error = "sead=3"
            .parse::<SyntheticSpec>()
            .expect_err("typo")
            .to_string();
        assert!(error.contains("no key \"sead\""), "{error}");
        assert!(
            error.contains("seed, seconds, fps, size, targets, scr, ffc, clutter, bits"),
            "{error}"
        );
        assert!(matches!(
            "seed=1,seed=2".parse::<SyntheticSpec>(),
            Err(CaptureError::RepeatedKey { .. })
        ));
    }

    #[test]
    fn values_out_of_range_are_refused_by_key() {
        for text in [
            "seed=-1",
            "seed=",
            "seed",
            "seconds=0",
            "seconds=NaN",
            "seconds=inf",
            "fps=0",
            "fps=1e9",
            "size=640",
            "size=0x0",
            "size=63x64",
            "size=99999x512",
            "size=640x512x3",
            "targets=17",
            "scr=0",
            "scr=nan",
            "ffc=maybe",
            "ffc=1+",
            "ffc=-1",
            "clutter=-1",
            "clutter=11",
            "bits=8",
            "bits=17",
            "seconds=3600,fps=120",
        ] {
            let error = text.parse::<SyntheticSpec>().expect_err(text);
            let key = text.split('=').next().expect("key");
            assert!(
                matches!(&error, CaptureError::BadValue { key: named, .. } if *named == key),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn the_shutter_is_closed_for_half_a_second() {
        let spec: SyntheticSpec = "seconds=10,fps=10,ffc=2+5".parse().expect("legal");
        let closed: Vec<u64> = (0..100).filter(|seq| spec.shutter_closed(*seq)).collect();
        assert_eq!(closed, [20, 21, 22, 23, 24, 50, 51, 52, 53, 54]);
        assert_eq!(spec.seconds_since_shutter(10), 1.0);
        assert_eq!(spec.seconds_since_shutter(60), 0.5);
    }
}
