//! The worst misses and the worst false alarms of a set, to look at one by one.
//!
//! In: judged images (see [`crate::sheet::rank`]) and the model. Out: a folder with a picture of each case (image, truth,
//! heat map) and `index.html`, which needs nothing but the pictures beside it. Refused: a folder that cannot be written.
//!
//! Worst among misses is the target with the lowest score near it, of equals the one that stands out most (SCR); worst
//! among false alarms the one of the highest score.

mod page;
mod picture;

use crate::evaluate::heat_maps;
use crate::sheet::Judged;
use anyhow::Context as _;
use invdet_data::{Sample, TARGET_ABOVE};
use invdet_metrics::matching::CENTER_GATE_PX;
use invdet_net::manifest::{Model, write_whole};
use picture::picture;
use std::path::Path;

/// Cases of a kind at most.
pub const MOST: usize = 24;

/// Pixels around a target's box that its contrast is measured against.
const SURROUND_PX: u32 = 20;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mistake {
    /// A target without a detection.
    Miss {
        /// Highest score, below the threshold or of a detection that belongs to another target, closer than 3 px; `None`
        /// if there is none of at least 0.01.
        best_score: Option<f32>,
        /// Pixels of the target.
        area: u32,
        /// (target mean - surround mean) / surround standard deviation, the surround being 20 px around the target's box
        /// without other targets; `None` where the surround has no spread.
        scr: Option<f64>,
    },
    /// A detection without a target.
    FalseAlarm {
        /// Its score.
        score: f32,
        /// To the centre of the nearest target, pixels; `None` in an image without targets.
        nearest_target: Option<f64>,
    },
}

impl Mistake {
    /// How bad among its kind, the first number before the second: a target that was not found at all before one that was
    /// found too weakly, a plain one before a faint one; a sure false alarm before an unsure one.
    fn weight(&self) -> (f64, f64) {
        match *self {
            Self::Miss {
                best_score, scr, ..
            } => (-f64::from(best_score.unwrap_or(0.0)), scr.unwrap_or(0.0)),
            Self::FalseAlarm { score, .. } => (f64::from(score), 0.0),
        }
    }
}

/// A mistake and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The image.
    pub judged: &'a Judged<'a>,
    /// Centre and size of the target's or the detection's box, pixels.
    pub place: [f64; 4],
    /// What is wrong there.
    pub mistake: Mistake,
}

impl Case<'_> {
    /// Set and image.
    pub fn name(&self) -> String {
        let sample = self.judged.sample;
        format!("{}/{}", sample.set, sample.name)
    }

    /// Place, size and score in words.
    pub fn caption(&self) -> String {
        let [x, y, w, h] = self.place;
        let place = format!("at ({x:.1}, {y:.1}), box {w:.1}x{h:.1} px");
        let or = |value: Option<String>, none: &str| value.unwrap_or(none.into());
        match self.mistake {
            Mistake::Miss {
                best_score,
                area,
                scr,
            } => format!(
                "missed {place}, {area} px, SCR {}, best score {}",
                or(scr.map(|s| format!("{s:.1}")), "-"),
                or(best_score.map(|s| format!("{s:.2}")), "none")
            ),
            Mistake::FalseAlarm {
                score,
                nearest_target,
            } => format!(
                "false alarm {place}, score {score:.2}, nearest target {}",
                or(nearest_target.map(|d| format!("{d:.1} px off")), "none")
            ),
        }
    }
}

