//! The validation part of a train split.
//!
//! * In: the samples of a train split.
//! * Out: the same samples in two parts, about 9 to 1, always cut in the same way.
//!
//! Whether a sample belongs to validation depends on its name alone: it stays on its side when other samples come or
//! go, when sets are joined and on every machine. The test split never plays a part in choosing a model.
//!
//! Images in folders whose names end in a number are taken for the frames of a sequence: neighbours look alike, so 50 of
//! them stand together (`data5/100` to `data5/149`). Only at the ends of such blocks have train and validation
//! neighbours.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::Sample;
use crate::layout::trailing_number;

/// One name in this many goes to validation.
const ONE_IN: u64 = 10;

/// Frames of a sequence that stay together.
const BLOCK: u64 = 50;

/// Whether a train sample belongs to validation: the first 8 bytes of SHA-256("set/name"), big-endian, divide by 10.
///
/// A name `FOLDER/PREFIX120` of a frame stands for its block: `FOLDER/PREFIX#2`.
pub fn is_validation(set: &str, name: &str) -> bool {
    let digest = Sha256::digest(format!("{set}/{}", unit(name)));
    let number = digest
        .iter()
        .take(8)
        .fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    number.is_multiple_of(ONE_IN)
}

/// What is hashed for a name.
fn unit(name: &str) -> Cow<'_, str> {
    let frame = name.rsplit_once('/').and_then(|(folder, file)| {
        let (prefix, number) = trailing_number(file)?;
        Some(format!("{folder}/{prefix}#{}", number / BLOCK))
    });
    frame.map_or(Cow::Borrowed(name), Cow::Owned)
}

/// Cuts train samples into (train, validation), about 9 to 1, both in their old order.
pub fn validation_split(samples: Vec<Sample>) -> (Vec<Sample>, Vec<Sample>) {
    samples
        .into_iter()
        .partition(|sample| !is_validation(&sample.set, &sample.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_name_in_ten_is_for_validation() {
        let chosen = (0..5000)
            .filter(|n| is_validation("SET", &format!("image_{n}")))
            .count();
        assert!((425..575).contains(&chosen), "{chosen} of 5000");
    }

    #[test]
    fn frames_of_a_sequence_stand_together_in_blocks() {
        for (name, unit_of_it) in [
            ("data5/0", "data5/#0"),
            ("data5/149", "data5/#2"),
            ("data5/0149", "data5/#2"),
            ("44/1(814)", "44/1(#16"),
            ("train/flight_0050", "train/flight_#1"),
            ("train/cloud", "train/cloud"),
            ("Misc_120", "Misc_120"),
            ("000120", "000120"),
        ] {
            assert_eq!(unit(name), unit_of_it, "{name}");
        }
        let chosen = (0..20_000)
            .filter(|n| is_validation("DAUB", &format!("data5/{n}")))
            .count();
        assert_eq!(chosen % 50, 0);
        // 400 blocks: 40 of them, give or take 6 a standard deviation.
        assert!((1_000..3_000).contains(&chosen), "{chosen}");
    }

    #[test]
    fn the_set_is_part_of_the_name() {
        let chosen = |set: &str| {
            (0..200)
                .filter(|n| is_validation(set, &n.to_string()))
                .collect::<Vec<_>>()
        };
        assert_ne!(chosen("A"), chosen("B"));
    }

    #[test]
    fn the_cut_is_the_same_on_every_machine() {
        // First names of a count from 0 that SHA-256 sends to validation, worked out with coreutils:
        // printf 'NUAA-SIRST/Misc_N' | sha256sum, first 16 hex digits modulo 10.
        let chosen: Vec<u32> = (0..60)
            .filter(|n| is_validation("NUAA-SIRST", &format!("Misc_{n}")))
            .collect();
        assert_eq!(chosen, EXPECTED);
    }

    const EXPECTED: [u32; 4] = [0, 1, 54, 59];
}
