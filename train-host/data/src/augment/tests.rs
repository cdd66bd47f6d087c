use super::*;

/// A sample with a textured background and square targets `(x, y, side)` of +60 counts.
fn sample(width: u32, height: u32, squares: &[(u32, u32, u32)]) -> Sample {
    let size = ImageSize::new(width, height);
    let mut counts: Vec<u16> = (0..size.pixels() as u64)
        .map(|i| {
            100 + (i
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407)
                >> 60) as u16
        })
        .collect();
    let mut mask = vec![0; size.pixels()];
    for &(left, top, side) in squares {
        for y in top..top + side {
            for x in left..left + side {
                counts[(y * width + x) as usize] += 60;
                mask[(y * width + x) as usize] = 255;
            }
        }
    }
    let targets = Target::of_mask(&mask, size, 127);
    let robust = invdet_net::normalise::Robust::new().measure(&counts);
    Sample {
        set: "S".into(),
        name: "s".into(),
        size,
        bits: 8,
        counts,
        mask,
        has_mask: true,
        targets,
        robust,
    }
}

fn augmenter(augment: Augment) -> Augmenter {
    Augmenter::new(augment, Normalisation::Robust).unwrap()
}

#[test]
fn same_seed_epoch_and_index_give_the_same_crop() {
    let samples = [
        sample(200, 150, &[(50, 40, 3)]),
        sample(300, 280, &[(10, 10, 2), (200, 200, 5)]),
    ];
    let augmenter = augmenter(Augment {
        crop: 64,
        ..Augment::default()
    });
    for epoch in 0..10 {
        let crop = |epoch, index| {
            augmenter
                .crop(&samples, index, &mut rng_for(7, epoch, index as u64))
                .unwrap()
        };
        assert_eq!(crop(epoch, 1), crop(epoch, 1));
        assert_ne!(crop(epoch, 1), crop(epoch + 1, 1));
    }
}

#[test]
fn generators_of_neighbouring_crops_differ() {
    use rand::Rng as _;
    let mut firsts: Vec<u64> = Vec::new();
    for seed in 0..4 {
        for epoch in 0..10 {
            firsts.extend((0..100).map(|index| rng_for(seed, epoch, index).next_u64()));
        }
    }
    let all = firsts.len();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), all);
}

#[test]
fn plain_crop_is_the_normalised_source() {
    let source = sample(90, 80, &[(30, 30, 4)]);
    let crop = augmenter(Augment::plain(64))
        .crop(std::slice::from_ref(&source), 0, &mut rng_for(1, 0, 0))
        .unwrap();
    let values: Vec<f32> = source
        .counts
        .iter()
        .map(|&c| source.robust.apply(c))
        .collect();
    let found = (0..=80 - 64usize)
        .flat_map(|top| (0..=90 - 64usize).map(move |left| (left, top)))
        .filter(|&(l, t)| {
            (0..64).all(|y| values[(t + y) * 90 + l..][..64] == crop.image[y * 64..][..64])
                && (0..64).all(|y| {
                    source.mask[(t + y) * 90 + l..][..64]
                        .iter()
                        .zip(&crop.mask[y * 64..][..64])
                        .all(|(a, b)| a / 255 == *b)
                })
        });
    assert_eq!(found.count(), 1);
}

#[test]
fn targets_are_those_of_the_crop_mask() {
    let samples = [sample(
        300,
        280,
        &[(10, 10, 2), (200, 200, 5), (150, 90, 1), (160, 95, 9)],
    )];
    let augmenter = augmenter(Augment {
        crop: 128,
        ..Augment::default()
    });
    let mut cut = 0;
    for epoch in 0..200 {
        let crop = augmenter
            .crop(&samples, 0, &mut rng_for(3, epoch, 0))
            .unwrap();
        assert_eq!((crop.image.len(), crop.mask.len()), (128 * 128, 128 * 128));
        assert!(crop.image.iter().all(|v| (-8.0..=8.0).contains(v)));
        let area: u32 = crop.targets.iter().map(|t| t.area).sum();
        assert_eq!(area, crop.mask.iter().map(|&v| u32::from(v)).sum::<u32>());
        for t in &crop.targets {
            assert!(
                t.x - t.w / 2.0 >= 0.0 && t.x + t.w / 2.0 <= 128.0 && t.w >= 1.0,
                "{t:?}"
            );
            cut += u32::from(t.x + t.w / 2.0 == 128.0 && t.w < t.h);
        }
    }
    assert!(cut > 0, "no crop cut a target at its right border");
}

