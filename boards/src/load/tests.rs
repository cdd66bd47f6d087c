use super::*;

const GOOD: &str = r#"schema = 1
name = "bench"
[camera]
name = "Boson 640"
width = 640
height = 512
bits = 16
fps = 60
focal_mm = 14.0
pitch_um = 12.0
[detector]
threads = 2
[tracker]
max_misses = 20
[link]
system_id = 1
component_id = 100
endpoints = ["udpout:127.0.0.1:14550", "serial:/dev/ttyTHS1:921600", "file:out.tlog"]
"#;

/// The lines told of the good profile after `from` became `to`.
fn told(changes: &[(&str, &str)]) -> Vec<String> {
    let mut text = GOOD.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is not in the profile");
        text = text.replace(from, to);
    }
    match parse(&text) {
        Ok(profile) => panic!("accepted: {profile:?}"),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn good_profile_has_its_values() {
    let profile = parse(GOOD).unwrap();
    assert_eq!(profile.name, "bench");
    assert_eq!(
        (profile.camera.size.width, profile.camera.size.height),
        (640, 512)
    );
    assert_eq!(profile.camera.frame_period().as_micros(), 16_666);
    assert!((profile.camera.model.intrinsics().fx - 14_000.0 / 12.0).abs() < 1e-9);
    assert_eq!(
        (
            profile.detector.threshold,
            profile.detector.threads.unwrap().get()
        ),
        (None, 2)
    );
    assert_eq!(
        (profile.tracker.max_misses, profile.tracker.confirm_hits),
        (20, 3)
    );
    assert_eq!(
        (profile.link.system_id, profile.link.component_id),
        (1, 100)
    );
    assert_eq!(profile.link.endpoints.len(), 3);
}

#[test]
fn lone_problem_is_told_by_key_found_and_wanted() {
    for (from, to, want) in [
        ("schema = 1", "schema = 2", "schema is 2, wanted 1"),
        (
            "name = \"bench\"",
            "name = \" \"",
            "name is \" \", wanted a name of one line",
        ),
        (
            "width = 640",
            "width = 0",
            "camera.width is 0, wanted 1 to 8192 px",
        ),
        (
            "height = 512",
            "height = -512",
            "camera.height is -512, wanted 1 to 8192 px",
        ),
        (
            "bits = 16\n",
            "",
            "camera.bits is nothing, wanted 8 to 16 bits",
        ),
        (
            "bits = 16",
            "bits = 17",
            "camera.bits is 17, wanted 8 to 16 bits",
        ),
        (
            "fps = 60",
            "fps = nan",
            "camera.fps is NaN, wanted 0.1 to 1000.0 frames/s",
        ),
        (
            "fps = 60",
            "fps = 0",
            "camera.fps is 0.0, wanted 0.1 to 1000.0 frames/s",
        ),
        (
            "focal_mm = 14.0",
            "focal_mm = inf",
            "camera.focal_mm is inf, wanted 0.1 to 10000.0 mm",
        ),
        (
            "threads = 2",
            "threads = 0",
            "detector.threads is 0, wanted 1 to 256 threads",
        ),
        (
            "threads = 2",
            "threshold = nan",
            "detector.threshold is NaN, wanted a score above 0 and below 1",
        ),
        (
            "max_misses = 20",
            "max_misses = 0",
            "tracker.max_misses is 0, wanted 1..=1000 frames",
        ),
        (
            "max_misses = 20",
            "high_score = nan",
            "tracker.high_score is NaN, wanted a score from low_score (0.1) to 1",
        ),
        (
            "system_id = 1",
            "system_id = 256",
            "link.system_id is 256, wanted 1 to 255",
        ),
        (
            "component_id = 100",
            "component_id = 99",
            "link.component_id is 99, wanted 100 to 105",
        ),
    ] {
        assert_eq!(told(&[(from, to)]), [want]);
    }
}

#[test]
fn endpoints_of_no_known_shape_are_told_by_place() {
    for bad in [
        "",
        "udpout",
        "udpout:host",
        "udpout:host:0",
        "udpout:host:70000",
        "udpout::14550",
        "tcp:a:1",
        "serial:/dev/ttyS0",
        "serial:/dev/ttyS0:fast",
        "file:",
    ] {
        let lines = told(&[("file:out.tlog", bad)]);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with(&format!("link.endpoints[2] is {bad:?}, wanted udpout:")),
            "{lines:?}"
        );
    }
    let lines = told(&[("file:out.tlog", "udpout:127.0.0.1:14550")]);
    assert!(lines[0].contains("a second time"), "{lines:?}");
}

