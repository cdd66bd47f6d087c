use std::fs;

use super::*;

/// Runs ffmpeg on a raw 8-bit or 16-bit film of `frames` frames, 32x16, frame n of the level `level(n)`.
fn film(folder: &Path, name: &str, frames: u16, options: &[&str]) -> PathBuf {
    let raw: Vec<u8> = (0..frames)
        .flat_map(|n| vec![(10 + n) as u8; 32 * 16])
        .collect();
    encode(folder, name, "gray", &raw, options)
}

fn encode(folder: &Path, name: &str, pix_fmt: &str, raw: &[u8], options: &[&str]) -> PathBuf {
    let (input, output) = (folder.join("raw"), folder.join(name));
    fs::write(&input, raw).expect("written");
    let status = Command::new("ffmpeg")
        .args([
            "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-s", "32x16", "-r", "25",
            "-pix_fmt", pix_fmt, "-i",
        ])
        .arg(&input)
        .args(options)
        .arg(&output)
        .status()
        .expect("ffmpeg is needed by these tests: apt-get install ffmpeg");
    assert!(status.success());
    output
}

/// All frames, then the error or none.
fn play(source: &mut ClipSource) -> (Vec<Frame>, Option<CaptureError>) {
    let mut frames = Vec::new();
    loop {
        let mut frame = Frame::default();
        match source.next(&mut frame) {
            Ok(Next::Frame) => frames.push(frame),
            Ok(Next::End) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

#[test]
fn every_frame_comes_once_in_order_with_stamps_of_the_header() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = film(
        folder.path(),
        "a.mkv",
        40,
        &["-c:v", "ffv1", "-pix_fmt", "gray"],
    );
    let mut source = ClipSource::open(&path).expect("opened");
    assert_eq!(
        (source.size(), source.frame_period()),
        (ImageSize::new(32, 16), Duration::from_millis(40))
    );
    let (frames, error) = play(&mut source);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(frames.len(), 40);
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!(frame.counts, vec![10 + n as u16; 32 * 16]);
        assert_eq!(
            (frame.seq, frame.bits, frame.at.as_nanos()),
            (n as u64, 8, n as u64 * 40_000_000)
        );
    }
    assert_eq!(
        source
            .next(&mut Frame::default())
            .expect("stays at its end"),
        Next::End
    );
}

#[test]
fn uneven_time_stamps_neither_drop_nor_double_frames() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let uneven = [
        "-vf",
        "setpts=N*N/(25*TB*7)",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "gray",
    ];
    let path = film(folder.path(), "uneven.mkv", 30, &uneven);
    let (frames, error) = play(&mut ClipSource::open(&path).expect("opened"));
    assert!(error.is_none(), "{error:?}");
    let levels: Vec<u16> = frames.iter().map(|frame| frame.counts[0]).collect();
    assert_eq!(levels, (10..40).collect::<Vec<u16>>());
}

#[test]
fn mp4_has_a_promised_length_and_keeps_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = film(
        folder.path(),
        "a.mp4",
        33,
        &["-c:v", "mpeg4", "-q:v", "2", "-bf", "2"],
    );
    let mut source = ClipSource::open(&path).expect("opened");
    assert_eq!(source.len(), Some(33));
    let (frames, error) = play(&mut source);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(frames.len(), 33);
}

#[test]
fn deep_grey_keeps_its_counts() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let counts: Vec<u16> = (0..3 * 32 * 16)
        .map(|n| (n as u16).wrapping_mul(41))
        .collect();
    let raw: Vec<u8> = counts
        .iter()
        .flat_map(|count| count.to_le_bytes())
        .collect();
    let path = encode(
        folder.path(),
        "deep.mkv",
        "gray16le",
        &raw,
        &["-c:v", "ffv1"],
    );
    let (frames, error) = play(&mut ClipSource::open(&path).expect("opened"));
    assert!(error.is_none(), "{error:?}");
    assert!(frames.iter().all(|frame| frame.bits == 16));
    assert_eq!(
        frames
            .into_iter()
            .flat_map(|frame| frame.counts)
            .collect::<Vec<_>>(),
        counts
    );
}

#[test]
fn a_missing_ffmpeg_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = film(folder.path(), "a.mkv", 2, &["-c:v", "ffv1"]);
    let none = "ffmpeg-that-is-not-installed".to_owned();
    for programs in [
        Programs {
            ffprobe: none.clone(),
            ..Programs::default()
        },
        Programs {
            ffmpeg: none,
            ..Programs::default()
        },
    ] {
        let error = ClipSource::open_with(&programs, &path)
            .expect_err("missing program")
            .to_string();
        assert!(
            error.contains("ffmpeg-that-is-not-installed")
                && error.contains("apt-get install ffmpeg"),
            "{error}"
        );
    }
}

#[test]
fn files_that_are_no_video_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("x.mp4");
    fs::write(&path, "no video at all").expect("written");
    let error = ClipSource::open(&path).expect_err("text");
    assert!(
        matches!(error, CaptureError::NotAClip { .. }) && error.to_string().contains("x.mp4"),
        "{error}"
    );
    fs::write(&path, "").expect("written");
    assert!(matches!(
        ClipSource::open(&path),
        Err(CaptureError::EmptyFile { .. })
    ));
    assert!(matches!(
        ClipSource::open(&folder.path().join("none.mp4")),
        Err(CaptureError::NotFound { .. })
    ));
}

#[test]
fn a_cut_clip_gives_its_good_frames_and_then_an_error() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let options = ["-c:v", "mpeg4", "-g", "5", "-movflags", "+faststart"];
    let path = film(folder.path(), "cut.mp4", 60, &options);
    let bytes = fs::read(&path).expect("read");
    fs::write(&path, &bytes[..bytes.len() - (bytes.len() / 4)]).expect("cut");
    let mut source = ClipSource::open(&path).expect("its header is whole");
    let (frames, error) = play(&mut source);
    let error = error.expect("a cut clip must not end quietly");
    assert!(
        matches!(
            error,
            CaptureError::CutClip { .. } | CaptureError::BrokenClip { .. }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("cut.mp4"), "{error}");
    assert!(frames.len() < 60, "{} frames", frames.len());
    assert_eq!(
        source.next(&mut Frame::default()).expect("then the end"),
        Next::End
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_is_gone_after_drop() {
    let folder = tempfile::tempdir().expect("temporary folder");
    // Long enough that ffmpeg still waits on the full pipe when the source is dropped.
    let raw = vec![7u8; 32 * 16 * 2000];
    let path = encode(folder.path(), "long.mkv", "gray", &raw, &["-c:v", "ffv1"]);
    let mut source = ClipSource::open(&path).expect("opened");
    source.next(&mut Frame::default()).expect("first frame");
    let pid = source.decoder.as_ref().expect("running").child.id();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    drop(source);
    assert!(
        !Path::new(&format!("/proc/{pid}")).exists(),
        "ffmpeg {pid} outlived its source"
    );
}

#[test]
fn versions_are_read_and_builds_from_git_are_new() {
    assert_eq!(
        version_of("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright"),
        Some((4, 4))
    );
    assert_eq!(version_of("ffmpeg version n7.1 Copyright"), Some((7, 1)));
    assert_eq!(
        version_of("ffmpeg version 5.1.9-0+deb12u1 Copyright"),
        Some((5, 1))
    );
    assert_eq!(
        version_of("ffmpeg version N-110000-gabcdef Copyright"),
        None
    );
    assert_eq!(version_of(""), None);
}