/// All missed targets, the worst first.
pub fn misses<'a>(judged: &'a [Judged<'a>]) -> Vec<Case<'a>> {
    let of_image = |j: &'a Judged<'a>| {
        let case = move |t: &usize| {
            let target = j.targets.get(*t)?;
            let near = j
                .prediction
                .detections
                .iter()
                .filter(|d| target.center_distance(d) < CENTER_GATE_PX);
            let place = [target.x, target.y, target.w, target.h];
            Some(Case {
                judged: j,
                place,
                mistake: Mistake::Miss {
                    best_score: near.map(|d| d.score).max_by(f32::total_cmp),
                    area: target.area,
                    scr: contrast(j.sample, place),
                },
            })
        };
        j.missed.iter().filter_map(case)
    };
    worst_first(judged.iter().flat_map(of_image).collect())
}

/// All false alarms, the worst first.
pub fn false_alarms<'a>(judged: &'a [Judged<'a>]) -> Vec<Case<'a>> {
    let of_image = |j: &'a Judged<'a>| {
        let case = move |d: &usize| {
            let found = j.prediction.detections.get(*d)?;
            let distances = j.targets.iter().map(|t| t.center_distance(found));
            Some(Case {
                judged: j,
                place: [found.x, found.y, found.w, found.h].map(f64::from),
                mistake: Mistake::FalseAlarm {
                    score: found.score,
                    nearest_target: distances.min_by(f64::total_cmp),
                },
            })
        };
        j.false_alarms.iter().filter_map(case)
    };
    worst_first(judged.iter().flat_map(of_image).collect())
}

/// By falling weight; of equals by name.
fn worst_first(mut cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    cases.sort_by(|a, b| {
        let ((first_a, then_a), (first_b, then_b)) = (a.mistake.weight(), b.mistake.weight());
        first_b
            .total_cmp(&first_a)
            .then(then_b.total_cmp(&then_a))
            .then_with(|| a.name().cmp(&b.name()))
    });
    cases
}

/// Signal-to-clutter ratio of the target in a box.
fn contrast(sample: &Sample, [x, y, w, h]: [f64; 4]) -> Option<f64> {
    let size = sample.size;
    let edge = |at: f64, length: u32| at.clamp(0.0, f64::from(length)) as u32;
    let (left, right) = (edge(x - 0.5 * w, size.width), edge(x + 0.5 * w, size.width));
    let (top, bottom) = (
        edge(y - 0.5 * h, size.height),
        edge(y + 0.5 * h, size.height),
    );
    let columns = left.saturating_sub(SURROUND_PX)..(right + SURROUND_PX).min(size.width);
    let rows = top.saturating_sub(SURROUND_PX)..(bottom + SURROUND_PX).min(size.height);
    let (mut target, mut around) = (Sums::default(), Sums::default());
    for row in rows {
        for column in columns.clone() {
            let at = (row * size.width + column) as usize;
            let (Some(&count), Some(&mask)) = (sample.counts.get(at), sample.mask.get(at)) else {
                continue;
            };
            let inside = (left..right).contains(&column) && (top..bottom).contains(&row);
            match (inside, mask > TARGET_ABOVE) {
                (true, true) => target.add(count),
                (false, false) => around.add(count),
                _ => {}
            }
        }
    }
    let (mean, spread) = (around.mean()?, around.spread()?);
    (spread > 0.0).then_some((target.mean()? - mean) / spread)
}

#[derive(Default)]
struct Sums {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, count: u16) {
        let count = f64::from(count);
        self.n += 1.0;
        self.sum += count;
        self.squares += count * count;
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0.0).then(|| self.sum / self.n)
    }

    fn spread(&self) -> Option<f64> {
        let mean = self.mean()?;
        Some((self.squares / self.n - mean * mean).max(0.0).sqrt())
    }
}

/// A picture that stands on the page below the cases, already in the folder.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// File name in the folder.
    pub file: &'a str,
    /// What it shows.
    pub caption: &'a str,
}

/// Writes the page about `judged` into `folder`: `miss-NN.png` and `false-NN.png`, [`MOST`] of each at most, and
/// `index.html`. Pictures of a longer page that was there before are removed. `heading` says what was judged, and
/// `threshold` at which score.
///
/// # Errors
/// An image that the detector refuses; a file that cannot be written.
pub fn write(
    folder: &Path,
    heading: &str,
    model: &Model,
    judged: &[Judged<'_>],
    threshold: f32,
    charts: &[Chart<'_>],
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "{}: the folder of the page cannot be made; name another",
            folder.display()
        )
    })?;
    let kinds = [("miss", misses(judged)), ("false", false_alarms(judged))];
    for (prefix, cases) in &kinds {
        let shown = cases.get(..MOST).unwrap_or(cases);
        let samples: Vec<&Sample> = shown.iter().map(|c| c.judged.sample).collect();
        let heats = heat_maps(model, &samples)?;
        for (number, (case, heat)) in (1..).zip(shown.iter().zip(&heats)) {
            let path = folder.join(file_name(prefix, number));
            crate::charts::write_png(&path, &picture(case, heat, threshold))?;
        }
        for number in shown.len() + 1..=MOST {
            let stale = folder.join(file_name(prefix, number));
            match std::fs::remove_file(&stale) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(e).with_context(|| {
                        format!("{}: of an older page, cannot be removed", stale.display())
                    });
                }
                _ => {}
            }
        }
    }
    let [(_, misses), (_, false_alarms)] = &kinds;
    let text = page::page(heading, judged, threshold, misses, false_alarms, charts);
    let path = folder.join("index.html");
    write_whole(&path, text.as_bytes())
        .with_context(|| format!("{}: the page cannot be written", path.display()))
}

fn file_name(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number:02}.png")
}

#[cfg(test)]
mod tests;
