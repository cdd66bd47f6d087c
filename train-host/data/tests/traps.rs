//! Each trap of a data set folder, on small made-up files.

#![allow(
    clippy::unwrap_used,
    reason = "set-up of the made-up folders; a failure there fails the test"
)]

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, RgbaImage};
use invdet_core::ImageSize;
use invdet_data::{DataError, Dataset, Problem, Sample, Split, Target, check, load_split};
use tempfile::TempDir;

/// A data set of four sound images; each test spoils one thing.
fn sound() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["images", "masks", "splits"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for (seed, name) in ["a", "b", "c", "d"].iter().enumerate() {
        image(&dir, name, seed as u32);
        mask(&dir, name, 24, 16);
    }
    write(&dir, "splits/train.txt", "a\nb\n");
    write(&dir, "splits/test.txt", "c\nd\n");
    dir
}

/// 24x16, different for each seed.
fn image(dir: &TempDir, name: &str, seed: u32) {
    let at = |x: u32, y: u32| Luma([((x * 37 + y * 101 + seed * 7919) * (seed + 3) % 251) as u8]);
    save(
        dir,
        &format!("images/{name}.png"),
        GrayImage::from_fn(24, 16, at).into(),
    );
}

/// One target at (5, 3) of 2x1 pixels.
fn mask(dir: &TempDir, name: &str, width: u32, height: u32) {
    save(
        dir,
        &format!("masks/{name}.png"),
        target_mask(width, height).into(),
    );
}

fn target_mask(width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, y| {
        Luma([if y == 3 && (5..7).contains(&x) {
            255
        } else {
            0
        }])
    })
}

fn save(dir: &TempDir, path: &str, image: DynamicImage) {
    image.save(dir.path().join(path)).unwrap();
}

fn write(dir: &TempDir, path: &str, bytes: impl AsRef<[u8]>) {
    fs::write(dir.path().join(path), bytes).unwrap();
}

fn load(dir: &TempDir, split: Split) -> Result<Vec<Sample>, DataError> {
    load_split(&Dataset::open(dir.path())?, &split)
}

fn refusal(dir: &TempDir) -> DataError {
    load(dir, Split::Train).unwrap_err()
}