#[test]
fn target_centred_crops_hold_a_target() {
    let samples = [sample(512, 512, &[(400, 30, 3)])];
    let with = |target_prob| {
        let augmenter = augmenter(Augment {
            target_prob,
            jitter: 0.4,
            ..Augment::plain(64)
        });
        let held = |epoch| {
            !augmenter
                .crop(&samples, 0, &mut rng_for(5, epoch, 0))
                .unwrap()
                .targets
                .is_empty()
        };
        (0..200).filter(|&epoch| held(epoch)).count()
    };
    assert_eq!(with(1.0), 200);
    let half = with(0.5);
    assert!((80..140).contains(&half), "{half}");
    assert!(with(0.0) < 30);
}

#[test]
fn jitter_moves_the_target_over_the_crop() {
    let samples = [sample(512, 512, &[(250, 250, 3)])];
    let augmenter = augmenter(Augment {
        target_prob: 1.0,
        jitter: 0.4,
        ..Augment::plain(64)
    });
    let xs: Vec<f32> = (0..200)
        .map(|epoch| {
            augmenter
                .crop(&samples, 0, &mut rng_for(5, epoch, 0))
                .unwrap()
                .targets[0]
                .x
        })
        .collect();
    assert!(xs.iter().any(|x| *x < 12.0) && xs.iter().any(|x| *x > 52.0));
}

#[test]
fn small_image_is_continued_by_reflection() {
    let source = sample(20, 9, &[(5, 4, 2)]);
    let window = Window {
        side: 64,
        scale: 1.0,
        left: -10.0,
        top: -20.0,
    };
    let image = window.image(&source, source.robust);
    let mask = window.mask(&source);
    let fold = |mut i: i64, n: i64| {
        while !(0..n).contains(&i) {
            i = if i < 0 { -i } else { 2 * (n - 1) - i };
        }
        i as usize
    };
    for y in 0..64 {
        for x in 0..64 {
            let from = fold(y - 20, 9) * 20 + fold(x - 10, 20);
            assert_eq!(
                image[(y * 64 + x) as usize],
                source.robust.apply_unclipped(source.counts[from])
            );
            assert_eq!(mask[(y * 64 + x) as usize], source.mask[from] / 255);
        }
    }
}

#[test]
fn image_of_one_pixel_fills_its_crop() {
    let samples = [sample(1, 1, &[])];
    let augmenter = augmenter(Augment {
        crop: 16,
        ..Augment::default()
    });
    for epoch in 0..50 {
        assert_eq!(
            augmenter
                .crop(&samples, 0, &mut rng_for(1, epoch, 0))
                .unwrap()
                .image
                .len(),
            256
        );
    }
}

type Change = fn(&mut [usize], usize);
/// From (x, y, side) to the index that the pixel had before.
type Origin = fn(usize, usize, usize) -> usize;

#[test]
fn symmetries_move_image_and_mask_alike() {
    for side in [1, 7, 16, 33] {
        let original: Vec<usize> = (0..side * side).collect();
        let cases: [(Change, Origin); 3] = [
            (symmetry::flip_columns, |x, y, n| y * n + (n - 1 - x)),
            (symmetry::flip_rows, |x, y, n| (n - 1 - y) * n + x),
            (symmetry::transpose, |x, y, n| x * n + y),
        ];
        for (change, from) in cases {
            let mut pixels = original.clone();
            change(&mut pixels, side);
            for y in 0..side {
                for x in 0..side {
                    assert_eq!(pixels[y * side + x], original[from(x, y, side)]);
                }
            }
        }
    }
}

