//! What a model was made of: the data and the program.

use invdet_data::Sample;
use sha2::{Digest as _, Sha256};
use std::process::Command;

/// Fingerprint of the images that were learned from, 64 hexadecimal digits.
///
/// SHA-256 over the samples sorted by set and name. Each gives its line `SET/NAME WIDTHxHEIGHT TARGETS\n`, then its
/// counts row by row, two bytes each, little-endian, then the bytes of its mask. The paths of the folders, the order of
/// the lists and how the files are packed (PNG, TIFF) play no part.
pub fn data_sha256(samples: &[Sample]) -> String {
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by(|a, b| (&a.set, &a.name).cmp(&(&b.set, &b.name)));
    let mut hash = Sha256::new();
    let mut bytes = Vec::new();
    for s in sorted {
        hash.update(format!(
            "{}/{} {} {}\n",
            s.set,
            s.name,
            s.size,
            s.targets.len()
        ));
        bytes.clear();
        bytes.extend(s.counts.iter().flat_map(|c| c.to_le_bytes()));
        hash.update(&bytes);
        hash.update(&s.mask);
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The commit that the program belongs to: `INVDET_COMMIT` of the environment it was compiled in, or what git says of
/// the folder that the program lies in; `unknown` where neither does.
pub fn commit() -> String {
    if let Some(commit) = option_env!("INVDET_COMMIT") {
        return commit.to_string();
    }
    let from_git = || {
        let program = std::env::current_exe().ok()?;
        let output = Command::new("git")
            .arg("-C")
            .arg(program.parent()?)
            .args(["rev-parse", "--short", "HEAD"])
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_string();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    from_git().unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use invdet_core::ImageSize;
    use invdet_net::normalise::Affine;

    fn sample(name: &str, count: u16) -> Sample {
        Sample {
            set: "SET".into(),
            name: name.into(),
            size: ImageSize::new(2, 1),
            bits: 8,
            counts: vec![count, 258],
            mask: vec![0, 255],
            has_mask: true,
            targets: Vec::new(),
            robust: Affine {
                median: 0.0,
                scale: 1.0,
            },
        }
    }

    #[test]
    fn fingerprint_is_that_of_the_documented_bytes() {
        // printf 'SET/a 2x1 0\n\x07\x00\x02\x01\x00\xffSET/b 2x1 0\n\x07\x00\x02\x01\x00\xff' | sha256sum
        let expected = "ec4f12d5fec7f1c5b29c43e2525e9b6ad4323f3e8e955cec2895c34b8beeaaf1";
        assert_eq!(data_sha256(&[sample("b", 7), sample("a", 7)]), expected);
        assert_ne!(data_sha256(&[sample("b", 7), sample("a", 8)]), expected);
    }
}
