//! Whether scores mean what they say, as a picture.

use super::axis::Axis;
use super::{BLUE, Bar, Dot, GREY, Line, ORANGE, Panel, WIDE, picture};
use anyhow::ensure;
use image::RgbImage;
use invdet_metrics::Reliability;
use plotters::prelude::*;

/// Light enough for lines and dots upon it.
const PALE_BLUE: RGBColor = RGBColor(166, 206, 227);

/// Observed precision over predicted score in bars, with a dot at the mean score of each bin and the diagonal that
/// honest scores lie on; the number of detections of each bin below, on a logarithmic axis.
///
/// # Errors
/// No detection.
pub fn reliability(title: &str, r: &Reliability) -> anyhow::Result<RgbImage> {
    let error = r.expected_calibration_error;
    ensure!(
        error.is_some(),
        "there is no detection to draw the reliability of"
    );
    let title = format!(
        "{title}: expected calibration error {:.3}, {} detections",
        error.unwrap_or(0.0),
        r.detections
    );
    let bars = |color, height: fn(&invdet_metrics::reliability::ReliabilityBin) -> Option<f64>| {
        let bar = |b: &invdet_metrics::reliability::ReliabilityBin| {
            // A gap on either side, so that equal neighbours stay two bars.
            Some(Bar {
                from: b.from + 0.004,
                to: b.to - 0.004,
                height: height(b)?,
                color,
            })
        };
        r.bins.iter().filter_map(bar).collect::<Vec<Bar>>()
    };
    let lines = vec![
        Line {
            name: "a score that tells the truth".into(),
            color: GREY,
            width: 2,
            points: vec![(0.0, 0.0), (1.0, 1.0)],
        },
        Line {
            name: "observed, at the mean score of the bin".into(),
            color: ORANGE,
            width: 2,
            points: r
                .bins
                .iter()
                .filter_map(|b| Some((b.mean_score?, b.precision?)))
                .collect(),
        },
    ];
    let dots = lines.iter().flat_map(|l| &l.points).skip(2).map(|at| Dot {
        at: *at,
        color: ORANGE,
        text: String::new(),
    });
    let dots = dots.collect();
    let mut above = Panel::new(
        &title,
        Axis::unit("predicted score"),
        Axis::unit("observed precision"),
        lines,
    );
    above.legend = SeriesLabelPosition::UpperLeft;
    above.bars = bars(PALE_BLUE, |b| b.precision);
    above.dots = dots;
    let counts = Line {
        name: String::new(),
        color: BLUE,
        width: 1,
        points: r
            .bins
            .iter()
            .map(|b| (b.from, b.detections as f64))
            .chain([(1.0, 1.0)])
            .collect(),
    };
    let axis = Axis::logarithmic("detections", std::slice::from_ref(&counts));
    let mut below = Panel::new("detections of each bin", Axis::unit("score"), axis, vec![]);
    below.bars = bars(BLUE, |b| (b.detections > 0).then_some(b.detections as f64));
    picture(WIDE, |root| {
        let (top, bottom) = root.split_vertically((62).percent_height());
        above.draw(&top)?;
        below.draw(&bottom)
    })
}