#[test]
fn rescaled_target_keeps_its_place_and_gains_its_area() {
    let source = sample(256, 256, &[(100, 120, 6)]);
    for scale in [0.7, 0.83, 0.99, 1.01, 1.3, 1.5] {
        let window = Window {
            side: 128,
            scale,
            left: 60.25,
            top: 70.5,
        };
        let mask = window.mask(&source);
        let targets = Target::of_mask(&mask, ImageSize::new(128, 128), 0);
        let [t] = targets[..] else {
            panic!("scale {scale}: {targets:?}")
        };
        // Edges are rounded to whole pixels: the centre within half a pixel, the size within one.
        let (x, y) = ((103.0 - 60.25) * scale, (123.0 - 70.5) * scale);
        if y < 128.0 - 4.0 {
            assert!(
                (t.x - x).abs() <= 0.51 && (t.y - y).abs() <= 0.51,
                "scale {scale}: {t:?}, wanted {x} {y}"
            );
            assert!(
                (t.w - 6.0 * scale).abs() <= 1.0 && (t.h - 6.0 * scale).abs() <= 1.0,
                "scale {scale}: {t:?}"
            );
        }
        // The image agrees with the mask: target pixels well inside are bright, the rest is not.
        let image = window.image(&source, source.robust);
        let inside = (t.y as usize) * 128 + t.x as usize;
        assert!(image[inside] > 5.0, "scale {scale}: {}", image[inside]);
    }
}

#[test]
fn bilinear_image_is_exact_on_a_ramp() {
    let mut source = sample(64, 64, &[]);
    for y in 0..64 {
        for x in 0..64 {
            source.counts[y * 64 + x] = (10 * x + 3 * y) as u16;
        }
    }
    let identity = Affine {
        median: 0.0,
        scale: 1.0,
    };
    let window = Window {
        side: 32,
        scale: 0.8,
        left: 11.3,
        top: 7.9,
    };
    let image = window.image(&source, identity);
    for y in 0..32 {
        for x in 0..32 {
            // Value at the centre of the crop pixel; source pixel centres are at half coordinates.
            let u = 11.3 + (x as f32 + 0.5) / 0.8 - 0.5;
            let v = 7.9 + (y as f32 + 0.5) / 0.8 - 0.5;
            assert!((image[y * 32 + x] - (10.0 * u + 3.0 * v)).abs() < 1e-2);
        }
    }
}

#[test]
fn target_below_one_rescaled_pixel_is_dropped_and_larger_ones_never_are() {
    // 0.7^2 = 0.49: one and two pixels fall below 1, three do not.
    let mut sources = Vec::new();
    for shape in [
        &[(0, 0)][..],
        &[(0, 0), (1, 0)],
        &[(0, 0), (1, 1), (2, 2)],
        &[(0, 0), (1, 0), (1, 1)],
    ] {
        let mut source = sample(128, 128, &[]);
        for &(x, y) in shape {
            source.mask[(60 + y) * 128 + 60 + x] = 255;
        }
        sources.push((shape.len(), source));
    }
    for step in 0..100 {
        let origin = 10.0 + step as f32 * 0.0173;
        let window = Window {
            side: 64,
            scale: 0.7,
            left: origin,
            top: 5.0 + origin,
        };
        for (area, source) in &sources {
            let kept = window.mask(source).contains(&1);
            assert_eq!(kept, *area >= 3, "area {area}, origin {origin}");
        }
    }
}

