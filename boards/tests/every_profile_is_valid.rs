//! The profiles we ship can be flown.

use std::path::Path;
use std::time::Duration;

#[test]
fn every_profile_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "toml", "{path:?} is no profile");
        let profile = invdet_boards::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            path.file_stem().unwrap().to_str(),
            Some(profile.name.as_str())
        );
        assert!(profile.camera.frame_period() > Duration::from_millis(1));
        invdet_tracker::Tracker::new(profile.tracker, profile.camera.frame_period()).unwrap();
        names.push(profile.name);
    }
    names.sort();
    assert_eq!(names, ["desk-replay", "orin-nx-boson640"]);
}
