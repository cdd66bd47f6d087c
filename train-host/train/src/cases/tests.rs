use super::page::escaped;
use super::picture::{CROP, GAP, PANE, TOP, ZOOM, heat_color, picture};
use super::*;
use crate::evaluate::Prediction;
use crate::sheet::{GREEN, RED, WHITE, rank};
use invdet_core::ImageSize;
use invdet_metrics::ScoredBox;
use invdet_net::arch::build;
use invdet_net::config::NetworkConfig;
use invdet_net::manifest::{Decode, Input, Manifest, SCHEMA, WeightsFile};
use invdet_net::normalise::Affine;
use invdet_net::weights::Weights;

const SIDE: u32 = 96;

/// Counts of 100 and 102 like a chess board, with squares of 3x3 pixels of `100 + bright` around given pixels.
fn sample(name: &str, targets: &[(u32, u32, u16)]) -> Sample {
    let size = ImageSize::new(SIDE, SIDE);
    let mut counts: Vec<u16> = (0..SIDE * SIDE)
        .map(|i| 100 + 2 * ((i % SIDE + i / SIDE) % 2) as u16)
        .collect();
    let mut mask = vec![0; size.pixels()];
    for &(x, y, bright) in targets {
        for row in y - 1..=y + 1 {
            for column in x - 1..=x + 1 {
                counts[(row * SIDE + column) as usize] = 100 + bright;
                mask[(row * SIDE + column) as usize] = 255;
            }
        }
    }
    Sample {
        set: "SET".into(),
        name: name.into(),
        size,
        bits: 8,
        counts,
        mask,
        has_mask: true,
        targets: Vec::new(),
        robust: Affine {
            median: 100.0,
            scale: 1.0,
        },
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

fn predicted(sample: &Sample, detections: Vec<ScoredBox>) -> Prediction {
    Prediction {
        detections,
        probability: vec![0.0; sample.mask.len()],
    }
}

#[test]
fn unseen_comes_before_weak_plain_before_faint_and_sure_before_unsure() {
    let samples = [
        sample("weak", &[(30, 30, 50)]),
        sample("faint", &[(30, 30, 5)]),
        sample("plain", &[(30, 30, 50)]),
        sample("found", &[(30, 30, 50)]),
    ];
    let predictions = [
        predicted(&samples[0], vec![found(30.5, 31.5, 0.3)]),
        predicted(&samples[1], vec![found(60.5, 30.5, 0.7)]),
        predicted(&samples[2], vec![found(34.5, 30.5, 0.9)]),
        predicted(&samples[3], vec![found(30.5, 30.5, 0.9)]),
    ];
    let judged = rank(&samples, &predictions, 0.5, 0.5);
    let (misses, alarms) = (misses(&judged), false_alarms(&judged));
    let captions = |cases: &[Case<'_>]| -> Vec<String> {
        cases
            .iter()
            .map(|c| format!("{}: {}", c.name(), c.caption()))
            .collect()
    };
    // Surround: mean 101, standard deviation 1 (the target's box is 9 of its 43x43 pixels, so nearly).
    assert_eq!(
        captions(&misses),
        [
            "SET/plain: missed at (30.5, 30.5), box 3.0x3.0 px, 9 px, SCR 49.0, best score none",
            "SET/faint: missed at (30.5, 30.5), box 3.0x3.0 px, 9 px, SCR 4.0, best score none",
            "SET/weak: missed at (30.5, 30.5), box 3.0x3.0 px, 9 px, SCR 49.0, best score 0.30",
        ]
    );
    assert_eq!(
        captions(&alarms),
        [
            "SET/plain: false alarm at (34.5, 30.5), box 3.0x3.0 px, score 0.90, nearest target 4.0 px off",
            "SET/faint: false alarm at (60.5, 30.5), box 3.0x3.0 px, score 0.70, nearest target 30.0 px off",
        ]
    );
}

#[test]
fn contrast_is_measured_against_the_surround_without_other_targets() {
    // A second target nearby, far brighter: it must not count as surround.
    let both = sample("both", &[(30, 30, 11), (40, 30, 150)]);
    let scr = contrast(&both, [30.5, 30.5, 3.0, 3.0]).unwrap();
    assert!((scr - 10.0).abs() < 0.05, "{scr}");
    let mut flat = sample("flat", &[(30, 30, 11)]);
    flat.counts.fill(100);
    assert_eq!(contrast(&flat, [30.5, 30.5, 3.0, 3.0]), None);
}

#[test]
fn picture_shows_image_truth_and_heat_map_side_by_side() {
    let samples = [sample("a", &[(40, 40, 50)])];
    let predictions = [predicted(
        &samples[0],
        vec![found(60.5, 40.5, 0.9), found(40.5, 60.5, 0.2)],
    )];
    let judged = rank(&samples, &predictions, 0.5, 0.5);
    let misses = misses(&judged);
    let mut heat = vec![0.0; samples[0].mask.len()];
    heat[(41 * SIDE + 40) as usize] = 0.25;
    let image = picture(&misses[0], &heat, 0.5);
    assert_eq!(
        (image.width(), image.height()),
        (GAP + 3 * (PANE + GAP), TOP + PANE + GAP)
    );
    // The window of 64 pixels around (40.5, 40.5) begins at (8, 8).
    let at = |pane: u32, x: u32, y: u32| {
        let left = GAP + pane * (PANE + GAP);
        image
            .get_pixel(left + (x - 8) * ZOOM + 2, TOP + (y - 8) * ZOOM + 2)
            .0
    };
    // Counts 100, 102 and 150 of image and, darkened, of truth, where the mask itself is green.
    assert_eq!([at(0, 20, 20), at(0, 40, 40)], [[0; 3], [255; 3]]);
    let between = at(0, 21, 20)[0];
    assert!((1..255).contains(&between), "{between}");
    assert_eq!(at(1, 21, 20), [between / 3; 3]);
    assert_eq!(at(1, 40, 40), GREEN);
    assert_eq!(at(1, 38, 40), [0; 3]);
    assert_eq!(at(2, 40, 41), heat_color(0.25));
    assert_eq!(at(2, 41, 41), [0; 3]);
    // The frame around the miss: 20 screen pixels from the box of 12 around its centre.
    let centre = |pane: u32, x: f64, y: f64| {
        let left = GAP + pane * (PANE + GAP);
        let screen = |v: f64| ((v - 8.0) * f64::from(ZOOM)) as u32;
        (left + screen(x), TOP + screen(y))
    };
    let (x, y) = centre(0, 40.5, 40.5);
    assert_eq!(image.get_pixel(x - 26, y).0, WHITE);
    // The detection is framed in red where it is, the one below the threshold is not.
    let (x, y) = centre(1, 60.5, 40.5);
    assert_eq!(image.get_pixel(x - 9, y).0, RED);
    let (x, y) = centre(1, 40.5, 60.5);
    let near = (y - 20..y + 20).flat_map(|y| (x - 20..x + 20).map(move |x| (x, y)));
    assert!(
        near.into_iter()
            .all(|(x, y)| image.get_pixel(x, y).0 != RED)
    );
    let (x, y) = centre(2, 40.5, 40.5);
    assert_eq!(image.get_pixel(x - 9, y).0, GREEN);
    assert_eq!(CROP * ZOOM, PANE);
}

#[test]
fn heat_goes_from_black_to_nearly_white_and_never_darker() {
    assert_eq!(heat_color(0.0), [0; 3]);
    assert_eq!(heat_color(f32::NAN), [0; 3]);
    assert_eq!(heat_color(1.0), [255, 255, 230]);
    // Half way by the square root.
    assert_eq!(heat_color(0.25), [200, 50, 70]);
    let light = |s: f32| {
        let [r, g, b] = heat_color(s).map(f32::from);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    assert!((0..100_u8).all(|i| light(f32::from(i) / 100.0) <= light(f32::from(i + 1) / 100.0)));
}

/// A network that has learned nothing.
fn model() -> Model {
    let network = NetworkConfig::named("s").unwrap();
    let graph = build(&network).unwrap();
    Model {
        manifest: Manifest {
            schema: SCHEMA,
            name: "made".into(),
            input: Input::Robust,
            decode: Decode::default(),
            weights: WeightsFile {
                file: "weights.safetensors".into(),
                sha256: String::new(),
            },
            network,
            training: Default::default(),
        },
        weights: Weights::neutral(&graph),
        graph,
    }
}

/// Values of an attribute of a page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.split(&format!("{name}=\""))
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

#[test]
fn page_shows_every_picture_beside_it_and_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases");
    let many: Vec<(u32, u32, u16)> = (0..5)
        .flat_map(|y| (0..6).map(move |x| (8 + 14 * x, 8 + 16 * y, 40)))
        .collect();
    let samples = [
        sample("many", &many),
        sample("<one> & \"two\"", &[(30, 30, 50)]),
    ];
    let predictions = [
        predicted(&samples[0], Vec::new()),
        predicted(&samples[1], vec![found(70.5, 30.5, 0.9)]),
    ];
    let model = model();
    let judged = rank(&samples, &predictions, 0.5, 0.5);
    let chart = Chart {
        file: "pr.png",
        caption: "precision over recall",
    };
    write(&path, "made on SET test", &model, &judged, 0.5, &[chart]).unwrap();
    let page = std::fs::read_to_string(path.join("index.html")).unwrap();
    let shown = attributes(&page, "src");
    assert_eq!(shown.len(), MOST + 1 + 1);
    for file in &shown[..=MOST] {
        let picture = image::open(path.join(file)).unwrap();
        assert_eq!(picture.width(), GAP + 3 * (PANE + GAP), "{file}");
    }
    assert_eq!((shown[0], shown[MOST]), ("miss-01.png", "false-01.png"));
    assert_eq!(shown[MOST + 1], "pr.png");
    assert!(page.contains("2 images, 31 targets, threshold 0.500: 31 missed, 1 false alarms"));
    assert!(page.contains("24 of 31, ") && page.contains("1 of 1, "));
    // What the file names hold is text, not markup; nothing is loaded from anywhere.
    assert!(page.contains("SET/&lt;one&gt; &amp; &quot;two&quot;") && !page.contains("<one>"));
    for elsewhere in ["<script", "http:", "https:", "//", "@import", "url("] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    // The picture of the false alarm is that of its image: the target is in green left of it.
    let picture = image::open(path.join("false-01.png")).unwrap().into_rgb8();
    let greens = picture.pixels().filter(|p| p.0 == GREEN).count();
    assert!(greens > 0);

    // A shorter page after it leaves no picture that it does not show.
    let judged = rank(&samples[1..], &predictions[1..], 0.5, 0.5);
    write(&path, "made on SET test", &model, &judged, 0.5, &[]).unwrap();
    let mut left: Vec<String> = std::fs::read_dir(&path)
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["false-01.png", "index.html", "miss-01.png"]);
}

#[test]
fn page_without_mistakes_says_so_and_a_file_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases");
    write(&path, "nothing", &model(), &[], 0.5, &[]).unwrap();
    let page = std::fs::read_to_string(path.join("index.html")).unwrap();
    assert_eq!(page.matches("<p>None.</p>").count(), 2);
    let error = write(&path.join("index.html"), "nothing", &model(), &[], 0.5, &[]);
    assert!(error.unwrap_err().to_string().contains("index.html"));
}

#[test]
fn markup_in_text_is_escaped() {
    assert_eq!(
        escaped("<a href='x'>\"&amp;\"</a>"),
        "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;&quot;&lt;/a&gt;"
    );
}
