use super::*;
use invdet_core::ImageSize;
use invdet_net::normalise::Affine;

/// A grey image with one target of 3x3 pixels around each given pixel.
fn sample(name: &str, side: u32, targets: &[(u32, u32)]) -> Sample {
    let size = ImageSize::new(side, side);
    let mut mask = vec![0; size.pixels()];
    for &(x, y) in targets {
        for at in [y - 1, y, y + 1] {
            mask[(at * side + x) as usize - 1..(at * side + x) as usize + 2].fill(255);
        }
    }
    let counts = mask
        .iter()
        .enumerate()
        .map(|(i, m)| 100 + (i % 7) as u16 + u16::from(*m > 0) * 50)
        .collect();
    let robust = Affine {
        median: 100.0,
        scale: 5.0,
    };
    Sample {
        set: "SET".into(),
        name: name.into(),
        size,
        bits: 8,
        counts,
        mask,
        has_mask: true,
        targets: Vec::new(),
        robust,
    }
}

fn found(x: f32, y: f32, score: f32) -> ScoredBox {
    ScoredBox {
        x,
        y,
        w: 3.0,
        h: 3.0,
        score,
        area: None,
    }
}

fn perfect(sample: &Sample, detections: Vec<ScoredBox>) -> Prediction {
    Prediction {
        detections,
        probability: sample.mask.iter().map(|m| f32::from(*m) / 255.0).collect(),
    }
}

#[test]
fn mistakes_count_before_overlap_and_overlap_before_names() {
    let samples = [
        sample("fine", 64, &[(20, 20)]),
        sample("blurred", 64, &[(20, 20)]),
        sample("missed", 64, &[(20, 20)]),
        sample("also_fine", 64, &[(20, 20)]),
        sample("false_and_missed", 64, &[(20, 20)]),
    ];
    let hit = || vec![found(20.5, 20.5, 0.9), found(50.0, 50.0, 0.4)];
    let mut predictions: Vec<Prediction> = samples.iter().map(|s| perfect(s, hit())).collect();
    predictions[1].probability[20 * 64 + 20] = 0.0;
    predictions[2].detections.remove(0);
    predictions[4].detections = vec![found(50.0, 50.0, 0.8)];
    let ranked = rank(&samples, &predictions, 0.5, 0.5);
    let names: Vec<&str> = ranked.iter().map(|j| j.sample.name.as_str()).collect();
    assert_eq!(
        names,
        ["false_and_missed", "missed", "blurred", "also_fine", "fine"]
    );
    assert_eq!(
        (ranked[0].missed.len(), ranked[0].false_alarms.len()),
        (1, 1)
    );
    assert!((ranked[2].iou - 8.0 / 9.0).abs() < 1e-12);
}

#[test]
fn window_shows_the_place_with_most_mistakes_and_stays_inside() {
    let samples = [sample("a", 512, &[(10, 10), (500, 400), (480, 420)])];
    let predictions = [perfect(&samples[0], Vec::new())];
    let ranked = rank(&samples, &predictions, 0.5, 0.5);
    let w = window_of(&ranked[0]);
    assert_eq!(
        w,
        Window {
            x: 384,
            y: 336,
            width: 128,
            height: 128
        }
    );
    let small = [sample("b", 96, &[(10, 10)])];
    let predictions = [perfect(&small[0], vec![found(10.5, 10.5, 0.9)])];
    let w = window_of(&rank(&small, &predictions, 0.5, 0.5)[0]);
    assert_eq!(
        w,
        Window {
            x: 0,
            y: 0,
            width: 96,
            height: 96
        }
    );
}

#[test]
fn sheet_shows_truth_in_green_and_detections_in_red() {
    let samples: Vec<Sample> = (0..14)
        .map(|i| sample(&format!("image_{i}"), 64, &[(20, 20)]))
        .collect();
    let predictions: Vec<Prediction> = samples
        .iter()
        .map(|s| perfect(s, vec![found(40.0, 40.0, 0.9), found(9.0, 9.0, 0.1)]))
        .collect();
    let image = sheet(&rank(&samples, &predictions, 0.5, 0.5), 0.5);
    // The first cell: the target of 3x3 pixels at (20, 20), two screen pixels a pixel, margin 2.
    let (left, top) = (GAP, 2 * GAP + 2 * LABEL);
    assert_eq!(image.get_pixel(left + 36, top + 41).0, GREEN);
    assert_eq!(image.get_pixel(left + PANE + 4 + 36, top + 41).0, GREEN);
    assert_eq!(image.get_pixel(left + 73, top + 80).0, RED);
    // The weak detection is not drawn.
    let near_weak = (6..32).flat_map(|y| (6..32).map(move |x| (x, y)));
    assert!(
        near_weak
            .clone()
            .all(|(x, y)| image.get_pixel(left + x, top + y).0 != RED)
    );
    // The mask is white where the probability is 1.
    assert_eq!(image.get_pixel(left + PANE + 4 + 41, top + 41).0, [255; 3]);
}

#[test]
fn boxes_outside_and_an_empty_set_draw_nothing_wrong() {
    let samples = [sample("a", 64, &[(20, 20)])];
    let wild = ScoredBox {
        x: 64.0,
        y: 64.0,
        w: 128.0,
        h: 128.0,
        score: 0.9,
        area: None,
    };
    let predictions = [perfect(&samples[0], vec![wild])];
    let image = sheet(&rank(&samples, &predictions, 0.5, 0.5), 0.5);
    assert_eq!(image.width(), GAP + COLUMNS * (2 * PANE + 4 + 2 * GAP));
    assert_eq!(sheet(&[], 0.5).height(), 2 * GAP + LABEL);
}
