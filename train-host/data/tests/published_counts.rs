//! The real data sets against their published counts.
//!
//! They are not part of the repository: `INVDET_DATA` names their folder, by default `../shared/data` beside it.

use std::path::PathBuf;

use invdet_data::{Dataset, Layout, Split, check, load_split, validation_split};
use sha2::{Digest as _, Sha256};

/// The folder of the data sets, if it is there.
fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let dir = std::env::var_os("INVDET_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!(
        "NOT TESTED against real data: no folder {dir:?}; set INVDET_DATA to the folder of the data sets"
    );
    None
}

struct Published {
    set: &'static str,
    images: usize,
    /// Images in train and test.
    split: [usize; 2],
    /// Targets in train and test (8-connected, above 127).
    targets: [usize; 2],
    /// SHA-256 over the grey levels of train, then test, in the order of the lists. Made with Pillow 13.0.0:
    /// `hash.update(Image.open(path).convert("L").tobytes())` for each name.
    grey_sha256: &'static str,
    /// Test images with a near-duplicate in train, as Pillow's `resize((32, 32), BOX)` gives them too.
    near_duplicates: usize,
}

const PUBLISHED: [Published; 3] = [
    Published {
        set: "NUAA-SIRST",
        images: 427,
        split: [213, 214],
        targets: [270, 263],
        grey_sha256: "ee5439866c3a150a3e584455b35ab56bd9d0f40af72c63898164e73e0d9fb63c",
        near_duplicates: 0,
    },
    Published {
        set: "NUDT-SIRST",
        images: 1327,
        split: [663, 664],
        targets: [918, 945],
        grey_sha256: "4ea065a61ffed268f4c23c8704478c4d8b6bd4fcab3b5bab0af5409c38f3cb02",
        near_duplicates: 37,
    },
    Published {
        set: "IRSTD-1K",
        images: 1001,
        split: [800, 201],
        targets: [1195, 297],
        grey_sha256: "4e1da822478e7cea7ae086e8ffebc7e2769978ae854d1e0dc2bf911d2c1d380e",
        near_duplicates: 6,
    },
];

#[test]
fn counts_of_the_real_sets_are_the_published_ones_and_their_grey_is_that_of_pillow() {
    let Some(data) = data() else { return };
    for published in PUBLISHED {
        let dataset = Dataset::open(&data.join(published.set)).unwrap();
        let mut grey = Sha256::new();
        assert_eq!(dataset.name(), published.set);
        for (split, (images, targets)) in [Split::Train, Split::Test]
            .iter()
            .zip(published.split.into_iter().zip(published.targets))
        {
            let samples = load_split(&dataset, split).unwrap();
            let found = samples.iter().map(|s| s.targets.len()).sum::<usize>();
            assert_eq!(
                (samples.len(), found),
                (images, targets),
                "{} {split}",
                published.set
            );
            for sample in &samples {
                grey.update(
                    sample
                        .counts
                        .iter()
                        .map(|&count| count as u8)
                        .collect::<Vec<_>>(),
                );
            }
            assert!(samples.iter().all(|s| s.bits == 8 && !s.targets.is_empty()));
            if *split == Split::Train {
                let (train, val) = validation_split(samples);
                assert_eq!(train.len() + val.len(), images);
                let share = val.len() as f64 / images as f64;
                assert!((0.06..0.14).contains(&share), "{}: {share}", published.set);
            }
        }
        let hex: String = grey
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, published.grey_sha256, "{}", published.set);
    }
}

#[test]
fn report_of_the_real_sets_finds_only_the_known_near_duplicates() {
    let Some(data) = data() else { return };
    for published in PUBLISHED {
        let report = check(&data.join(published.set)).unwrap();
        let mut summary = report.clone();
        summary.problems.clear();
        eprintln!("{summary}");
        assert_eq!(report.images, published.images);
        assert_eq!(report.targets, published.targets.iter().sum::<usize>());
        assert_eq!(
            report.near_duplicates, published.near_duplicates,
            "{report}"
        );
        assert_eq!(report.problems.len(), report.near_duplicates, "{report}");
        if published.set == "NUAA-SIRST" {
            let modes: Vec<_> = report
                .modes
                .iter()
                .map(|(mode, n)| (mode.as_str(), *n))
                .collect();
            assert_eq!(modes, [("L", 28), ("P", 5), ("RGB", 379), ("RGBA", 15)]);
        }
    }
}

/// The boxes of SIRST v2 for the images of NUAA-SIRST end one pixel later than the Pascal VOC rule has it.
#[test]
#[cfg(unix)]
fn boxes_of_nuaa_are_those_of_its_masks_within_a_pixel() {
    let Some(data) = data() else { return };
    let set = data.join("NUAA-SIRST");
    let dir = tempfile::tempdir().unwrap();
    let link = |from: &str, to: &str| {
        let from = std::fs::canonicalize(set.join(from)).unwrap();
        std::os::unix::fs::symlink(from, dir.path().join(to)).unwrap();
    };
    link("images", "images");
    link("boxes_voc", "Annotations");
    link("splits", "splits");
    let boxed = Dataset::open(dir.path()).unwrap();
    assert_eq!(boxed.layout(), Layout::Voc);
    let masked = Dataset::open(&set).unwrap();
    let (mut near, mut all) = (0, 0);
    for split in [Split::Train, Split::Test] {
        let of_boxes = load_split(&boxed, &split).unwrap();
        let of_masks = load_split(&masked, &split).unwrap();
        for (boxes, masks) in of_boxes.iter().zip(&of_masks) {
            all += boxes.targets.len();
            let is_near = |a: f32, b: f32, by: f32| (a - b).abs() <= by;
            near += boxes
                .targets
                .iter()
                .filter(|b| {
                    masks.targets.iter().any(|m| {
                        is_near(b.x, m.x, 0.5)
                            && is_near(b.y, m.y, 0.5)
                            && is_near(b.w, m.w + 1.0, 0.01)
                            && is_near(b.h, m.h + 1.0, 0.01)
                    })
                })
                .count();
        }
    }
    eprintln!("{near} of {all} boxes are a mask's and one pixel wider and higher");
    assert!(near * 100 >= all * 98 && all >= 533, "{near} of {all}");
}
