//! `invdet replay` and its relatives, as a user runs them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unreachable_pub,
    reason = "shared with the tests of other crates by path"
)]
#[path = "../../../engine/detector/tests/made_model/mod.rs"]
mod made_model;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SOURCE: &str = "synthetic:seed=3,seconds=1.5,size=96x80,ffc=0.5";

fn folder_with_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    made_model::made_model()
        .save(&folder.path().join("model"))
        .unwrap();
    folder
}

fn invdet(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_invdet"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[test]
fn two_replays_give_the_same_tracks_and_the_same_log() {
    let folder = folder_with_model();
    let run = |name: &str| {
        let (tracks, log) = (format!("{name}.jsonl"), format!("file:{name}.tlog"));
        invdet(
            folder.path(),
            &[
                "replay", "--model", "model", "--source", SOURCE, "--tracks", &tracks, "--link",
                &log,
            ],
        );
        let read = |end: &str| fs::read(folder.path().join(format!("{name}.{end}"))).unwrap();
        (read("jsonl"), read("tlog"))
    };
    let (tracks, log) = run("a");
    assert_eq!(run("b"), (tracks.clone(), log.clone()));
    // 8 bytes of time, then a MAVLink 2 frame.
    assert_eq!(log[8], 0xfd);

    let lines: Vec<Value> = String::from_utf8(tracks)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 45);
    for (seq, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], seq);
        assert_eq!(line["ffc"], (15..30).contains(&seq), "{seq}");
    }
    assert_eq!(lines[3]["t_ns"], 100_000_000);
    let track = &lines[14]["tracks"][0];
    assert!(track["az_rad"].is_null() && track["el_rad"].is_null());
    for key in ["x", "y", "w", "h", "vx", "vy", "score"] {
        assert!(track[key].is_f64(), "{key} in {track}");
    }
    assert!(track["id"].is_u64() && track["state"].is_string());
}

#[test]
fn profile_gives_angles_and_summary_counts_messages_by_link() {
    let folder = folder_with_model();
    let profile = include_str!("../../../boards/profiles/desk-replay.toml")
        .replace("width = 320", "width = 96")
        .replace("height = 256", "height = 80")
        .replace("udpout:127.0.0.1:14550", "file:of-profile.tlog");
    fs::write(folder.path().join("p.toml"), profile).unwrap();
    let output = invdet(
        folder.path(),
        &[
            "replay",
            "--model",
            "model",
            "--source",
            SOURCE,
            "--profile",
            "p.toml",
            "--tracks",
            "t.jsonl",
            "--overlay",
            "look",
        ],
    );
    let told = String::from_utf8(output.stdout).unwrap();
    // Heartbeats at 0 s, 1 s and at the end; status at 0 s, 0.2 s, ... 1.4 s.
    assert!(
        told.contains(
            "file:of-profile.tlog: sent 11 (CAMERA_TRACKING_IMAGE_STATUS 8, HEARTBEAT 3)"
        ),
        "{told}"
    );
    assert!(
        told.contains("45 frames") && told.contains("network"),
        "{told}"
    );
    let text = fs::read_to_string(folder.path().join("t.jsonl")).unwrap();
    let line: Value = serde_json::from_str(text.lines().nth(10).unwrap()).unwrap();
    let track = &line["tracks"][0];
    // 14 mm over 12 um: 1166.7 px.
    let wanted = ((track["x"].as_f64().unwrap() - 48.0) / (14_000.0 / 12.0)).atan();
    assert!(
        (track["az_rad"].as_f64().unwrap() - wanted).abs() < 1e-6,
        "{track}"
    );
    let pictures = fs::read_dir(folder.path().join("look")).unwrap().count();
    assert_eq!(pictures, 45);
}

#[test]
fn realtime_replay_takes_as_long_as_the_recording() {
    let folder = folder_with_model();
    let start = std::time::Instant::now();
    invdet(
        folder.path(),
        &[
            "replay",
            "--model",
            "model",
            "--source",
            SOURCE,
            "--realtime",
        ],
    );
    // The last of 45 frames is due after 44/30 s.
    assert!(start.elapsed().as_secs_f64() > 1.46);
}

#[test]
fn bench_prints_one_object_with_the_keys_of_the_design() {
    let folder = folder_with_model();
    let output = invdet(
        folder.path(),
        &[
            "bench",
            "--model",
            "model",
            "--size",
            "96x80",
            "--threads",
            "1",
            "--json",
        ],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    let mut wanted = [
        "model",
        "size",
        "precision",
        "threads",
        "backend",
        "runs",
        "median_ms",
        "p99_ms",
        "outside_network_median_ms",
        "outside_network_p99_ms",
        "gflop",
        "macs_per_s",
        "share_of_peak",
    ];
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
    assert_eq!(
        (&report["size"], &report["precision"]),
        (&"96x80".into(), &"fp32".into())
    );
    assert!(report["runs"].as_u64().unwrap() >= 30);
    // A machine that does nothing else cannot be slower than one that runs a network.
    assert!(report["share_of_peak"].as_f64().unwrap() <= 1.2, "{report}");
    for key in [
        "median_ms",
        "outside_network_median_ms",
        "gflop",
        "macs_per_s",
        "share_of_peak",
    ] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key} in {report}");
    }
}

#[test]
fn profiles_of_the_tree_are_listed_and_right() {
    let boards = concat!(env!("CARGO_MANIFEST_DIR"), "/../../boards/profiles");
    let folder = tempfile::tempdir().unwrap();
    let output = invdet(folder.path(), &["profiles", "list", "--dir", boards]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("desk-replay") && told.contains("640x512"),
        "{told}"
    );
    invdet(folder.path(), &["profiles", "check", "--dir", boards]);
}

#[test]
fn help_has_an_example_for_every_command_and_lists_nothing_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let output = invdet(folder.path(), &["--help"]);
    let told = String::from_utf8(output.stdout).unwrap();
    for missing in ["doctor", "engine", "  run"] {
        assert!(!told.contains(missing), "{told}");
    }
    for command in ["detect", "replay", "bench", "profiles", "demo"] {
        assert!(told.contains(command), "{told}");
        let output = invdet(folder.path(), &[command, "--help"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(&format!("\n  invdet {command}")), "{told}");
    }
}
