use super::*;
use crate::loss::LossParts;
use invdet_metrics::{Criterion, Reliability, ScoredBox, Target};

fn rows(epochs: u32) -> Vec<EpochRow> {
    (1..=epochs)
        .map(|epoch| {
            let fall = 20.0 / f64::from(epoch);
            let loss = LossParts {
                heat: fall,
                off: 0.4,
                size: 0.7,
                mask: 0.9,
                total: fall + 1.7,
                rec: 0.1,
            };
            let v = ValidationRow {
                f1: 90.0 - fall,
                threshold: 0.4,
                iou: 70.0 - fall,
            };
            let validation = epoch.is_multiple_of(5).then_some(v);
            EpochRow {
                epoch,
                loss,
                lr: 2e-3,
                seconds: 30.0,
                validation,
            }
        })
        .collect()
}

/// Pixels near a colour of the palette; text and lines are blended with the ground at their edges.
fn pixels_of(image: &RgbImage, color: RGBColor) -> usize {
    let near = |a: u8, b: u8| a.abs_diff(b) < 8;
    image
        .pixels()
        .filter(|p| near(p[0], color.0) && near(p[1], color.1) && near(p[2], color.2))
        .count()
}

#[test]
fn every_part_of_the_loss_has_its_line() {
    let image = loss(&rows(40)).unwrap();
    for color in [BLACK, ORANGE, BLUE, GREEN, PURPLE] {
        assert!(
            pixels_of(&image, color) > 500,
            "{color:?}: {}",
            pixels_of(&image, color)
        );
    }
}

#[test]
fn one_epoch_zero_and_nan_losses_are_drawn_and_no_epoch_is_refused() {
    let mut one = rows(1);
    one[0].loss.heat = f64::NAN;
    one[0].loss.mask = 0.0;
    assert!(loss(&one).is_ok());
    assert!(loss(&[]).is_err());
    assert!(
        validation(&one)
            .unwrap_err()
            .to_string()
            .contains("validated")
    );
}

#[test]
fn scores_over_epochs_show_both_curves() {
    let image = validation(&rows(40)).unwrap();
    assert!(pixels_of(&image, BLUE) > 500 && pixels_of(&image, ORANGE) > 500);
}

#[test]
fn threshold_is_marked_on_the_curve() {
    let targets = [
        Target {
            x: 5.0,
            y: 5.0,
            w: 3.0,
            h: 3.0,
            area: 9,
        },
        Target {
            x: 25.0,
            y: 5.0,
            w: 3.0,
            h: 3.0,
            area: 9,
        },
    ];
    let found = |x: f32, score| ScoredBox {
        x,
        y: 5.0,
        w: 3.0,
        h: 3.0,
        score,
        area: None,
    };
    let detections = [found(5.0, 0.9), found(15.0, 0.8), found(25.0, 0.7)];
    let curve = Curve::of(
        Criterion::Center3Px,
        [(&targets[..], &detections[..], 1000)],
    );
    let image = precision_recall("made up", &[("centre", curve.clone())], 0.7).unwrap();
    // The threshold of 0.7 is the end of the curve, recall 100 and precision 67: its ring has a white middle.
    let ring = image
        .enumerate_pixels()
        .filter(|(_, _, p)| p.0 == [0, 114, 178])
        .map(|(x, _, _)| x)
        .max();
    assert!(ring.is_some_and(|x| x > 850), "{ring:?}");
    assert!(
        precision_recall(
            "made up",
            &[("centre", Curve::of(Criterion::Center3Px, []))],
            0.7
        )
        .is_err()
    );
}

/// Rows that a colour is found in, first and last.
fn rows_of(image: &RgbImage, color: RGBColor) -> Option<(u32, u32)> {
    let rows = image.enumerate_pixels();
    let mut rows = rows.filter(|(_, _, p)| p.0 == [color.0, color.1, color.2]);
    let first = rows.next()?.1;
    Some((first, rows.last().map_or(first, |(_, y, _)| y)))
}

#[test]
fn reliability_bars_are_as_high_as_the_precision_and_dots_stand_on_them() {
    let draw = |hits: u32| {
        let scores = (0..20).map(|i| (0.95, i < hits));
        reliability("made up", &Reliability::of(scores)).unwrap()
    };
    const PALE_BLUE: RGBColor = RGBColor(166, 206, 227);
    let (whole, half) = (draw(20), draw(10));
    let height = |image: &RgbImage| {
        let (top, bottom) = rows_of(image, PALE_BLUE).unwrap();
        f64::from(bottom - top + 1)
    };
    let ratio = height(&whole) / height(&half);
    assert!((ratio - 2.0).abs() < 0.02, "{ratio}");
    // The line of one point is a dot at the top of the bar: that of half the precision is half a bar lower.
    let dot = |image: &RgbImage| {
        let mut rows: Vec<u32> = image
            .enumerate_pixels()
            .filter(|(x, _, p)| *x > 900 && p.0 == [ORANGE.0, ORANGE.1, ORANGE.2])
            .map(|(_, y, _)| y)
            .collect();
        rows.sort_unstable();
        f64::from(rows[rows.len() / 2])
    };
    let lower = dot(&half) - dot(&whole);
    assert!(
        (lower - 0.5 * height(&whole)).abs() < 4.0,
        "{lower} of {}",
        height(&whole)
    );
    // Both have the same number of detections, drawn below.
    assert_eq!(rows_of(&whole, BLUE), rows_of(&half, BLUE));
    assert!(rows_of(&whole, BLUE).is_some());
    let error = reliability("made up", &Reliability::of([])).unwrap_err();
    assert!(error.to_string().contains("no detection"), "{error}");
}

#[test]
fn picture_is_written_whole_or_the_path_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loss.png");
    let image = RgbImage::new(4, 4);
    write_png(&path, &image).unwrap();
    assert_eq!(image::open(&path).unwrap().into_rgb8(), image);
    let error = write_png(&path.join("below"), &image)
        .unwrap_err()
        .to_string();
    assert!(error.contains("loss.png"), "{error}");
}

#[test]
fn ablation_shows_a_dot_a_seed_and_refuses_nothing() {
    let run = |row: &str, f1| Finished {
        row: row.into(),
        seed: 1,
        scores: Scores {
            validation_f1: f1,
            validation_iou: f1 - 20.0,
            ..Scores::default()
        },
    };
    let one = ablation(&["a", "b"], &[run("a", 80.0)]).unwrap();
    let four = ablation(
        &["a", "b"],
        &[
            run("a", 80.0),
            run("a", 84.0),
            run("b", 70.0),
            run("b", 71.0),
        ],
    )
    .unwrap();
    assert_eq!(one.dimensions(), four.dimensions());
    assert!(pixels_of(&four, BLUE) > 2 * pixels_of(&one, BLUE));
    assert!(pixels_of(&four, ORANGE) > 2 * pixels_of(&one, ORANGE));
    assert!(ablation(&["a"], &[]).is_err());
}