#[test]
fn pasted_target_is_labelled_and_keeps_its_contrast() {
    let bare = sample(128, 128, &[]);
    let mut donor = sample(128, 128, &[(60, 60, 3)]);
    // Another level of background must not come along.
    for count in &mut donor.counts {
        *count += 500;
    }
    donor.robust.median += 100.0;
    donor.robust.scale = 20.0;
    let samples = [bare, donor];
    let settings = Augment {
        paste_prob: 1.0,
        paste_max: 1,
        ..Augment::plain(128)
    };
    let augmenter = augmenter(settings);
    let (mut pasted, mut tried) = (0, 0);
    for epoch in 0..60 {
        let crop = augmenter
            .crop(&samples, 0, &mut rng_for(2, epoch, 0))
            .unwrap();
        tried += 1;
        let without = Augmenter::new(Augment::plain(128), Normalisation::Robust).unwrap();
        let plain = without
            .crop(&samples, 0, &mut rng_for(2, epoch, 0))
            .unwrap();
        let [t] = crop.targets[..] else { continue };
        pasted += 1;
        assert_eq!((t.w, t.h, t.area), (3.0, 3.0, 9));
        let at = t.y as usize * 128 + t.x as usize;
        // 60 counts at 20 counts a unit, on the mean of the texture (0); +-8 counts of texture come along.
        assert!((crop.image[at] - 3.0).abs() < 0.6, "{}", crop.image[at]);
        // Background away from the paste is untouched.
        for (i, (a, b)) in crop.image.iter().zip(&plain.image).enumerate() {
            let (x, y) = ((i % 128) as f32 + 0.5, (i / 128) as f32 + 0.5);
            if (x - t.x).abs() > 5.0 || (y - t.y).abs() > 5.0 {
                assert_eq!(a, b);
            }
        }
    }
    // Half of the draws choose the sample without targets.
    assert!((15..=45).contains(&pasted), "{pasted} of {tried}");
}

#[test]
fn paste_never_covers_a_target() {
    let samples = [sample(64, 64, &[(5, 5, 4), (40, 20, 6), (20, 50, 3)])];
    let augmenter = augmenter(Augment {
        paste_prob: 1.0,
        paste_max: 4,
        ..Augment::plain(64)
    });
    for epoch in 0..100 {
        let crop = augmenter
            .crop(&samples, 0, &mut rng_for(4, epoch, 0))
            .unwrap();
        for (kept, source) in crop.mask.iter().zip(&samples[0].mask) {
            assert!(*kept >= source / 255);
        }
        assert!(
            crop.targets.iter().all(|t| matches!(t.area, 9 | 16 | 36)),
            "{:?}",
            crop.targets
        );
    }
}

#[test]
fn dataset_constants_replace_the_robust_map() {
    let samples = [sample(64, 64, &[])];
    let fixed = Augmenter::new(
        Augment::plain(64),
        Normalisation::Fixed {
            mean: 90.0,
            std: 10.0,
        },
    )
    .unwrap();
    let crop = fixed.crop(&samples, 0, &mut rng_for(1, 0, 0)).unwrap();
    assert_eq!(
        crop.image[0],
        ((f32::from(samples[0].counts[0]) - 90.0) / 10.0).clamp(-8.0, 8.0)
    );
    for std in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let refused = Augmenter::new(Augment::plain(64), Normalisation::Fixed { mean: 90.0, std });
        assert!(
            matches!(
                refused,
                Err(DataError::BadAugment {
                    field: "normalisation.std",
                    ..
                })
            ),
            "{std}"
        );
    }
}

#[test]
fn index_past_the_samples_is_refused() {
    let refused = augmenter(Augment::plain(64)).crop(&[], 0, &mut rng_for(1, 0, 0));
    assert!(matches!(
        refused,
        Err(DataError::NoSample {
            index: 0,
            samples: 0
        })
    ));
}

