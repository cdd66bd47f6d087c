//! Words of a profile to values, with everything that is wrong.

use std::fmt::{Debug, Display};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use invdet_camera::{CameraModel, Distortion};
use invdet_core::ImageSize;
use invdet_tracker::TrackerConfig;

use crate::{
    CameraProfile, DetectorProfile, LinkProfile, Profile, ProfileErrors, ProfileProblem, RawCamera,
    RawDetector, RawLink, RawProfile, SCHEMA,
};

/// Largest side of an image, pixels: four times the largest thermal sensors sold.
const MAX_SIDE_PX: i64 = 8192;
const COUNT_BITS: RangeInclusive<i64> = 8..=16;
const FPS: RangeInclusive<f64> = 0.1..=1000.0;
const FOCAL_MM: RangeInclusive<f64> = 0.1..=10_000.0;
const PITCH_UM: RangeInclusive<f64> = 1.0..=1000.0;
const MAX_THREADS: i64 = 256;

impl TryFrom<RawProfile> for Profile {
    type Error = ProfileErrors;

    /// # Errors
    /// [`ProfileErrors`] with every missing key and every value out of range.
    fn try_from(raw: RawProfile) -> Result<Self, ProfileErrors> {
        let mut check = Check::default();
        let schema = check.integer("schema", raw.schema, SCHEMA..=SCHEMA);
        let name = check.text("name", raw.name);
        let camera = check.camera(raw.camera);
        let detector = check.detector(raw.detector);
        let tracker = check.tracker(raw.tracker);
        let link = check.link(raw.link);
        match (schema, name, camera, detector, tracker, link) {
            (Some(_), Some(name), Some(camera), Some(detector), Some(tracker), Some(link))
                if check.problems.is_empty() =>
            {
                Ok(Self {
                    name,
                    camera,
                    detector,
                    tracker,
                    link,
                })
            }
            _ => Err(ProfileErrors {
                problems: check.problems,
            }),
        }
    }
}

/// Collects problems; each method gives nothing exactly if it has told why.
#[derive(Default)]
struct Check {
    problems: Vec<ProfileProblem>,
}

impl Check {
    fn problem(&mut self, key: &str, found: impl Display, wanted: impl Display) {
        self.problems.push(ProfileProblem::Value {
            key: key.to_owned(),
            found: found.to_string(),
            wanted: wanted.to_string(),
        });
    }

    fn present<T>(&mut self, key: &str, value: Option<T>, wanted: impl Display) -> Option<T> {
        if value.is_none() {
            self.problem(key, "nothing", wanted);
        }
        value
    }

    /// A value within `range`; NaN is in none.
    fn within<T: PartialOrd + Debug + Copy>(
        &mut self,
        key: &str,
        value: Option<T>,
        range: RangeInclusive<T>,
        unit: &str,
    ) -> Option<T> {
        let wanted = if range.start() == range.end() {
            format!("{:?}{unit}", range.start())
        } else {
            format!("{:?} to {:?}{unit}", range.start(), range.end())
        };
        let value = self.present(key, value, &wanted)?;
        if range.contains(&value) {
            Some(value)
        } else {
            self.problem(key, format_args!("{value:?}"), wanted);
            None
        }
    }

    fn integer(
        &mut self,
        key: &str,
        value: Option<i64>,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        self.within(key, value, range, "")
    }

    fn text(&mut self, key: &str, value: Option<String>) -> Option<String> {
        let wanted = "a name of one line";
        let value = self.present(key, value, wanted)?;
        if value.trim().is_empty() || value.chars().any(char::is_control) {
            self.problem(key, format_args!("{value:?}"), wanted);
            return None;
        }
        Some(value)
    }

