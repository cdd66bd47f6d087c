//! Tables that several commands print.

use invdet_metrics::{OperatingPoint, RecallByArea, Reliability};

/// Two decimals, `-` for what does not exist.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), |v| format!("{v:.2}"))
}

/// One line a target size.
pub(super) fn recall_by_area(rows: &RecallByArea) -> String {
    [
        ("up to 9 px", rows.point),
        ("10 to 49 px", rows.spot),
        ("50 px and more", rows.extended),
    ]
    .map(|(name, row)| {
        format!(
            "targets of {name:<13} {:>7} found of {}, {} false\n",
            number(row.r),
            row.targets,
            row.false_detections
        )
    })
    .concat()
}

/// One line a budget of false alarms, centre-3px.
pub(super) fn operating_points(points: &[OperatingPoint]) -> String {
    let mut text = format!(
        "{:<24} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9}\n",
        "false objects a pixel", "threshold", "P", "R", "R <10 px", "R 10-49", "R >=50"
    );
    for point in points {
        let budget = format!("at most {:.0e}", point.limit_per_pixel);
        let line = match &point.at {
            None => format!("{budget:<24} not reached: even the highest score has more\n"),
            Some(at) => format!(
                "{budget:<24} {:>9.3} {:>7} {:>7} {:>9} {:>9} {:>9}\n",
                at.threshold,
                number(at.tally.prf.p),
                number(at.tally.prf.r),
                number(at.recall_by_area.point.r),
                number(at.recall_by_area.spot.r),
                number(at.recall_by_area.extended.r)
            ),
        };
        text.push_str(&line);
    }
    text
}

/// Expected calibration errors of all scores and of those at the threshold.
pub(super) fn calibration(all: &Reliability, kept: &Reliability) -> String {
    let error = |r: &Reliability| {
        r.expected_calibration_error
            .map_or("-".into(), |e| format!("{e:.3}"))
    };
    format!(
        "calibration error {} of the {} detections at the threshold, {} of all {}\n",
        error(kept),
        kept.detections,
        error(all),
        all.detections
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use invdet_core::ImageSize;
    use invdet_metrics::{EvalOptions, Evaluator, ScoredBox};

    /// A target of 4 pixels that is found at 0.8 and one of 64 pixels that is not, a false alarm of 0.5 and one of 0.9,
    /// on a million pixels.
    fn evaluator(false_score: f32) -> Evaluator {
        let size = ImageSize::new(1000, 1000);
        let mut mask = vec![0; size.pixels()];
        for (x, y, side) in [(10, 10, 2), (500, 500, 8)] {
            for row in y..y + side {
                mask[row * 1000 + x..row * 1000 + x + side].fill(255);
            }
        }
        let found = |x: f32, y: f32, score| ScoredBox {
            x,
            y,
            w: 2.0,
            h: 2.0,
            score,
            area: None,
        };
        let boxes = [
            found(11.0, 11.0, 0.8),
            found(300.0, 300.0, 0.5),
            found(400.0, 400.0, false_score),
        ];
        let mut evaluator = Evaluator::new(EvalOptions::default());
        evaluator.add_image(size, &boxes, None, &mask).unwrap();
        evaluator
    }

    #[test]
    fn operating_points_name_budget_threshold_and_recall_by_size() {
        let text = operating_points(&evaluator(0.25).operating_points(&[1e-6, 1e-5]));
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|l| l.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[1],
            [
                "at", "most", "1e-6", "0.500", "50.00", "50.00", "100.00", "-", "0.00"
            ]
        );
        assert_eq!(
            words[2],
            [
                "at", "most", "1e-5", "0.250", "33.33", "50.00", "100.00", "-", "0.00"
            ]
        );
        let text = operating_points(&evaluator(0.9).operating_points(&[1e-7]));
        assert!(
            text.contains("1e-7") && text.contains("not reached"),
            "{text}"
        );
    }

    #[test]
    fn recall_and_calibration_are_printed_with_their_counts() {
        let e = evaluator(0.25);
        let text = recall_by_area(&e.recall_by_area(0.5));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("100.00 found of 1, 1 false"), "{text}");
        assert!(lines[1].ends_with("- found of 0, 0 false"), "{text}");
        assert!(lines[2].ends_with("0.00 found of 1, 0 false"), "{text}");
        // 0.8 a hit, 0.5 and 0.25 not: errors 0.2, 0.5 and 0.25.
        assert_eq!(
            calibration(&e.reliability(0.0), &e.reliability(0.5)),
            "calibration error 0.350 of the 2 detections at the threshold, 0.317 of all 3\n"
        );
    }
}
