//! Writes the event files of a made-up run that was killed and resumed, for `tests/peers/tensorboard_peer.py`.
//!
//! In: a folder. Out: two event files in it, and on standard output one JSON object: by tag the value of each step that
//! TensorBoard must show. `cargo run --example events -- DIR`

use anyhow::Context as _;
use invdet_train::epoch_log::EpochRow;
use invdet_train::events::{EventWriter, of_epoch};
use invdet_train::loss::LossParts;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Epoch `epoch`, as session `session` saw it.
fn row(epoch: u32, session: u32) -> EpochRow {
    let fall = f64::from(session) + 20.0 / f64::from(epoch);
    EpochRow {
        epoch,
        loss: LossParts {
            heat: fall,
            off: 0.3,
            size: 0.7,
            mask: 0.9,
            total: fall + 1.9,
            rec: 0.25,
        },
        lr: 2e-3 / f64::from(epoch),
        seconds: f64::from(epoch) * 31.5,
        validation: None,
    }
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .context("wanted the folder to write into")?;
    let mut shown: BTreeMap<&str, BTreeMap<u32, f64>> = BTreeMap::new();
    // Steps beyond one byte of a varint too. The second session begins before the first one's end: the checkpoint of
    // epoch 200 was the last.
    for (session, epochs) in [(1, 1..=203), (2, 201..=260)] {
        let mut writer = EventWriter::new(Path::new(&folder), u64::from(*epochs.start()));
        for epoch in epochs {
            let now = UNIX_EPOCH
                + Duration::from_secs(1_700_000_000 + u64::from(session * 100_000 + epoch));
            let mut values = of_epoch(&row(epoch, session), 3.5 + f64::from(epoch), 31.5);
            if epoch % 5 == 0 {
                values.push(("validation/centre_3px_F1", 50.0 + f64::from(epoch) / 10.0));
            }
            writer.scalars(u64::from(epoch), now, &values)?;
            for (tag, value) in values {
                shown.entry(tag).or_default().insert(epoch, value);
            }
        }
    }
    println!("{}", serde_json::to_string(&shown)?);
    Ok(())
}
