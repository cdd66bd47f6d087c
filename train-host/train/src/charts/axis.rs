//! One axis: its range, where its numbers stand and how they are written.

use super::panel::Line;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    /// Drawn by their decimal logarithm; range and ticks below are logarithms.
    Logarithmic,
}

/// An axis: what it says, its range and where its numbers stand.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) title: String,
    pub(super) range: Range<f64>,
    ticks: Vec<f64>,
    scale: Scale,
}

impl Axis {
    /// From the first to the last epoch, whole numbers.
    pub(super) fn epochs(last: u32) -> Self {
        let last = f64::from(last.max(2));
        let step = round_step(last / 10.0).max(1.0);
        let ticks = std::iter::once(1.0)
            .chain(multiples(step, 2.0..last))
            .collect();
        Self {
            title: "epoch".into(),
            range: 1.0..last,
            ticks,
            scale: Scale::Linear,
        }
    }

    /// 0 to 100, with room for a line at 100.
    pub(super) fn percent(title: &str) -> Self {
        Self {
            title: title.into(),
            range: 0.0..101.0,
            ticks: multiples(10.0, 0.0..100.0),
            scale: Scale::Linear,
        }
    }

    /// 0 to 1.
    pub(super) fn unit(title: &str) -> Self {
        Self {
            title: title.into(),
            range: 0.0..1.0,
            ticks: multiples(0.25, 0.0..1.0),
            scale: Scale::Linear,
        }
    }

    /// From 0 to the highest value of the lines.
    pub(super) fn from_zero(title: &str, lines: &[Line]) -> Self {
        let highest = values(lines).fold(0.0, f64::max);
        let highest = if highest > 0.0 { highest * 1.05 } else { 1.0 };
        let ticks = multiples(round_step(highest / 4.0), 0.0..highest);
        Self {
            title: title.into(),
            range: 0.0..highest,
            ticks,
            scale: Scale::Linear,
        }
    }

    /// Around all values, with a little room.
    pub(super) fn around(title: &str, lines: &[Line]) -> Self {
        let low = lines
            .iter()
            .flat_map(|l| &l.points)
            .map(|(x, _)| *x)
            .filter(|x| x.is_finite());
        let (low, high) = low.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| {
            (l.min(x), h.max(x))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = (0.08 * (high - low)).max(0.1);
        let range = low - room..high + room;
        Self {
            title: title.into(),
            ticks: multiples(round_step((range.end - range.start) / 8.0), range.clone()),
            range,
            scale: Scale::Linear,
        }
    }

    /// `count` rows, the first on top at `-1`, without numbers.
    pub(super) fn rows(count: usize) -> Self {
        Self {
            title: String::new(),
            range: -(count as f64) - 0.7..-0.3,
            ticks: Vec::new(),
            scale: Scale::Linear,
        }
    }

    /// Logarithmic, around all values above 0.
    pub(super) fn logarithmic(title: &str, lines: &[Line]) -> Self {
        let logs = || values(lines).filter(|v| *v > 0.0).map(f64::log10);
        let (mut low, mut high) = (
            logs().fold(f64::INFINITY, f64::min),
            logs().fold(f64::NEG_INFINITY, f64::max),
        );
        if low > high {
            (low, high) = (-1.0, 1.0);
        }
        let range = low - 0.1..high + 0.1;
        let decades = range.start.floor() as i32..=range.end.ceil() as i32;
        let ticks = decades
            .flat_map(|d| [1.0f64, 2.0, 5.0].map(|m| f64::from(d) + m.log10()))
            .filter(|t| range.contains(t))
            .collect();
        Self {
            title: title.into(),
            range,
            ticks,
            scale: Scale::Logarithmic,
        }
    }

    /// Where a value lies; `None` if it cannot be drawn.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let placed = match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10(),
        };
        placed.is_finite().then_some(placed)
    }

    pub(super) fn label(&self, at: f64) -> String {
        let value = match self.scale {
            Scale::Linear => at,
            Scale::Logarithmic => 10f64.powf(at),
        };
        // Four significant digits bring back what a sum of steps or a power of ten has rounded off.
        let digits = if value == 0.0 {
            0
        } else {
            (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize
        };
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').into()
        } else {
            text
        }
    }
}

/// Plotters' view of an axis: placed values, and ticks as they were chosen.
impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, placed: &f64, limit: (i32, i32)) -> i32 {
        let share = (placed - self.range.start) / (self.range.end - self.range.start);
        (f64::from(limit.0) + share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

fn values(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines
        .iter()
        .flat_map(|l| &l.points)
        .map(|(_, y)| *y)
        .filter(|y| y.is_finite())
}

/// The least of 1, 2, 5 times a power of ten that is not below `least`, which is more than 0.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|m| m * decade)
        .find(|step| *step >= least)
        .unwrap_or(10.0 * decade)
}

/// Multiples of `step` inside `range`, its end included.
fn multiples(step: f64, range: Range<f64>) -> Vec<f64> {
    let first = (range.start / step).ceil();
    // A hair more, for ends such as 0.3 of steps of 0.1.
    let last = (range.end / step + 1e-9).floor();
    let count = (last - first + 1.0).clamp(0.0, 100.0) as u32;
    (0..count).map(|i| (first + f64::from(i)) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::WHITE;

    #[test]
    fn steps_are_one_two_or_five_times_a_power_of_ten() {
        assert_eq!(
            [0.9, 1.1, 2.1, 5.1, 11.0].map(round_step),
            [1.0, 2.0, 5.0, 10.0, 20.0]
        );
    }

    #[test]
    fn ticks_stay_inside_and_are_written_short() {
        let axis = Axis::epochs(110);
        assert_eq!(
            axis.ticks
                .iter()
                .map(|t| axis.label(*t))
                .collect::<Vec<_>>(),
            ["1", "20", "40", "60", "80", "100"]
        );
        let line = Line {
            name: String::new(),
            color: WHITE,
            width: 1,
            points: vec![(1.0, 0.35), (2.0, 27.0), (3.0, f64::NAN)],
        };
        let axis = Axis::logarithmic("loss", &[line]);
        assert_eq!(
            axis.ticks
                .iter()
                .map(|t| axis.label(*t))
                .collect::<Vec<_>>(),
            ["0.5", "1", "2", "5", "10", "20"]
        );
        let axis = Axis::from_zero(
            "rate",
            &[Line {
                name: String::new(),
                color: WHITE,
                width: 1,
                points: vec![(1.0, 0.002)],
            }],
        );
        assert_eq!(
            axis.ticks
                .iter()
                .map(|t| axis.label(*t))
                .collect::<Vec<_>>(),
            ["0", "0.001", "0.002"]
        );
    }

    #[test]
    fn an_axis_of_no_value_is_still_an_axis() {
        assert!(Axis::from_zero("rate", &[]).range.end > 0.0);
        let axis = Axis::logarithmic("loss", &[]);
        assert!(axis.range.start < axis.range.end && axis.place(0.0).is_none());
    }
}
