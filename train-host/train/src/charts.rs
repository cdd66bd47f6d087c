//! A run as pictures: losses, validation scores, precision and recall.
//!
//! In: the rows of a log, the curves of a validation pass. Out: an image. Refused: nothing to draw; numbers that are not
//! finite are left out.

mod axis;
mod panel;
mod reliability;

use crate::ablation::{Finished, Scores, mean_and_spread, values_of};
use crate::epoch_log::{EpochRow, ValidationRow};
use anyhow::{Context as _, ensure};
use axis::Axis;
use image::RgbImage;
use invdet_metrics::{Counts, Curve};
use invdet_net::manifest::write_whole;
use panel::{Bar, Dot, FINE, Line, Panel};
use plotters::prelude::*;
use plotters::style::register_font;
pub use reliability::reliability;
use std::io::Cursor;
use std::path::Path;

/// Okabe and Ito's colours, which people with any colour vision can tell apart.
const BLACK: RGBColor = RGBColor(0, 0, 0);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(200, 200, 200);

/// Columns and rows of a picture over epochs.
const WIDE: (u32, u32) = (1200, 800);
/// Columns and rows of the precision-recall picture.
const SQUARE: (u32, u32) = (900, 900);

/// Loss and its parts over epochs on a logarithmic axis, the learning rate below.
///
/// # Errors
/// No row.
pub fn loss(rows: &[EpochRow]) -> anyhow::Result<RgbImage> {
    ensure!(!rows.is_empty(), "the log has no epoch yet");
    let part = |name: &str, color, width, value: fn(&EpochRow) -> f64| Line {
        name: name.into(),
        color,
        width,
        points: rows
            .iter()
            .map(|r| (f64::from(r.epoch), value(r)))
            .collect(),
    };
    let losses = vec![
        part("total (weighted)", BLACK, 3, |r| r.loss.total),
        part("heat", ORANGE, 2, |r| r.loss.heat),
        part("offset", BLUE, 2, |r| r.loss.off),
        part("size", GREEN, 2, |r| r.loss.size),
        part("mask", PURPLE, 2, |r| r.loss.mask),
    ];
    let rates = vec![part("", BLACK, 2, |r| r.lr)];
    let epochs = Axis::epochs(rows.last().map_or(1, |r| r.epoch));
    let above = Panel::new(
        "training loss, mean of an epoch",
        epochs.clone(),
        Axis::logarithmic("loss", &losses),
        losses,
    );
    let below = Panel::new(
        "learning rate",
        epochs,
        Axis::from_zero("rate", &rates),
        rates,
    );
    stacked(&above, &below)
}

/// Centre-3px F1 and mask IoU over validated epochs, the best epoch marked; the threshold below.
///
/// # Errors
/// No validated row.
pub fn validation(rows: &[EpochRow]) -> anyhow::Result<RgbImage> {
    let seen: Vec<(f64, ValidationRow)> = rows
        .iter()
        .filter_map(|r| Some((f64::from(r.epoch), r.validation?)))
        .collect();
    // Of equals the later, as the run itself chooses.
    let best = seen
        .iter()
        .max_by(|(_, a), (_, b)| (a.f1 + a.iou).total_cmp(&(b.f1 + b.iou)));
    let &(best_epoch, best) = best.context("the log has no validated epoch yet")?;
    let line = |name: &str, color, value: fn(&ValidationRow) -> f64| Line {
        name: name.into(),
        color,
        width: 3,
        points: seen.iter().map(|(epoch, v)| (*epoch, value(v))).collect(),
    };
    let scores = vec![
        line("F1, centre < 3 px", BLUE, |v| v.f1),
        line("IoU of the mask", ORANGE, |v| v.iou),
    ];
    let thresholds = vec![line("", BLACK, |v| v.threshold)];
    let epochs = Axis::epochs(rows.last().map_or(1, |r| r.epoch));
    let title = format!(
        "validation: best after epoch {best_epoch}, F1 {:.2} and IoU {:.2} %",
        best.f1, best.iou
    );
    let mut above = Panel::new(&title, epochs.clone(), Axis::percent("percent"), scores);
    above.legend = SeriesLabelPosition::LowerRight;
    above.dots = vec![
        Dot {
            at: (best_epoch, best.f1),
            color: BLUE,
            text: String::new(),
        },
        Dot {
            at: (best_epoch, best.iou),
            color: ORANGE,
            text: String::new(),
        },
    ];
    let mut below = Panel::new(
        "threshold of best F1",
        epochs,
        Axis::unit("score"),
        thresholds,
    );
    below.dots = vec![Dot {
        at: (best_epoch, best.threshold),
        color: BLACK,
        text: format!("{:.3}", best.threshold),
    }];
    stacked(&above, &below)
}