#[test]
fn sound_split_loads_in_the_order_of_its_list() {
    let dir = sound();
    write(&dir, "splits/train.txt", "b\na\n");
    let samples = load(&dir, Split::Train).unwrap();
    assert_eq!(
        samples.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["b", "a"]
    );
    let b = &samples[0];
    assert_eq!(
        (b.size, b.bits, b.counts.len(), b.mask.len()),
        (ImageSize::new(24, 16), 8, 384, 384)
    );
    assert_eq!(b.set, dir.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(
        b.targets,
        [Target {
            x: 6.0,
            y: 3.5,
            w: 2.0,
            h: 1.0,
            area: 2
        }]
    );
}

#[test]
fn list_may_have_endings_blank_lines_and_windows_line_ends() {
    let dir = sound();
    write(&dir, "splits/train.txt", "\u{feff}a.png\r\n\r\n  b\t\r\n");
    assert_eq!(load(&dir, Split::Train).unwrap().len(), 2);
}

#[test]
fn further_lists_are_loaded_by_name() {
    let dir = sound();
    write(&dir, "splits/acm_val.txt", "d\n");
    assert_eq!(load(&dir, Split::from("acm_val")).unwrap()[0].name, "d");
    assert!(
        matches!(load(&dir, Split::from("acm_test")), Err(DataError::NoSplit { split, .. }) if split == "acm_test")
    );
}

#[test]
fn colours_become_the_grey_of_pillow_and_alpha_is_ignored() {
    let dir = sound();
    let (size, colour) = ((24, 16), [100, 150, 200]);
    let rgb = RgbImage::from_pixel(size.0, size.1, Rgb(colour));
    let rgba = RgbaImage::from_pixel(size.0, size.1, image::Rgba([100, 150, 200, 7]));
    for image in [DynamicImage::from(rgb), DynamicImage::from(rgba)] {
        save(&dir, "images/a.png", image);
        // (100 * 19595 + 150 * 38470 + 200 * 7471 + 32768) >> 16
        assert!(
            load(&dir, Split::Train).unwrap()[0]
                .counts
                .iter()
                .all(|&count| count == 141)
        );
    }
    save(
        &dir,
        "images/a.png",
        GrayAlphaImage::from_pixel(24, 16, image::LumaA([99, 0])).into(),
    );
    assert!(
        load(&dir, Split::Train).unwrap()[0]
            .counts
            .iter()
            .all(|&count| count == 99)
    );
}

#[test]
fn palette_is_resolved_before_the_grey() {
    let dir = sound();
    write(&dir, "images/a.png", PALETTE_PNG);
    save(&dir, "masks/a.png", GrayImage::new(2, 2).into());
    let samples = load(&dir, Split::Train).unwrap();
    // Indices 0 1 / 2 1 of the palette red, green, (100, 150, 200).
    assert_eq!(samples[0].counts, [76, 150, 141, 150]);
    assert_eq!(check(dir.path()).unwrap().modes["P"], 1);
}

/// 2x2, 2-bit palette PNG; made with zlib.compress and zlib.crc32 of Python's standard library.
const PALETTE_PNG: &[u8] = include_bytes!("palette-2x2.png");

#[test]
fn counts_of_16_bit_are_kept() {
    let dir = sound();
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(24, 16, |x, y| Luma([6743 + (x * y) as u16]));
    save(&dir, "images/a.png", deep.clone().into());
    let samples = load(&dir, Split::Train).unwrap();
    assert_eq!((samples[0].bits, samples[1].bits), (16, 8));
    assert_eq!(samples[0].counts, deep.into_raw());
}

#[test]
fn tiff_of_16_bit_is_read() {
    let dir = sound();
    fs::remove_file(dir.path().join("images/a.png")).unwrap();
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_pixel(24, 16, Luma([16_000]));
    save(&dir, "images/a.tiff", deep.into());
    assert_eq!(load(&dir, Split::Train).unwrap()[0].counts[0], 16_000);
}

#[test]
fn colour_of_16_bit_is_refused_by_mode() {
    let dir = sound();
    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(24, 16, Rgb([1, 2, 3]));
    save(&dir, "images/a.png", deep.into());
    assert!(matches!(refusal(&dir), DataError::UnsupportedMode { mode, .. } if mode == "Rgb16"));
}

#[test]
fn pixel_that_is_no_number_is_refused() {
    let dir = sound();
    fs::remove_file(dir.path().join("images/a.png")).unwrap();
    let image = ImageBuffer::from_fn(24, 16, |x, _| Rgb([if x == 3 { f32::NAN } else { 0.5 }; 3]));
    save(&dir, "images/a.tiff", DynamicImage::ImageRgb32F(image));
    assert!(matches!(refusal(&dir), DataError::UnsupportedMode { mode, .. } if mode == "Rgb32F"));
}

#[test]
fn mask_keeps_its_bytes_and_soft_edges_are_no_target() {
    let dir = sound();
    let mut soft = target_mask(24, 16);
    soft.put_pixel(4, 3, Luma([127]));
    soft.put_pixel(7, 3, Luma([128]));
    save(&dir, "masks/a.png", soft.clone().into());
    let sample = load(&dir, Split::Train).unwrap().remove(0);
    assert_eq!(sample.mask, soft.into_raw());
    assert_eq!(
        sample.targets,
        [Target {
            x: 6.5,
            y: 3.5,
            w: 3.0,
            h: 1.0,
            area: 3
        }]
    );
}

#[test]
fn mask_of_several_channels_is_read_from_channel_0() {
    let dir = sound();
    let rgb = RgbImage::from_fn(24, 16, |x, _| Rgb([if x == 2 { 200 } else { 0 }, 255, 255]));
    save(&dir, "masks/a.png", rgb.into());
    assert_eq!(
        load(&dir, Split::Train).unwrap()[0].targets,
        [Target {
            x: 2.5,
            y: 8.0,
            w: 1.0,
            h: 16.0,
            area: 16
        }]
    );
}

#[test]
fn mask_may_extend_the_name_of_its_image() {
    let dir = sound();
    // Image "a_1" must not lose its mask to image "a", nor the other way round.
    image(&dir, "a_1", 9);
    mask(&dir, "a_1_pixels0", 24, 16);
    fs::rename(
        dir.path().join("masks/a.png"),
        dir.path().join("masks/a-mask.png"),
    )
    .unwrap();
    let dataset = Dataset::open(dir.path()).unwrap();
    assert!(
        dataset
            .label_file("a")
            .unwrap()
            .unwrap()
            .ends_with("masks/a-mask.png")
    );
    assert!(
        dataset
            .label_file("a_1")
            .unwrap()
            .unwrap()
            .ends_with("masks/a_1_pixels0.png")
    );
    assert!(dataset.stray_labels().is_empty());
}

#[test]
fn two_masks_of_one_image_are_refused_unless_one_has_its_name() {
    let dir = sound();
    mask(&dir, "a_preview", 5, 5);
    assert!(load(&dir, Split::Train).is_ok());
    fs::rename(
        dir.path().join("masks/a.png"),
        dir.path().join("masks/a_mask.png"),
    )
    .unwrap();
    assert!(matches!(refusal(&dir), DataError::Ambiguous { name, .. } if name == "a"));
}

#[test]
fn mask_of_another_size_is_refused() {
    let dir = sound();
    mask(&dir, "b", 16, 24);
    let error = refusal(&dir);
    assert!(matches!(
        &error,
        DataError::SizeMismatch { mask, mask_size, image_size }
            if mask.ends_with("masks/b.png")
                && *mask_size == ImageSize::new(16, 24)
                && *image_size == ImageSize::new(24, 16)
    ));
    assert!(
        error.to_string().contains("16x24") && error.to_string().contains("24x16"),
        "{error}"
    );
}

#[test]
fn missing_mask_is_refused_by_name() {
    let dir = sound();
    fs::remove_file(dir.path().join("masks/b.png")).unwrap();
    assert!(matches!(refusal(&dir), DataError::MissingMask { name, .. } if name == "b"));
}

#[test]
fn missing_image_is_refused_by_name() {
    let dir = sound();
    for name in ["zebra", "../masks/a"] {
        write(&dir, "splits/train.txt", format!("a\n{name}\n"));
        assert!(matches!(refusal(&dir), DataError::MissingImage { name: n, .. } if n == name));
    }
}

#[test]
fn cut_off_png_is_refused_at_every_length() {
    let dir = sound();
    let whole = fs::read(dir.path().join("images/a.png")).unwrap();
    // From the end of the signature to the last byte of pixels: the check sum and IEND after it hold no pixel.
    for length in 9..whole.len() - 16 {
        write(&dir, "images/a.png", &whole[..length]);
        match refusal(&dir) {
            DataError::Truncated { path, .. } => assert!(path.ends_with("images/a.png")),
            other => panic!("length {length}: {other:?}"),
        }
    }
    write(&dir, "images/a.png", &whole);
    let mask = fs::read(dir.path().join("masks/a.png")).unwrap();
    write(&dir, "masks/a.png", &mask[..mask.len() / 2]);
    assert!(
        matches!(refusal(&dir), DataError::Truncated { path, .. } if path.ends_with("masks/a.png"))
    );
}

#[test]
fn file_of_no_bytes_is_refused() {
    let dir = sound();
    write(&dir, "images/b.png", b"");
    assert!(
        matches!(refusal(&dir), DataError::EmptyFile { path } if path.ends_with("images/b.png"))
    );
}

#[test]
fn file_that_is_no_image_is_refused() {
    let dir = sound();
    write(&dir, "images/b.png", b"<html>404</html>");
    assert!(
        matches!(refusal(&dir), DataError::Undecodable { path, .. } if path.ends_with("images/b.png"))
    );
}

#[test]
fn header_of_a_monstrous_size_is_refused_without_memory_for_it() {
    let dir = sound();
    let mut bytes = PALETTE_PNG.to_vec();
    bytes[16..20].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    write(&dir, "images/b.png", &bytes);
    assert!(matches!(refusal(&dir), DataError::Undecodable { .. }));
}

#[test]
fn bad_lists_are_refused() {
    let dir = sound();
    write(&dir, "splits/train.txt", "\n \r\n");
    assert!(
        matches!(refusal(&dir), DataError::EmptySplit { path } if path.ends_with("splits/train.txt"))
    );
    write(&dir, "splits/train.txt", "a\nb\na\n");
    assert!(matches!(refusal(&dir), DataError::ListedTwice { name, .. } if name == "a"));
    write(&dir, "splits/train.txt", [0xff, 0xfe, b'a', 0]);
    assert!(matches!(refusal(&dir), DataError::SplitNotText { .. }));
    fs::remove_file(dir.path().join("splits/train.txt")).unwrap();
    assert!(matches!(refusal(&dir), DataError::NoSplit { split, .. } if split == "train"));
}

#[test]
fn folder_without_labels_is_refused_with_all_that_was_looked_for() {
    let dir = sound();
    fs::remove_dir_all(dir.path().join("masks")).unwrap();
    let refused = Dataset::open(dir.path()).unwrap_err();
    assert!(matches!(refused, DataError::NoLayout { .. }), "{refused:?}");
    let message = refused.to_string();
    for looked_for in [
        "masks/",
        "annotations/*.json",
        "Annotations/*.xml",
        "labels/*.txt",
        "boxes/*.txt",
        "center/*.txt",
        "x1,y1,x2,y2,class",
        "SEQ.txt",
    ] {
        assert!(message.contains(looked_for), "{message}");
    }
    fs::remove_dir_all(dir.path().join("images")).unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    let refused = Dataset::open(dir.path());
    assert!(matches!(refused, Err(DataError::NoImages { dir }) if dir.ends_with("images")));
    let refused = Dataset::open(Path::new("no/such/folder"));
    assert!(matches!(refused, Err(DataError::NoFolder { .. })));
}

#[test]
fn sound_folder_has_no_problem() {
    let dir = sound();
    let report = check(dir.path()).unwrap();
    assert_eq!(report.problems, []);
    assert!(!report.has_errors());
    assert_eq!(
        (report.images, report.targets, report.modes["L"]),
        (4, 4, 4)
    );
    assert_eq!(
        (report.splits["train"].images, report.splits["test"].targets),
        (2, 2)
    );
}

#[test]
fn report_lists_all_problems_at_once() {
    let dir = sound();
    mask(&dir, "a", 8, 5);
    write(&dir, "images/b.png", b"");
    fs::remove_file(dir.path().join("masks/c.png")).unwrap();
    save(&dir, "masks/d.png", GrayImage::new(24, 16).into());
    mask(&dir, "nobody", 24, 16);
    image(&dir, "loner", 6);
    mask(&dir, "loner", 24, 16);
    write(&dir, "splits/train.txt", "a\nb\nc\nghost\n");
    let report = check(dir.path()).unwrap();
    let has =
        |wanted: &dyn Fn(&Problem) -> bool| report.problems.iter().filter(|p| wanted(p)).count();
    let refused = |name: &str, part: &str| {
        has(
            &|p| matches!(p, Problem::Refused { name: n, reason } if n == name && reason.contains(part)),
        )
    };
    assert_eq!(refused("a", "8x5"), 1);
    assert_eq!(refused("b", "0 bytes"), 1);
    assert_eq!(refused("c", "no mask"), 1);
    assert_eq!(refused("ghost", "no image"), 1);
    assert_eq!(
        has(&|p| matches!(p, Problem::EmptyMask { name } if name == "d")),
        1
    );
    assert_eq!(
        has(&|p| matches!(p, Problem::StrayLabel { file } if file.ends_with("nobody.png"))),
        1
    );
    assert_eq!(
        has(&|p| matches!(p, Problem::InNoSplit { name } if name == "loner")),
        1
    );
    assert_eq!(
        has(
            &|p| matches!(p, Problem::InTwoSplits { name, first, second }
            if name == "c" && first == "test" && second == "train")
        ),
        1
    );
    assert_eq!(report.problems.len(), 8, "{report}");
    assert!(report.has_errors());
    let printed = report.to_string();
    assert!(
        printed.lines().count() >= 8 + 5 && printed.contains("5 errors, 3 warnings"),
        "{printed}"
    );
}

#[test]
fn bad_lists_are_problems_of_the_report() {
    let dir = sound();
    write(&dir, "splits/train.txt", "");
    write(&dir, "splits/test.txt", "a\na\n");
    let report = check(dir.path()).unwrap();
    let refused: Vec<&str> = report
        .problems
        .iter()
        .filter_map(|p| {
            if let Problem::Refused { name, .. } = p {
                Some(name.as_str())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(refused, ["test", "train"]);
}

#[test]
fn near_duplicate_of_a_train_image_in_test_is_found() {
    let dir = sound();
    // The same scene with another gain and a grain of noise.
    let source = image::open(dir.path().join("images/b.png"))
        .unwrap()
        .into_luma8();
    let copy = GrayImage::from_fn(24, 16, |x, y| {
        Luma([source.get_pixel(x, y).0[0] / 2 + 40 + (x + y) as u8 % 2])
    });
    save(&dir, "images/d.png", copy.into());
    let report = check(dir.path()).unwrap();
    let [
        Problem::NearDuplicate {
            train,
            test,
            correlation,
        },
    ] = &report.problems[..]
    else {
        panic!("{report}")
    };
    assert_eq!(
        (train.as_str(), test.as_str(), report.near_duplicates),
        ("b", "d", 1)
    );
    assert!(*correlation > 0.99 && *correlation <= 1.0001);
    assert!(!report.has_errors());
}

#[test]
fn lists_of_other_families_may_share_names() {
    let dir = sound();
    write(&dir, "splits/acm_train.txt", "a\nc\n");
    write(&dir, "splits/acm_trainval.txt", "a\nc\nb\n");
    write(&dir, "splits/acm_val.txt", "b\n");
    assert_eq!(check(dir.path()).unwrap().problems, []);
    write(&dir, "splits/acm_val.txt", "b\nc\n");
    let problems = check(dir.path()).unwrap().problems;
    assert!(
        matches!(&problems[..], [Problem::InTwoSplits { name, first, second }]
        if name == "c" && first == "acm_train" && second == "acm_val")
    );
}

#[test]
fn report_serialises_with_the_kind_of_each_problem() {
    let dir = sound();
    save(&dir, "masks/d.png", GrayImage::new(24, 16).into());
    let json = serde_json::to_value(check(dir.path()).unwrap()).unwrap();
    assert_eq!(json["problems"][0]["problem"], "empty_mask");
    assert_eq!(json["problems"][0]["name"], "d");
    assert_eq!(json["splits"]["train"]["images"], 2);
}
