use super::*;

const PERIOD: Duration = Duration::from_nanos(33_333_333);

fn picture(level: u8) -> RgbImage {
    RgbImage::from_pixel(33, 17, image::Rgb([level, level, level]))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("folder")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_gets_numbered_pictures_and_nothing_else() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("new/overlay");
    let mut sink = OverlaySink::open(&out, PERIOD).expect("opened");
    for level in [10, 20, 30] {
        sink.write(&picture(level)).expect("written");
    }
    sink.close().expect("closed");
    assert_eq!(names(&out), ["000000.png", "000001.png", "000002.png"]);
    let read = image::open(out.join("000001.png"))
        .expect("readable")
        .to_rgb8();
    assert_eq!(read, picture(20));
    let error = OverlaySink::open(&out, PERIOD)
        .expect_err("second run")
        .to_string();
    assert!(
        error.contains("already holds") && error.contains("name another folder"),
        "{error}"
    );
}

#[test]
fn a_clip_has_every_picture_at_the_rate_of_the_source() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("out.mp4");
    let mut sink = OverlaySink::open(&path, PERIOD).expect("opened");
    for level in 0..25 {
        sink.write(&picture(level * 10)).expect("written");
        assert!(!path.exists(), "half a clip bears its final name");
    }
    sink.close().expect("closed");
    assert_eq!(names(folder.path()), ["out.mp4"]);
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"])
        .args([
            "-show_entries",
            "stream=width,height,pix_fmt,r_frame_rate,nb_frames",
        ])
        .arg(&path)
        .output()
        .expect("ffprobe is needed by this test: apt-get install ffmpeg");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "34,18,yuv420p,30/1,25"
    );
}

#[test]
fn a_clip_that_is_only_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut sink = OverlaySink::open(&folder.path().join("out.mp4"), PERIOD).expect("opened");
    sink.write(&picture(1)).expect("written");
    drop(sink);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_clip_without_pictures_or_of_two_sizes_is_an_error() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("out.mp4");
    let error = OverlaySink::open(&path, PERIOD)
        .expect("opened")
        .close()
        .expect_err("empty")
        .to_string();
    assert!(error.contains("there was no frame"), "{error}");
    let mut sink = OverlaySink::open(&path, PERIOD).expect("opened");
    sink.write(&picture(1)).expect("written");
    let error = sink
        .write(&RgbImage::new(8, 8))
        .expect_err("other size")
        .to_string();
    assert!(error.contains("a clip has one size"), "{error}");
}

#[test]
fn a_missing_or_failing_ffmpeg_is_told_with_the_remedy() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("out.mp4");
    let error = OverlaySink::open_with("ffmpeg-not-there", &path, PERIOD)
        .expect_err("missing")
        .to_string();
    assert!(
        error.contains("ffmpeg-not-there") && error.contains("apt-get install ffmpeg"),
        "{error}"
    );

    let mut sink = OverlaySink::open(&path, PERIOD).expect("opened");
    if let OverlaySink::Clip(clip) = &mut sink {
        clip.encoder = &["-c:v", "no_such_encoder"];
    }
    let large = RgbImage::new(640, 512);
    let failed = (0..50)
        .find_map(|_| sink.write(&large).err())
        .expect("ffmpeg gives up");
    let text = format!("{failed:#}");
    assert!(
        text.contains("out.mp4") && text.contains("ffmpeg ended with"),
        "{text}"
    );
    assert!(sink.close().is_err());
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn other_kinds_of_file_are_refused_by_name() {
    for name in ["a.avi", "a.PNG", "b.mkv"] {
        let error = OverlaySink::open(Path::new(name), PERIOD)
            .expect_err(name)
            .to_string();
        assert!(error.contains(name) && error.contains(".mp4"), "{error}");
    }
}