/// Precision over recall of each named curve, with the point of `threshold` marked.
///
/// # Errors
/// No curve with a point.
pub fn precision_recall(
    title: &str,
    curves: &[(&str, Curve)],
    threshold: f32,
) -> anyhow::Result<RgbImage> {
    ensure!(
        curves.iter().any(|(_, c)| !c.points().is_empty()),
        "there is no detection to draw a curve of"
    );
    let percent = |c: &Counts| Some((100.0 * c.recall()?, 100.0 * c.precision()?));
    // What every F1 looks like, behind the curves.
    let mut lines: Vec<Line> = [50.0, 60.0, 70.0, 80.0, 90.0]
        .into_iter()
        .map(|f1: f64| {
            let recalls =
                (0..=100).map(|i| f1 / 2.0 + 0.01 + (99.99 - f1 / 2.0) * f64::from(i) / 100.0);
            let points = recalls
                .map(|r| (r, f1 * r / (2.0 * r - f1)))
                .filter(|(_, p)| *p <= 100.0)
                .collect();
            Line {
                name: String::new(),
                color: GREY,
                width: 1,
                points,
            }
        })
        .collect();
    let mut dots: Vec<Dot> = lines
        .iter()
        .zip(["F1 50", "F1 60", "F1 70", "F1 80", "F1 90"])
        .filter_map(|(l, text)| {
            Some(Dot {
                at: *l.points.last()?,
                color: GREY,
                text: text.into(),
            })
        })
        .collect();
    for ((name, curve), color) in curves.iter().zip([BLUE, ORANGE, GREEN, PURPLE]) {
        let at = curve.at(threshold);
        let number = |x: Option<f64>| x.map_or("-".to_string(), |x| format!("{x:.1}"));
        let prf = at.prf();
        lines.push(Line {
            name: format!(
                "{name}: P {} R {} F1 {}",
                number(prf.p),
                number(prf.r),
                number(prf.f1)
            ),
            color,
            width: 3,
            points: curve
                .points()
                .iter()
                .filter_map(|p| percent(&p.counts))
                .collect(),
        });
        if let Some(at) = percent(&at) {
            dots.push(Dot {
                at,
                color,
                text: String::new(),
            });
        }
    }
    let title = format!("{title}, dots at threshold {threshold:.3}");
    let mut panel = Panel::new(
        &title,
        Axis::percent("recall, percent"),
        Axis::percent("precision, percent"),
        lines,
    );
    panel.legend = SeriesLabelPosition::LowerLeft;
    panel.dots = dots;
    picture(SQUARE, |root| panel.draw(root))
}

/// Centre-3px F1 and mask IoU on validation of every row of an ablation: one dot a seed, a line from the lowest to the highest,
/// the row's name at its mean.
///
/// # Errors
/// No finished run.
pub fn ablation(rows: &[&str], finished: &[Finished]) -> anyhow::Result<RgbImage> {
    ensure!(!finished.is_empty(), "no run of the ablation has ended yet");
    let panel = |title: &str, color, value: fn(&Scores) -> f64| {
        let (mut lines, mut dots) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let y = -(i as f64) - 1.0;
            let values = values_of(finished, row, value);
            let Some((mean, _)) = mean_and_spread(&values) else {
                continue;
            };
            lines.push(Line {
                name: String::new(),
                color: GREY,
                width: 3,
                points: values.iter().map(|v| (*v, y)).collect(),
            });
            for value in &values {
                dots.push(Dot {
                    at: (*value, y),
                    color,
                    text: String::new(),
                });
            }
            dots.push(Dot {
                at: (mean, y),
                color: BLACK,
                text: format!("{row} {mean:.2}"),
            });
        }
        let x = Axis::around("percent", &lines);
        let mut panel = Panel::new(title, x, Axis::rows(rows.len()), lines);
        panel.dots = dots;
        panel
    };
    let f1 = panel("validation F1, centre < 3 px", BLUE, |s| s.validation_f1);
    let iou = panel("validation IoU of the mask", ORANGE, |s| s.validation_iou);
    let height = 120 + 70 * rows.len() as u32;
    picture((WIDE.0, 2 * height), |root| {
        let (top, bottom) = root.split_vertically((50).percent_height());
        f1.draw(&top)?;
        iou.draw(&bottom)
    })
}

/// Writes a PNG; it appears under its name only when it is whole.
///
/// # Errors
/// The write that failed.
pub fn write_png(path: &Path, image: &RgbImage) -> anyhow::Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, image::ImageFormat::Png)
        .and_then(|()| write_whole(path, bytes.get_ref()).map_err(image::ImageError::IoError))
        .with_context(|| format!("{}: the picture cannot be written", path.display()))
}

fn stacked(above: &Panel, below: &Panel) -> anyhow::Result<RgbImage> {
    picture(WIDE, |root| {
        let (top, bottom) = root.split_vertically((68).percent_height());
        above.draw(&top)?;
        below.draw(&bottom)
    })
}

/// Where panels are drawn.
type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;

fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<RgbImage> {
    // Hack, of the crate's fonts the one under the plain MIT and Bitstream Vera licences.
    register_font(
        panel::FONT,
        FontStyle::Normal,
        epaint_default_fonts::HACK_REGULAR,
    )
    .map_err(|_| anyhow::anyhow!("the built-in font cannot be read"))?;
    let fine = (size.0 * FINE, size.1 * FINE);
    let mut pixels = vec![255; fine.0 as usize * fine.1 as usize * 3];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, fine).into_drawing_area();
        draw(&root)?;
        root.present()?;
    }
    let image = RgbImage::from_raw(fine.0, fine.1, pixels)
        .context("the picture has another size than its pixels")?;
    Ok(image::imageops::thumbnail(&image, size.0, size.1))
}

#[cfg(test)]
mod tests;
