//! `invdet-train ablate` from outside.

use crate::blobs;
use std::path::Path;
use std::process::{Command, Output};

fn ablate(config: &Path, out: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_invdet-train"))
        .arg("ablate")
        .arg("--config")
        .arg(config)
        .arg("--out")
        .arg(out)
        .args(["--threads", "1"])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn rows_are_trained_once_compared_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let set = blobs::write_set(folder.path(), 4, 1);
    let config = folder.path().join("a.toml");
    let mut base = blobs::config(&set, 2);
    base.validate_every = 1;
    let text = format!(
        "seeds = [1]\ntest = [{set:?}]\n[[row]]\nname = \"det\"\n[[row]]\nname = \"dual\"\n\
         set = {{ reconstruction.encoder_grad = \"dual\" }}\n{}",
        toml::to_string(&toml::Table::from_iter([(
            "base".to_string(),
            toml::Value::try_from(&base).unwrap()
        )]))
        .unwrap()
    );
    std::fs::write(&config, text).unwrap();
    let out = folder.path().join("out");

    let first = ablate(&config, &out, &["--stop-after", "1"]);
    assert!(first.status.success(), "{first:?}");
    let printed = String::from_utf8(first.stdout).unwrap();
    assert!(
        printed.contains("| det | 1 |") && printed.contains("| dual | 0 |"),
        "{printed}"
    );

    let weights = out.join("det/seed-1/model/weights.safetensors");
    let before = std::fs::metadata(&weights).unwrap().modified().unwrap();
    let second = ablate(&config, &out, &[]);
    assert!(second.status.success(), "{second:?}");
    let printed = String::from_utf8(second.stdout).unwrap();
    assert!(printed.contains("| dual | 1 |"), "{printed}");
    assert_eq!(
        std::fs::read_to_string(out.join("ablation.md")).unwrap(),
        printed
    );
    assert_eq!(
        std::fs::metadata(&weights).unwrap().modified().unwrap(),
        before,
        "a finished run is not trained again"
    );
    let csv = std::fs::read_to_string(out.join("ablation.csv")).unwrap();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(image::open(out.join("ablation.png")).is_ok());

    // Other settings must not go on in the same folders.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("epochs = 2", "epochs = 3")).unwrap();
    let third = ablate(&config, &out, &[]);
    let message = String::from_utf8(third.stderr).unwrap();
    assert_eq!(third.status.code(), Some(2), "{message}");
    assert!(message.contains("other settings"), "{message}");
}