#[test]
fn distortion_is_five_finite_numbers_that_fit_the_lens() {
    let with = |value: &str| {
        told(&[(
            "pitch_um = 12.0",
            &format!("pitch_um = 12.0\ndistortion = {value}"),
        )])
    };
    for (value, word) in [
        ("[0.1, 0.2]", "five finite numbers"),
        ("[0.1, 0.0, 0.0, 0.0, nan]", "five finite numbers"),
        ("[-20.0, 0.0, 0.0, 0.0, 0.0]", "cannot be undone"),
    ] {
        let lines = with(value);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("camera.distortion is [") && lines[0].contains(word),
            "{lines:?}"
        );
    }
    let lens = GOOD.replace(
        "pitch_um = 12.0",
        "pitch_um = 12.0\ndistortion = [-0.2, 0, 0, 0, 0]",
    );
    assert_eq!(parse(&lens).unwrap().camera.model.distortion().k1, -0.2);
}

#[test]
fn unknown_key_is_told_with_its_line_and_the_known_ones() {
    let lines = told(&[("fps = 60", "fps = 60\nfocal = 3")]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("line 9: ") && lines[0].contains("`focal`"),
        "{lines:?}"
    );
    assert!(lines[0].contains("`focal_mm`"), "{lines:?}");
}

#[test]
fn unknown_section_is_told_with_its_line() {
    let lines = told(&[("[link]", "[gimbal]\nbaud = 1\n[link]")]);
    assert!(
        lines[0].starts_with("line 15: ") && lines[0].contains("`gimbal`"),
        "{lines:?}"
    );
}

#[test]
fn wrong_type_is_told_with_its_line_and_is_not_missing_too() {
    let lines = told(&[("width = 640", "width = \"wide\"")]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("line 5: invalid type: string \"wide\""),
        "{lines:?}"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let lines = told(&[
        ("width = 640", "width = \"wide\""),
        ("fps = 60", "fsp = 60"),
        ("pitch_um = 12.0", "pitch_um = nan"),
        ("threads = 2", "threads = true"),
        ("max_misses = 20", "max_misses = -1\nlow_score = 0.0"),
        ("system_id = 1", "system_id = 0"),
        ("component_id = 100\n", ""),
    ]);
    let starts = [
        "line 5: invalid type: string",
        "line 8: unknown field `fsp`",
        "line 12: invalid type: boolean",
        "line 14: invalid value: integer `-1`",
        "camera.fps is nothing",
        "camera.pitch_um is NaN",
        "tracker.low_score is 0",
        "link.system_id is 0",
        "link.component_id is nothing",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{start:?}: {lines:#?}");
    }
}

#[test]
fn text_that_is_not_toml_is_told_once() {
    let lines = told(&[("fps = 60", "fps = = 60")]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("line 8: "), "{lines:?}");
}

#[test]
fn list_of_the_wrong_type_over_several_lines_is_told_once() {
    let lines = told(&[("\"file:out.tlog\"]", "\n  7,\n  \"file:out.tlog\",\n]")]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("line 19: invalid type: integer `7`"),
        "{lines:?}"
    );
}

#[test]
fn empty_file_is_told_every_key_it_lacks() {
    let errors = parse("").unwrap_err();
    assert_eq!(errors.problems.len(), 2 + 7 + 3, "{errors}");
}

#[test]
fn any_single_byte_changed_never_panics() {
    for at in 0..GOOD.len() {
        for byte in [b'\0', b'"', b'[', b'=', b'\n', b'-', 0x7f] {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            let text = String::from_utf8(bytes).unwrap();
            if let Err(errors) = parse(&text) {
                assert!(!errors.problems.is_empty(), "{text}");
            }
        }
    }
}

#[test]
fn every_line_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.toml");
    std::fs::write(&path, GOOD.replace("width = 640", "width = 0\ndepth = 3")).unwrap();
    let text = load(&path).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.lines().all(|line| line.contains("broken.toml: ")),
        "{text}"
    );
    assert!(text.contains("line 6: unknown field `depth`"), "{text}");
}

#[test]
fn absent_file_is_told_by_name() {
    let text = load(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(
        text.contains("no/such.toml") && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn file_that_is_not_text_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.toml");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(load(&path), Err(ProfileError::Unreadable { .. })));
}
