//! The program as its users meet it: exit codes, messages, files.

use crate::blobs;
use invdet_train::checkpoint::State;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with a sound data set in it.
struct Desk {
    folder: TempDir,
    set: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let set = blobs::write_set(folder.path(), 4, 1);
        Self { folder, set }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `invdet-train train` of the tiny network on the set, two epochs, with more arguments.
    fn train(&self, out: &Path, more: &[&str]) -> Output {
        let mut command = program();
        command
            .arg("train")
            .arg("--data")
            .arg(&self.set)
            .arg("--out")
            .arg(out)
            .args(["--threads", "1"]);
        for setting in
            blobs::NETWORK_SETTINGS
                .into_iter()
                .chain(["epochs=2", "batch=4", "validate_every=1"])
        {
            command.args(["--set", setting]);
        }
        command.args(more).output().unwrap()
    }

    /// A finished run.
    fn trained(&self) -> PathBuf {
        let out = self.path("run");
        let output = self.train(&out, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        out
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_invdet-train"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The last line of standard error is the one error: it names `parts` and the program ends with `code`.
#[track_caller]
fn assert_refused(output: &Output, code: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let errors: Vec<&str> = text
        .lines()
        .skip_while(|l| !l.starts_with("error: "))
        .collect();
    assert_eq!(
        errors.len(),
        1,
        "wanted one line from \"error: \" on, found:\n{text}"
    );
    for part in parts {
        assert!(
            errors[0].contains(part),
            "{part:?} is missing in {:?}",
            errors[0]
        );
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn commands_of_this_version_are_listed_and_no_others() {
    let output = program().arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let listed: BTreeSet<&str> = text
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert_eq!(
        listed,
        BTreeSet::from(["data", "train", "report", "ablate", "eval", "bench", "help"])
    );
}

#[test]
fn missing_data_set_is_named_with_the_layout_that_is_wanted() {
    let desk = Desk::new();
    let mut command = program();
    let nowhere = desk.path("nowhere");
    command
        .arg("train")
        .arg("--data")
        .arg(&nowhere)
        .arg("--out")
        .arg(desk.path("run"));
    assert_refused(
        &command.output().unwrap(),
        2,
        &["nowhere", "images/", "wanted"],
    );

    let mut command = program();
    command.arg("train").arg("--out").arg(desk.path("run"));
    assert_refused(
        &command.output().unwrap(),
        2,
        &["no data set is named", "--data DIR"],
    );
}

#[test]
fn missing_mask_and_mask_of_another_size_are_named() {
    let desk = Desk::new();
    let name = fs::read_to_string(desk.set.join("splits/train.txt"))
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_string();
    let mask = desk.set.join(format!("masks/{name}.png"));
    image::GrayImage::new(32, 48).save(&mask).unwrap();
    assert_refused(
        &desk.train(&desk.path("run"), &[]),
        2,
        &[&format!("{name}.png"), "32x48", "64x64", "wanted"],
    );
    fs::remove_file(&mask).unwrap();
    assert_refused(
        &desk.train(&desk.path("run"), &[]),
        2,
        &[&name, "no mask", &format!("masks/{name}.png")],
    );

    let mut check = program();
    check.args(["data", "check", "--data"]).arg(&desk.set);
    assert_refused(
        &check.output().unwrap(),
        1,
        &[blobs::SET, "cannot be trained on"],
    );
}

#[test]
fn split_that_names_a_missing_image_is_refused() {
    let desk = Desk::new();
    fs::write(desk.set.join("splits/train.txt"), "blob_0\nno_such_image\n").unwrap();
    assert_refused(
        &desk.train(&desk.path("run"), &[]),
        2,
        &["no_such_image", "images/no_such_image.png"],
    );
}

#[test]
fn unknown_setting_is_named_with_those_that_exist() {
    let desk = Desk::new();
    let out = desk.path("run");
    assert_refused(
        &desk.train(&out, &["--set", "optimizer.learn=1"]),
        2,
        &["learn", "lr"],
    );
    assert_refused(
        &desk.train(&out, &["--set", "optimizer.lr"]),
        2,
        &["optimizer.lr", "KEY=VALUE"],
    );
    assert_refused(
        &desk.train(&out, &["--set", "augment.crop=100"]),
        2,
        &["augment.crop", "multiple of 16"],
    );
    assert_refused(
        &desk.train(&out, &["--set", "epochs=[["]),
        2,
        &["epochs", "[["],
    );
    assert!(!out.exists(), "a refused run leaves nothing behind");
}

#[test]
fn run_in_the_way_is_not_overwritten() {
    let desk = Desk::new();
    let out = desk.trained();
    let before = fs::read(out.join("checkpoint.safetensors")).unwrap();
    assert_refused(
        &desk.train(&out, &[]),
        2,
        &["run holds a run already", "--resume", "--out"],
    );
    assert_eq!(
        fs::read(out.join("checkpoint.safetensors")).unwrap(),
        before
    );
}

#[test]
fn damaged_and_missing_checkpoints_are_refused_with_the_way_out() {
    let desk = Desk::new();
    let out = desk.trained();
    let path = out.join("checkpoint.safetensors");
    let bytes = fs::read(&path).unwrap();
    let resume = || {
        program()
            .arg("train")
            .arg("--out")
            .arg(&out)
            .arg("--resume")
            .output()
            .unwrap()
    };
    for damaged in [&bytes[..bytes.len() / 2], &bytes[..3], b"{}"] {
        fs::write(&path, damaged).unwrap();
        assert_refused(
            &resume(),
            2,
            &["checkpoint.safetensors", "damaged", "another --out"],
        );
    }
    fs::remove_file(&path).unwrap();
    assert_refused(
        &resume(),
        2,
        &["checkpoint.safetensors", "without --resume"],
    );
    fs::remove_dir_all(&out).unwrap();
    assert_refused(
        &resume(),
        2,
        &["run.toml", "no run to resume", "without --resume"],
    );
}

#[test]
fn resuming_with_other_images_is_told() {
    let desk = Desk::new();
    let out = desk.path("run");
    let begun = desk.train(&out, &["--stop-after", "1"]);
    assert_eq!(begun.status.code(), Some(0), "{}", stderr(&begun));
    for entry in fs::read_dir(desk.set.join("images")).unwrap() {
        let path = entry.unwrap().path();
        let mut pixels = image::open(&path).unwrap().into_luma8();
        pixels.put_pixel(0, 0, image::Luma([pixels.get_pixel(0, 0)[0] ^ 1]));
        pixels.save(&path).unwrap();
    }
    let resumed = program()
        .args(["train", "--resume", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let text = stderr(&resumed);
    assert_eq!(resumed.status.code(), Some(0), "{text}");
    assert!(text.contains("not those that the run began with"), "{text}");
}

/// A limit on the size of files stands for a full disk: the write fails half way.
#[test]
fn disk_that_fills_up_while_checkpointing_leaves_the_last_checkpoint() {
    let desk = Desk::new();
    let out = desk.path("run");
    let begun = desk.train(
        &out,
        &[
            "--set",
            "epochs=4",
            "--set",
            "validate_every=9",
            "--stop-after",
            "1",
        ],
    );
    assert_eq!(begun.status.code(), Some(0), "{}", stderr(&begun));
    let checkpoint = out.join("checkpoint.safetensors");
    let before = fs::read(&checkpoint).unwrap();
    let full = Command::new("bash")
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 16; exec \"$0\" train --resume --stop-after 1 --out \"$1\"")
        .arg(env!("CARGO_BIN_EXE_invdet-train"))
        .arg(&out)
        .output()
        .unwrap();
    assert_refused(
        &full,
        1,
        &["checkpoint.safetensors", "the last one is kept"],
    );
    assert!(fs::read(&checkpoint).unwrap() == before);
    let resumed = program()
        .args(["train", "--resume", "--stop-after", "1", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
}

#[test]
fn out_that_cannot_be_written_is_named() {
    let desk = Desk::new();
    let file = desk.path("file");
    fs::write(&file, "in the way").unwrap();
    assert_refused(
        &desk.train(&file.join("run"), &[]),
        2,
        &["file/run", "another --out"],
    );

    // Becomes unwritable only when the first model is saved: a failure while running.
    let out = desk.path("run");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("model"), "in the way").unwrap();
    assert_refused(&desk.train(&out, &[]), 1, &["run/model", "--resume"]);
}

#[test]
fn picture_that_cannot_be_drawn_warns_and_the_run_goes_on() {
    let desk = Desk::new();
    let out = desk.path("run");
    fs::create_dir_all(out.join("loss.png")).unwrap();
    fs::create_dir_all(out.join("worst.png")).unwrap();
    let output = desk.train(&out, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for picture in ["loss.png", "worst.png"] {
        assert!(stderr(&output).contains(picture), "{}", stderr(&output));
    }
    assert!(out.join("model/weights.safetensors").exists());
    assert_eq!(
        fs::read_to_string(out.join("log.csv"))
            .unwrap()
            .lines()
            .count(),
        3
    );
}

#[test]
fn model_tells_its_thresholds_data_and_commit() {
    let desk = Desk::new();
    let out = desk.trained();
    let text = fs::read_to_string(out.join("model/model.toml")).unwrap();
    let model: toml::Table = toml::from_str(&text).unwrap();
    let training = model["training"].as_table().unwrap();
    assert_eq!(training["data_sha256"].as_str().unwrap().len(), 64);
    assert!(!training["commit"].as_str().unwrap().is_empty());
    assert_eq!(
        training["data"].as_array().unwrap()[0].as_str(),
        Some(blobs::SET)
    );
    // The fingerprint is that of the data alone: another run has the same.
    let other = desk.path("other");
    desk.train(&other, &["--set", "seed=2"]);
    let text = fs::read_to_string(other.join("model/model.toml")).unwrap();
    assert_eq!(
        toml::from_str::<toml::Table>(&text).unwrap()["training"]["data_sha256"],
        training["data_sha256"]
    );
}

#[test]
fn model_whose_weights_belong_to_another_is_refused_by_its_hash() {
    let desk = Desk::new();
    let out = desk.trained();
    let toml = out.join("model/model.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let key = text.find("sha256 = \"").unwrap() + 10;
    fs::write(
        &toml,
        format!("{}{}{}", &text[..key], "0".repeat(64), &text[key + 64..]),
    )
    .unwrap();
    let mut command = program();
    command
        .arg("eval")
        .arg("--model")
        .arg(out.join("model"))
        .arg("--data")
        .arg(&desk.set);
    assert_refused(
        &command.output().unwrap(),
        2,
        &["weights.safetensors", "sha256", "copy the folder again"],
    );
    assert_refused(
        &program()
            .arg("report")
            .arg("--run")
            .arg(&out)
            .output()
            .unwrap(),
        2,
        &["weights.safetensors", "sha256"],
    );
}

#[test]
fn eval_prints_one_json_object_with_the_promised_keys_alone() {
    let desk = Desk::new();
    let out = desk.trained();
    let mut command = program();
    command
        .arg("eval")
        .arg("--model")
        .arg(out.join("model"))
        .arg("--data")
        .arg(&desk.set)
        .arg("--json");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let object = value.as_object().unwrap();
    let keys: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    let promised = [
        "dataset",
        "split",
        "images",
        "threshold",
        "box_iou50",
        "centre_3px",
        "spire_5px",
        "geo_05",
        "IoU",
        "nIoU",
        "Pd",
        "Fa_1e6",
    ];
    assert_eq!(keys, BTreeSet::from(promised));
    for criterion in ["box_iou50", "centre_3px", "spire_5px", "geo_05"] {
        let keys: BTreeSet<&str> = object[criterion]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, BTreeSet::from(["P", "R", "F1"]), "{criterion}");
    }
    assert_eq!(object["dataset"], blobs::SET);
    assert_eq!(object["split"], "test");
    assert_eq!(object["images"], 5);
    let iou = object["IoU"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&iou));
}

#[test]
fn run_is_written_for_tensorboard_and_resumed_into_a_second_file() {
    let desk = Desk::new();
    let out = desk.path("run");
    let output = desk.train(&out, &["--stop-after", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let resume = || {
        program()
            .arg("train")
            .arg("--out")
            .arg(&out)
            .arg("--resume")
            .output()
            .unwrap()
    };
    assert_eq!(resume().status.code(), Some(0));
    // Nothing is left to train: no file without an epoch.
    assert_eq!(resume().status.code(), Some(0));
    let mut files: Vec<PathBuf> = fs::read_dir(out.join("tensorboard"))
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    // The value of a tag stands behind it: a key of one byte, then 32 bits.
    let value = |file: &Path, tag: &str| {
        let bytes = fs::read(file).unwrap();
        let at = bytes
            .windows(tag.len())
            .position(|w| w == tag.as_bytes())
            .unwrap_or_else(|| panic!("{tag} is missing"));
        let number = &bytes[at + tag.len() + 1..at + tag.len() + 5];
        f64::from(f32::from_le_bytes(number.try_into().unwrap()))
    };
    let log = fs::read_to_string(out.join("log.csv")).unwrap();
    for (file, line) in files.iter().zip(log.lines().skip(1)) {
        let logged: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        for (tag, column) in [
            ("loss/total", 1),
            ("loss/heat", 2),
            ("loss/offset", 3),
            ("loss/size", 4),
            ("loss/mask", 5),
            ("optimizer/learning_rate", 6),
            ("validation/centre_3px_F1", 8),
            ("validation/threshold", 9),
            ("validation/mask_IoU", 10),
        ] {
            let (shown, logged) = (value(file, tag), logged[column]);
            assert!(
                (shown - logged).abs() <= 1e-3 * logged.abs() + 1e-4,
                "{tag}: {shown} and {logged}"
            );
        }
        assert!(value(file, "optimizer/gradient_norm") > 0.0);
        assert!(value(file, "time/seconds_per_epoch") > 0.0);
        // One of the validation image's two targets is of at most 9 pixels at least.
        assert!((0.0..=100.0).contains(&value(file, "validation/recall_below_10px")));
        assert!((0.0..=1.0).contains(&value(file, "validation/calibration_error")));
    }
}

#[test]
fn run_out_of_patience_stops_stays_stopped_and_goes_on_when_told() {
    let desk = Desk::new();
    let out = desk.path("run");
    let output = desk.train(
        &out,
        &[
            "--set",
            "patience=2",
            "--set",
            "epochs=6",
            "--stop-after",
            "1",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // A score after epoch 1 that no other will reach.
    let path = out.join("checkpoint.safetensors");
    let graph = invdet_net::arch::build(&blobs::network()).unwrap();
    let mut state = State::load(&graph, &path).unwrap();
    state.progress.best = Some((1e9, 1));
    state.save(&graph, &path).unwrap();
    let resume = |more: &[&str]| {
        let output = program()
            .arg("train")
            .arg("--out")
            .arg(&out)
            .arg("--resume")
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let epoch = State::load(&graph, &path).unwrap().progress.epoch;
        (epoch, stderr(&output).contains("than after epoch 1: 2;"))
    };
    // Interrupted half way through its patience.
    assert_eq!(resume(&["--stop-after", "1"]), (2, false));
    assert_eq!(resume(&[]), (3, true));
    assert_eq!(resume(&[]), (3, true));
    assert_eq!(resume(&["--set", "patience=0"]), (6, false));
}

#[test]
fn eval_in_full_adds_to_the_promised_keys_and_changes_none() {
    let desk = Desk::new();
    let out = desk.trained();
    let eval = |more: &[&str]| {
        let mut command = program();
        command.arg("eval").arg("--model").arg(out.join("model"));
        command.arg("--data").arg(&desk.set).args(more);
        command.output().unwrap()
    };
    assert_eq!(eval(&["--full"]).status.code(), Some(2));
    let object = |more: &[&str]| {
        let output = eval(more);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value.as_object().unwrap().clone()
    };
    let (short, full) = (object(&["--json"]), object(&["--json", "--full"]));
    for (key, value) in &short {
        assert_eq!(full[key], *value, "{key}");
    }
    let added: BTreeSet<&str> = full
        .keys()
        .filter(|k| !short.contains_key(*k))
        .map(String::as_str)
        .collect();
    let wanted = [
        "mode",
        "criteria",
        "opdc",
        "opdc_compat",
        "pixel",
        "recall_by_area",
        "operating_points",
        "reliability",
        "reliability_at_threshold",
    ];
    assert_eq!(added, BTreeSet::from(wanted));
    // The same numbers by two ways.
    for key in ["IoU", "nIoU", "Pd", "Fa_1e6"] {
        assert_eq!(full["pixel"]["strict"][key], short[key], "{key}");
    }
    for criterion in ["box_iou50", "centre_3px", "spire_5px", "geo_05"] {
        for ratio in ["P", "R", "F1"] {
            let (a, b) = (
                &full["criteria"][criterion][ratio],
                &short[criterion][ratio],
            );
            assert_eq!(a, b, "{criterion} {ratio}");
        }
    }
    let centre = &full["criteria"]["centre_3px"];
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    // Two targets an image.
    assert_eq!(number(&centre["TP"]) + number(&centre["FN"]), 10);
    let rows = full["recall_by_area"].as_object().unwrap();
    assert_eq!(
        rows.values().map(|r| number(&r["targets"])).sum::<u64>(),
        10
    );
    assert_eq!(
        rows.values().map(|r| number(&r["found"])).sum::<u64>(),
        number(&centre["TP"])
    );
    let kept = &full["reliability_at_threshold"];
    assert_eq!(
        number(&kept["detections"]),
        number(&centre["TP"]) + number(&centre["FP"])
    );
    assert_eq!(full["reliability"]["bins"].as_array().unwrap().len(), 10);
    let limits: Vec<f64> = full["operating_points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["limit_per_pixel"].as_f64().unwrap())
        .collect();
    assert_eq!(limits, [1e-6, 1e-5, 1e-4]);
    let basic = object(&["--json", "--full", "--mode", "dnanet"]);
    assert_eq!(basic["pixel"], full["pixel"]);
    assert_eq!(basic["IoU"], full["pixel"]["dnanet"]["IoU"]);
    assert_eq!(basic["mode"], "dnanet");

    let text = String::from_utf8(eval(&[]).stdout).unwrap();
    for part in [
        "OPDC (mask)",
        "up to 9 px",
        "at most 1e-6",
        "at most 1e-4",
        "calibration error",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn eval_writes_a_page_of_every_mistake_that_it_counts() {
    let desk = Desk::new();
    let out = desk.trained();
    let sheet = desk.path("sheet");
    let eval = |folder: &Path| {
        let mut command = program();
        command.arg("eval").arg("--model").arg(out.join("model"));
        command.arg("--data").arg(&desk.set);
        command.args(["--json", "--full", "--sheet"]).arg(folder);
        command.output().unwrap()
    };
    let output = eval(&sheet);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let full: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let centre = &full["criteria"]["centre_3px"];
    let (missed, wrong) = (&centre["FN"], &centre["FP"]);
    let page = fs::read_to_string(sheet.join("index.html")).unwrap();
    let counts = format!("{missed} missed, {wrong} false alarms");
    assert!(page.contains(&counts), "{counts:?} is missing in\n{page}");
    let shown = |number: &serde_json::Value| number.as_u64().unwrap().min(24) as usize;
    let pictures = |prefix: &str| {
        let names = fs::read_dir(&sheet).unwrap();
        names
            .filter(|n| {
                let name = n.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with(prefix)
            })
            .count()
    };
    assert_eq!(pictures("miss-"), shown(missed));
    assert_eq!(pictures("false-"), shown(wrong));
    assert!(
        shown(missed) + shown(wrong) > 0,
        "two epochs teach too little"
    );
    for chart in ["pr.png", "reliability.png"] {
        assert!(page.contains(&format!("src=\"{chart}\"")));
        assert!(image::open(sheet.join(chart)).unwrap().width() >= 900);
    }

    let file = desk.path("file");
    fs::write(&file, "in the way").unwrap();
    assert_refused(&eval(&file.join("sheet")), 1, &["--sheet", "file/sheet"]);
}

#[test]
fn report_draws_an_interrupted_run_anew() {
    let desk = Desk::new();
    let out = desk.path("run");
    let report = || {
        program()
            .arg("report")
            .arg("--run")
            .arg(&out)
            .args(["--threads", "1"])
            .output()
            .unwrap()
    };
    fs::create_dir(&out).unwrap();
    assert_refused(&report(), 2, &["log.csv", "run.toml"]);

    // Stopped after one of two epochs, validated only at the end: no model yet.
    let output = desk.train(&out, &["--set", "validate_every=2", "--stop-after", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    fs::remove_file(out.join("loss.png")).unwrap();
    let output = report();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no model yet"));
    assert!(out.join("loss.png").exists() && !out.join("pr.png").exists());

    let resumed = program()
        .arg("train")
        .arg("--out")
        .arg(&out)
        .arg("--resume")
        .output()
        .unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    let pictures = [
        "loss.png",
        "validation.png",
        "pr.png",
        "reliability.png",
        "worst.png",
    ]
    .map(|p| out.join(p));
    let drawn = pictures.each_ref().map(|p| fs::read(p).unwrap());
    pictures.iter().for_each(|p| fs::remove_file(p).unwrap());
    let output = report();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (path, before) in pictures.iter().zip(drawn) {
        assert!(
            fs::read(path).unwrap() == before,
            "{} is not as the run drew it",
            path.display()
        );
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("at most 1e-5") && text.contains("up to 9 px"),
        "{text}"
    );
    let page = fs::read_to_string(out.join("cases/index.html")).unwrap();
    // One validation image with two targets.
    assert!(page.contains("1 images, 2 targets"), "{page}");
}
