//! What a user may do wrong, done to the built program: exit code, message, and no half-written file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unreachable_pub,
    reason = "shared with the tests of other crates by path"
)]
#[path = "../../../engine/detector/tests/made_model/mod.rs"]
mod made_model;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{ImageBuffer, Luma};

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// A folder with a model in `model/` and a good image `good.png`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        made_model::made_model()
            .save(&folder.path().join("model"))
            .unwrap();
        let bench = Self { folder };
        bench.image("good.png", 40, 33, |x, y| {
            (8000 + (x * 7 + y * 13) % 50) as u16
        });
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn image(&self, name: &str, width: u32, height: u32, count: impl Fn(u32, u32) -> u16) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = ImageBuffer::from_fn(width, height, |x, y| Luma([count(x, y)]));
        image.save(path).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_invdet"))
            .current_dir(self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn detect(&self, input: &str) -> Output {
        self.run(&[
            "detect",
            "--model",
            "model",
            "--input",
            input,
            "--out",
            "out.jsonl",
        ])
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("out.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Checks exit code and words of the one line on stderr.
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    assert_eq!(message.trim().lines().count(), 1, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

/// Neither the output nor a part of it is there.
fn assert_no_output(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(
            !name.starts_with("out") && !name.contains("part"),
            "{name} was left"
        );
    }
}

#[test]
fn damaged_images_are_named_and_leave_no_output() {
    let bench = Bench::new();
    let whole = fs::read(bench.path("good.png")).unwrap();
    fs::write(bench.path("cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(bench.path("empty.png"), []).unwrap();
    fs::write(bench.path("text.png"), "hello").unwrap();
    bench.image("small.png", 15, 40, |_, _| 9);
    bench.image("dot.png", 1, 1, |_, _| 9);
    let cases = [
        ("cut.png", "broken or truncated image: copy it again"),
        ("empty.png", "is empty (0 bytes): copy it again"),
        ("text.png", "neither PNG nor TIFF"),
        ("small.png", "image is 15x40, wanted at least 16x16"),
        ("dot.png", "image is 1x1, wanted at least 16x16"),
        ("missing.png", "check the path"),
    ];
    for (file, words) in cases {
        assert_refused(&bench.detect(file), 2, &[file, words]);
        assert_no_output(bench.folder.path());
    }
}

#[test]
fn one_damaged_image_stops_a_folder_unless_told_to_keep_going() {
    let bench = Bench::new();
    bench.image("images/a.png", 32, 32, |x, _| x as u16);
    bench.image("images/c.png", 20, 16, |x, _| x as u16);
    fs::write(bench.path("images/b.png"), []).unwrap();
    assert_refused(&bench.detect("images"), 2, &["b.png", "0 bytes"]);
    assert_no_output(bench.folder.path());

    let output = bench.run(&[
        "detect",
        "--model",
        "model",
        "--input",
        "images",
        "--out",
        "out.jsonl",
        "--keep-going",
    ]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("b.png") && message.contains("1 of 3 images"),
        "{message}"
    );
    let names: Vec<_> = bench
        .lines()
        .iter()
        .map(|line| line["image"].clone())
        .collect();
    assert_eq!(names, ["a.png", "c.png"]);
}

#[test]
fn image_of_one_level_is_no_error() {
    let bench = Bench::new();
    bench.image("zero.png", 64, 48, |_, _| 0);
    let output = bench.detect("zero.png");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = bench.lines();
    assert_eq!(
        (&lines[0]["width"], &lines[0]["height"]),
        (&64.into(), &48.into())
    );
    assert!(lines[0]["detections"].is_array());
}

#[test]
fn masks_and_overlays_have_one_picture_an_image_and_masks_the_native_size() {
    let bench = Bench::new();
    let output = bench.run(&[
        "detect",
        "--model",
        "model",
        "--input",
        "good.png",
        "--out",
        "out.jsonl",
        "--masks",
        "masks",
        "--overlay",
        "look",
        "--threshold",
        "0.01",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mask = image::open(bench.path("masks/good.png")).unwrap();
    assert_eq!(mask.color(), image::ColorType::L8);
    assert_eq!((mask.width(), mask.height()), (40, 33));
    assert!(image::open(bench.path("look/good.png")).is_ok());
    let line = &bench.lines()[0];
    let detection = &line["detections"][0];
    for key in ["x", "y", "w", "h", "score"] {
        assert!(detection[key].is_f64(), "{key} in {line}");
    }
    assert!(line["latency_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(line["image"], "good.png");
}

#[test]
fn images_that_would_share_a_mask_are_refused() {
    let bench = Bench::new();
    bench.image("images/a.png", 32, 32, |x, _| x as u16);
    fs::copy(bench.path("images/a.png"), bench.path("images/a.tif")).unwrap();
    let output = bench.run(&[
        "detect",
        "--model",
        "model",
        "--input",
        "images",
        "--out",
        "out.jsonl",
        "--masks",
        "masks",
    ]);
    assert_refused(&output, 2, &["a.png", "a.tif", "rename one"]);
}

#[test]
fn folder_without_images_is_refused() {
    let bench = Bench::new();
    fs::create_dir(bench.path("nothing")).unwrap();
    let words = ["nothing", "holds no .png"];
    assert_refused(&bench.detect("nothing"), 2, &words);
    let output = bench.run(&["replay", "--model", "model", "--source", "nothing"]);
    assert_refused(&output, 2, &words);
    assert_no_output(bench.folder.path());
}

#[test]
fn damaged_model_folders_are_refused_by_part() {
    let bench = Bench::new();
    let (weights, manifest) = (
        bench.path("model/weights.safetensors"),
        bench.path("model/model.toml"),
    );
    let (good_weights, good_manifest) = (
        fs::read(&weights).unwrap(),
        fs::read_to_string(&manifest).unwrap(),
    );

    fs::write(&weights, &good_weights[..good_weights.len() - 100]).unwrap();
    assert_refused(
        &bench.detect("good.png"),
        2,
        &[
            "weights.safetensors",
            "not a whole safetensors file",
            "copy the model folder again",
        ],
    );

    let mut one_off = good_weights.clone();
    *one_off.last_mut().unwrap() ^= 1;
    fs::write(&weights, &one_off).unwrap();
    assert_refused(
        &bench.detect("good.png"),
        2,
        &["weights.safetensors", "sha256", "not of one model"],
    );

    let mut broken = good_weights.clone();
    let at = broken.len() - 4;
    broken[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, &broken).unwrap();
    assert_refused(
        &bench.detect("good.png"),
        2,
        &["weights.safetensors", "holds NaN", "train or copy it again"],
    );

    fs::write(&weights, &good_weights).unwrap();
    // The weights of another network.
    let wider = good_manifest.replace("trunk = 16", "trunk = 32");
    assert_ne!(wider, good_manifest);
    fs::write(&manifest, wider).unwrap();
    assert_refused(
        &bench.detect("good.png"),
        2,
        &["weights.safetensors", "model.toml wants"],
    );

    let misspelt = good_manifest.replace("threshold", "treshold");
    fs::write(&manifest, misspelt).unwrap();
    assert_refused(&bench.detect("good.png"), 2, &["model.toml", "treshold"]);

    fs::remove_file(&manifest).unwrap();
    assert_refused(
        &bench.detect("good.png"),
        2,
        &["model.toml", "a model folder holds"],
    );
    assert_no_output(bench.folder.path());
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    let bench = Bench::new();
    // Below a file there is no folder, not even for root.
    for out in ["good.png/out.jsonl", "no/such/folder/out.jsonl"] {
        let output = bench.run(&[
            "detect", "--model", "model", "--input", "good.png", "--out", out,
        ]);
        assert_refused(
            &output,
            2,
            &[out, "check that its folder exists and can be written"],
        );
        let output = bench.run(&[
            "replay", "--model", "model", "--source", "good.png", "--tracks", out,
        ]);
        assert_refused(&output, 2, &[out, "check that its folder exists"]);
    }
    let output = bench.run(&[
        "detect",
        "--model",
        "model",
        "--input",
        "good.png",
        "--out",
        "out.jsonl",
        "--masks",
        "good.png/masks",
    ]);
    assert_refused(&output, 2, &["good.png/masks", "check the path"]);
    let output = bench.run(&[
        "detect", "--model", "model", "--input", "good.png", "--out", "model",
    ]);
    assert_refused(&output, 2, &["\"model\" is a folder"]);
    assert_no_output(bench.folder.path());
}

#[test]
fn source_that_breaks_on_the_way_leaves_no_tracks() {
    let bench = Bench::new();
    for name in ["frames/1.png", "frames/2.png"] {
        bench.image(name, 32, 32, |x, y| (x * y) as u16);
    }
    fs::write(bench.path("frames/3.png"), []).unwrap();
    let output = bench.run(&[
        "replay",
        "--model",
        "model",
        "--source",
        "frames",
        "--tracks",
        "out.jsonl",
    ]);
    assert_refused(&output, 2, &["3.png", "0 bytes"]);
    assert_no_output(bench.folder.path());
}

#[test]
fn what_this_version_lacks_is_refused_with_the_remedy() {
    let bench = Bench::new();
    let detect = [
        "detect",
        "--model",
        "model",
        "--input",
        "good.png",
        "--out",
        "out.jsonl",
    ];
    let with = |more: &[&str]| bench.run(&[&detect[..], more].concat());
    assert_refused(
        &with(&["--backend", "tensorrt"]),
        2,
        &["--backend tensorrt", "write --backend cpu"],
    );
    assert_refused(
        &with(&["--precision", "int8"]),
        2,
        &["--precision int8", "write --precision fp32"],
    );
    assert_refused(&with(&["--threshold", "1.5"]), 2, &["threshold is 1.5"]);
    let replay = ["replay", "--model", "model", "--source", "good.png"];
    let output = bench.run(&[&replay[..], &["--record", "a.mcap"]].concat());
    assert_refused(&output, 2, &["--record", "a.mcap", "later version"]);
    let output = bench.run(&[&replay[..], &["--link", "udp:1.2.3.4"]].concat());
    assert_refused(&output, 2, &["udp:1.2.3.4", "write for example"]);
    let output = bench.run(&["bench", "--model", "model", "--size", "huge"]);
    assert_refused(&output, 2, &["huge", "WIDTHxHEIGHT"]);
    assert_no_output(bench.folder.path());
}

#[test]
fn profile_problems_are_told_all_at_once_each_on_its_line() {
    let bench = Bench::new();
    let good = include_str!("../../../boards/profiles/desk-replay.toml");
    let bad = good
        .replace("width = 320", "width = -3")
        .replace("pitch_um = 12.0", "pitch_um = 12.0\ncolour = true");
    fs::write(bench.path("p.toml"), bad).unwrap();
    let replay = [
        "replay",
        "--model",
        "model",
        "--source",
        "good.png",
        "--profile",
        "p.toml",
    ];
    for arguments in [&replay[..], &["profiles", "check", "p.toml"]] {
        let output = bench.run(arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert_eq!(message.lines().count(), 2, "{message}");
        assert!(
            message.contains("colour") && message.contains("camera.width is -3"),
            "{message}"
        );
        for line in message.lines() {
            assert!(
                line.starts_with("error: ") && line.contains("p.toml"),
                "{message}"
            );
        }
    }
    fs::write(bench.path("p.toml"), good).unwrap();
    assert_refused(
        &bench.run(&replay),
        2,
        &["good.png", "is 40x33", "is for 320x256"],
    );
    let output = bench.run(&["profiles", "check", "p.toml"]);
    assert_eq!(output.status.code(), Some(0));
}