    fn camera(&mut self, raw: RawCamera) -> Option<CameraProfile> {
        let name = self.text("camera.name", raw.name);
        let width = self.within("camera.width", raw.width, 1..=MAX_SIDE_PX, " px");
        let height = self.within("camera.height", raw.height, 1..=MAX_SIDE_PX, " px");
        let bits = self.within("camera.bits", raw.bits, COUNT_BITS, " bits");
        let fps = self.within("camera.fps", raw.fps, FPS, " frames/s");
        let focal_mm = self.within("camera.focal_mm", raw.focal_mm, FOCAL_MM, " mm");
        let pitch_um = self.within("camera.pitch_um", raw.pitch_um, PITCH_UM, " um");
        let distortion = self.distortion(raw.distortion);
        let size = ImageSize::new(u32::try_from(width?).ok()?, u32::try_from(height?).ok()?);
        let model = match CameraModel::from_focal_mm(focal_mm?, pitch_um?, size) {
            Ok(model) => model,
            Err(error) => {
                self.problem("camera", error, "a lens that can be imaged");
                return None;
            }
        };
        let distortion = distortion?;
        let model = match model.with_distortion(distortion) {
            Ok(model) => model,
            Err(error) => {
                let wanted = format!("coefficients true for this lens ({error})");
                self.problem(
                    "camera.distortion",
                    format_args!("{:?}", distortion.to_opencv()),
                    wanted,
                );
                return None;
            }
        };
        Some(CameraProfile {
            name: name?,
            size,
            bits: u8::try_from(bits?).ok()?,
            fps: fps?,
            focal_mm: focal_mm?,
            pitch_um: pitch_um?,
            model,
        })
    }

    fn distortion(&mut self, raw: Option<Vec<f64>>) -> Option<Distortion> {
        let Some(raw) = raw else {
            return Some(Distortion::default());
        };
        match <[f64; 5]>::try_from(raw.as_slice()) {
            Ok(coefficients) if coefficients.iter().all(|k| k.is_finite()) => {
                Some(Distortion::from_opencv(coefficients))
            }
            Ok(_) | Err(_) => {
                let wanted = "five finite numbers [k1, k2, p1, p2, k3]";
                self.problem("camera.distortion", format_args!("{raw:?}"), wanted);
                None
            }
        }
    }

    fn detector(&mut self, raw: RawDetector) -> Option<DetectorProfile> {
        let threshold = match raw.threshold {
            Some(score) if !(score > 0.0 && score < 1.0) => {
                self.problem("detector.threshold", score, "a score above 0 and below 1");
                None
            }
            threshold => Some(threshold.map(|score| score as f32)),
        };
        let threads = match raw.threads {
            None => Some(None),
            threads => self
                .within("detector.threads", threads, 1..=MAX_THREADS, " threads")
                .map(|threads| usize::try_from(threads).ok().and_then(NonZeroUsize::new)),
        };
        Some(DetectorProfile {
            threshold: threshold?,
            threads: threads?,
        })
    }

    fn tracker(&mut self, config: TrackerConfig) -> Option<TrackerConfig> {
        let problems = config.problems();
        for problem in &problems {
            self.problem(
                &format!("tracker.{}", problem.key),
                &problem.found,
                &problem.wanted,
            );
        }
        problems.is_empty().then_some(config)
    }

    fn link(&mut self, raw: RawLink) -> Option<LinkProfile> {
        let system_id = self.integer("link.system_id", raw.system_id, 1..=255);
        let component_id = self.integer("link.component_id", raw.component_id, 100..=105);
        let endpoints = self.present(
            "link.endpoints",
            raw.endpoints,
            "a list, empty to tell nobody",
        )?;
        let mut legal = true;
        for (k, endpoint) in endpoints.iter().enumerate() {
            if !is_endpoint(endpoint) {
                legal = false;
                self.problem(
                    &format!("link.endpoints[{k}]"),
                    format_args!("{endpoint:?}"),
                    "udpout:HOST:PORT, udpin:HOST:PORT, tcpout:HOST:PORT, serial:PATH:BAUD or file:OUT.tlog",
                );
            } else if endpoints.iter().take(k).any(|other| other == endpoint) {
                legal = false;
                self.problem(
                    &format!("link.endpoints[{k}]"),
                    format_args!("{endpoint:?} a second time"),
                    "each endpoint once",
                );
            }
        }
        Some(LinkProfile {
            system_id: u8::try_from(system_id?).ok()?,
            component_id: u8::try_from(component_id?).ok()?,
            endpoints: legal.then_some(endpoints)?,
        })
    }
}

/// Whether the words have the shape of an endpoint; whether it can be opened is the link's matter.
fn is_endpoint(text: &str) -> bool {
    let Some((kind, rest)) = text.split_once(':') else {
        return false;
    };
    let ends_in_number_from_1_to = |most: u32| {
        rest.rsplit_once(':').is_some_and(|(place, number)| {
            !place.is_empty() && number.parse::<u32>().is_ok_and(|n| (1..=most).contains(&n))
        })
    };
    match kind {
        "udpout" | "udpin" | "tcpout" => ends_in_number_from_1_to(65_535),
        "serial" => ends_in_number_from_1_to(12_000_000),
        "file" => !rest.is_empty(),
        _ => false,
    }
}