type Spoil = fn(&mut Augment);

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let cases: [(&str, Spoil); 13] = [
        ("crop", |a| a.crop = 0),
        ("crop", |a| a.crop = 1 << 20),
        ("target_prob", |a| a.target_prob = f32::NAN),
        ("noise_prob", |a| a.noise_prob = 1.5),
        ("tone_prob", |a| a.tone_prob = -0.1),
        ("jitter", |a| a.jitter = f32::INFINITY),
        ("noise_max", |a| a.noise_max = -0.1),
        ("rescale", |a| a.rescale = [0.0, 1.0]),
        ("rescale", |a| a.rescale = [1.5, 0.7]),
        ("gain", |a| a.gain = [f32::NAN, 1.0]),
        ("offset", |a| a.offset = [0.0, f32::INFINITY]),
        ("paste_max", |a| a.paste_max = 0),
        ("bad_pixels_max", |a| a.bad_pixels_max = 0),
    ];
    for (field, spoil) in cases {
        let mut augment = Augment::default();
        spoil(&mut augment);
        match Augmenter::new(augment, Normalisation::Robust) {
            Err(DataError::BadAugment { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn settings_file_has_defaults_and_refuses_unknown_keys() {
    let read: Augment = toml::from_str("crop = 128\nrescale = [0.8, 1.2]").unwrap();
    assert_eq!(
        read,
        Augment {
            crop: 128,
            rescale: [0.8, 1.2],
            ..Augment::default()
        }
    );
    assert_eq!(
        toml::from_str::<Augment>(&toml::to_string(&read).unwrap()).unwrap(),
        read
    );
    let refused = toml::from_str::<Augment>("crop_size = 128")
        .unwrap_err()
        .to_string();
    assert!(refused.contains("crop_size"), "{refused}");
}

/// The same sample labelled by the boxes of its targets.
fn without_mask(sample: &Sample) -> Sample {
    Sample {
        has_mask: false,
        ..sample.clone()
    }
}

fn edges(t: &Target) -> [f32; 4] {
    t.edges()
}

/// Each box of `boxes` has its component in `mask`, within a pixel, and each component that the border does not cut
/// to less than a third of `whole` pixels has its box.
fn assert_boxes_match(what: &str, boxes: &[Target], mask: &[u8], side: u32, whole: f32) {
    let components = Target::of_mask(mask, ImageSize::new(side, side), 0);
    let is_near = |a: &Target, b: &Target| {
        edges(a)
            .iter()
            .zip(edges(b))
            .all(|(a, b)| (a - b).abs() <= 1.0)
    };
    for t in boxes {
        assert!(
            components.iter().any(|c| is_near(t, c)),
            "{what}: {t:?} not in {components:?}"
        );
    }
    for c in &components {
        let [left, top, right, bottom] = edges(c);
        let last = side as f32;
        let is_cut = left == 0.0 || top == 0.0 || right == last || bottom == last;
        let has_box = boxes.iter().any(|t| is_near(t, c));
        // A pixel more or less on each side of a cut box.
        let may_lack = is_cut && (c.w - 1.0) * (c.h - 1.0) <= whole / 3.0;
        assert!(has_box || may_lack, "{what}: {c:?} not in {boxes:?}");
    }
}

#[test]
fn boxes_go_the_way_of_the_mask_through_every_window() {
    // Far apart, so that no two components merge; one in a corner, one at an edge, one within.
    let source = sample(60, 50, &[(0, 0, 6), (30, 44, 6), (40, 15, 6)]);
    let boxed = without_mask(&source);
    let mut draw = rng_for(1, 2, 3);
    let (mut boxes, mut cut) = (0, 0);
    for turn in 0..3000 {
        let scale = if turn % 3 == 0 {
            1.0
        } else {
            uniform(&mut draw, [0.7, 1.5])
        };
        let mut origin = || {
            let at = uniform(&mut draw, [-30.0, 30.0]);
            if scale == 1.0 { at.round() } else { at }
        };
        let window = Window {
            side: 48,
            scale,
            left: origin(),
            top: origin(),
        };
        let found = window.targets(&boxed);
        // With its mirror images a box in the corner is 11 pixels wide and high.
        let whole = 121.0 * scale * scale;
        assert_boxes_match(
            &format!("{window:?}"),
            &found,
            &window.mask(&source),
            48,
            whole,
        );
        boxes += found.len();
        let at_border = |t: &&Target| edges(t)[0] == 0.0 || edges(t)[3] == 48.0;
        cut += found.iter().filter(at_border).count();
    }
    assert!(boxes > 3000 && cut > 300, "{boxes} boxes, {cut} cut");
}

#[test]
fn boxes_go_the_way_of_the_mask_through_every_symmetry() {
    let source = sample(48, 48, &[(3, 9, 4), (30, 20, 7)]);
    let boxed = without_mask(&source);
    let augmenter = augmenter(Augment {
        flip_prob: 0.5,
        transpose_prob: 0.5,
        ..Augment::plain(48)
    });
    let mut seen = std::collections::BTreeSet::new();
    for epoch in 0..100 {
        let crop = |s: &Sample| {
            augmenter
                .crop(std::slice::from_ref(s), 0, &mut rng_for(6, epoch, 0))
                .unwrap()
        };
        let (of_mask, of_boxes) = (crop(&source), crop(&boxed));
        assert_eq!(of_mask.image, of_boxes.image);
        assert_eq!(of_mask.mask, of_boxes.mask);
        assert!(of_mask.has_mask && !of_boxes.has_mask);
        let sorted = |crop: &Crop| {
            let mut all: Vec<_> = crop
                .targets
                .iter()
                .map(|t| edges(t).map(|e| e as i32))
                .collect();
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(&of_mask), sorted(&of_boxes));
        seen.insert(sorted(&of_boxes));
    }
    assert_eq!(seen.len(), 8);
}

#[test]
fn box_of_which_less_than_a_third_is_left_is_dropped() {
    let boxed = without_mask(&sample(100, 100, &[(50, 50, 9)]));
    let seen = |left: f32| {
        let window = Window {
            side: 32,
            scale: 1.0,
            left,
            top: 40.0,
        };
        window.targets(&boxed)
    };
    // 3 of 9 columns are a third, 2 are less.
    assert_eq!(seen(56.0).len(), 1);
    assert_eq!((seen(56.0)[0].w, seen(56.0)[0].area), (3.0, 27));
    assert_eq!(seen(57.0), []);
    assert_eq!(seen(59.0), []);
    assert_eq!(seen(30.0)[0].w, 9.0);
}

#[test]
fn box_below_one_rescaled_pixel_is_dropped() {
    let mut boxed = without_mask(&sample(100, 100, &[]));
    boxed.targets = vec![
        Target::of_edges([50.0, 50.0, 51.3, 51.3]),
        Target::of_edges([60.0, 60.0, 61.5, 61.5]),
    ];
    let window = Window {
        side: 48,
        scale: 0.7,
        left: 30.0,
        top: 30.0,
    };
    // 1.3 * 0.7 = 0.91, 1.5 * 0.7 = 1.05.
    assert_eq!(window.targets(&boxed).len(), 1);
}

#[test]
fn pasted_target_is_added_to_boxes_and_boxes_lend_none() {
    let boxed = without_mask(&sample(64, 64, &[(5, 5, 4)]));
    let donor = sample(64, 64, &[(30, 30, 3)]);
    let augmenter = augmenter(Augment {
        paste_prob: 1.0,
        paste_max: 1,
        ..Augment::plain(64)
    });
    let mut pasted = 0;
    for epoch in 0..60 {
        let mut rng = rng_for(8, epoch, 0);
        let crop = augmenter
            .crop(&[boxed.clone(), donor.clone()], 0, &mut rng)
            .unwrap();
        assert_eq!(edges(&crop.targets[0]), [5.0, 5.0, 9.0, 9.0]);
        assert!(crop.targets.len() <= 2 && !crop.has_mask);
        if let Some(new) = crop.targets.get(1) {
            pasted += 1;
            assert_eq!((new.w, new.h, new.area), (3.0, 3.0, 9));
            let by_mask = Target::of_mask(&crop.mask, ImageSize::new(64, 64), 0);
            assert!(by_mask.contains(new), "{new:?} not in {by_mask:?}");
        }
        let mut rng = rng_for(8, epoch, 0);
        let alone = augmenter
            .crop(std::slice::from_ref(&boxed), 0, &mut rng)
            .unwrap();
        assert_eq!(alone.targets.len(), 1);
    }
    assert!((15..=45).contains(&pasted), "{pasted} of 60");
}

#[test]
fn crops_without_tone_are_those_of_before_there_was_one() {
    let samples = [
        sample(200, 150, &[(50, 40, 3)]),
        sample(300, 280, &[(10, 10, 2), (200, 200, 5)]),
    ];
    let augmenter = augmenter(Augment {
        crop: 64,
        paste_prob: 0.0,
        tone_prob: 0.0,
        ..Augment::default()
    });
    let mut hash = Sha256::new();
    for epoch in 0..20 {
        let crop = augmenter
            .crop(&samples, 1, &mut rng_for(7, epoch, 1))
            .unwrap();
        for value in &crop.image {
            hash.update(value.to_bits().to_le_bytes());
        }
        hash.update(&crop.mask);
    }
    let hex: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Printed by this very loop at the last commit without `tone_prob`.
    assert_eq!(hex, BEFORE_TONE);
}

const BEFORE_TONE: &str = "e3708aae8381d09df600690d637cf73520e9895a0f2d1d452d6a0dc478958180";

#[test]
fn tone_leaves_mask_and_targets_of_the_crop_alone() {
    let samples = [sample(200, 150, &[(50, 40, 3), (120, 90, 5)])];
    let with = |tone_prob| {
        augmenter(Augment {
            tone_prob,
            ..Augment::plain(150)
        })
    };
    let mut changed = 0;
    for epoch in 0..40 {
        let crop = |tone_prob| {
            with(tone_prob)
                .crop(&samples, 0, &mut rng_for(9, epoch, 0))
                .unwrap()
        };
        let toned = crop(1.0);
        // Targets are brighter than everything else in the source, and a rising curve keeps them so.
        let labels = toned.image.iter().zip(&toned.mask);
        let of = |label: u8| {
            labels
                .clone()
                .filter(move |(_, m)| **m == label)
                .map(|(v, _)| *v)
        };
        let dimmest_target = of(1).fold(f32::MAX, f32::min);
        assert!(
            dimmest_target > of(0).fold(f32::MIN, f32::max),
            "epoch {epoch}"
        );
        assert_eq!(
            toned.targets,
            Target::of_mask(&toned.mask, ImageSize::new(150, 150), 0)
        );
        assert!(
            toned.targets.iter().any(|t| matches!(t.area, 9 | 25)),
            "{:?}",
            toned.targets
        );
        changed += usize::from(toned.image != crop(0.0).image);
    }
    assert!(changed > 30, "{changed}");
}

/// Needs a release build: `cargo test --release -p invdet-data --lib -- --ignored --nocapture time_of`.
#[test]
#[ignore = "a timing, meaningful in a release build only"]
fn time_of_a_256_crop_with_every_step_is_below_two_milliseconds() {
    let samples = [
        sample(512, 512, &[(100, 100, 3), (300, 200, 7)]),
        sample(325, 220, &[(50, 60, 5)]),
    ];
    let every = Augment {
        tone_prob: 1.0,
        rescale_prob: 1.0,
        noise_prob: 1.0,
        stripe_prob: 1.0,
        bad_pixel_prob: 1.0,
        paste_prob: 1.0,
        flip_prob: 1.0,
        transpose_prob: 1.0,
        ..Augment::default()
    };
    let shrink = Augment {
        rescale: [0.7, 0.7],
        ..every.clone()
    };
    for (what, augment) in [
        ("default", Augment::default()),
        ("every step", every),
        ("every step at 0.7", shrink),
    ] {
        let augmenter = augmenter(augment);
        let start = std::time::Instant::now();
        let n = 500;
        for epoch in 0..n {
            let crop = augmenter
                .crop(&samples, (epoch % 2) as usize, &mut rng_for(1, epoch, 0))
                .unwrap();
            std::hint::black_box(&crop);
        }
        let mean_ms = start.elapsed().as_secs_f64() * 1e3 / n as f64;
        eprintln!("{what}: {mean_ms:.3} ms a crop");
        assert!(mean_ms < 2.0, "{what}: {mean_ms:.3} ms");
    }
}
