//! TensorBoard event files: the curves of a run, live, beside those of other runs.
//!
//! In: named numbers of an epoch. Out: `events.out.tfevents.*` in a folder, one file a session. Refused by path: a folder
//! or file that cannot be written.
//!
//! Format, as TensorBoard reads it: a file is a sequence of TFRecords (`events::record`), each a protobuf message
//! `tensorflow.Event` (`events::message`); the first tells the version. A resumed run begins a new file, since TensorBoard
//! never goes back to one that it has left; its second event, a session start at the first step to come, makes
//! TensorBoard drop what an interrupted session had written from that step on.

mod message;
mod record;

use crate::epoch_log::EpochRow;
use crate::validation::ValidationPass;
use anyhow::Context as _;
use message::Event;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A tag, which TensorBoard groups by what stands before the slash, and its value.
pub type Scalar = (&'static str, f64);

/// The event file of one session of a run; made with the first scalars, so that a session without any leaves no file.
#[derive(Debug)]
pub struct EventWriter {
    folder: PathBuf,
    first_step: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    /// Bytes of whole records.
    length: u64,
}

impl EventWriter {
    /// A session whose first scalars will be of `first_step`; of older files in `folder`, steps from there on are
    /// dropped by TensorBoard.
    pub fn new(folder: &Path, first_step: u64) -> Self {
        Self {
            folder: folder.into(),
            first_step,
            open: None,
        }
    }

    /// Writes `values` of `step`, seen at `now`, through to the operating system.
    ///
    /// # Errors
    /// The write that failed, for example on a full disk; the file keeps its whole records and may be tried again.
    pub fn scalars(&mut self, step: u64, now: SystemTime, values: &[Scalar]) -> anyhow::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            None => self
                .open
                .insert(Open::create(&self.folder, self.first_step, now)?),
        };
        open.write(&[Event::scalars(step, seconds(now), values)])
    }

    /// Where the events go; `None` before the first.
    pub fn path(&self) -> Option<&Path> {
        self.open.as_ref().map(|o| o.path.as_path())
    }
}

impl Open {
    fn create(folder: &Path, first_step: u64, now: SystemTime) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| {
            format!(
                "{}: the folder for TensorBoard cannot be made; free the path",
                folder.display()
            )
        })?;
        let path = folder.join(file_name(now));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("{}: cannot be written; free its disk", path.display()))?;
        let mut open = Self {
            path,
            file,
            length: 0,
        };
        let now = seconds(now);
        open.write(&[Event::version(now), Event::session_start(first_step, now)])?;
        Ok(open)
    }

    fn write(&mut self, events: &[Event]) -> anyhow::Result<()> {
        let bytes: Vec<u8> = events
            .iter()
            .flat_map(|e| record::frame(e.encoded()))
            .collect();
        let written = self.file.write_all(&bytes);
        if written.is_ok() {
            self.length += bytes.len() as u64;
        } else {
            // A torn record would hide all that follow; if even this fails there is nothing left to try.
            let _ = self.file.set_len(self.length);
            let _ = std::io::Seek::seek(&mut self.file, std::io::SeekFrom::Start(self.length));
        }
        written
            .with_context(|| format!("{}: cannot be written; free its disk", self.path.display()))
    }
}

/// `events.out.tfevents.SECONDS.HOST.PROCESS.0`: TensorBoard reads the files of a folder in the order of their names.
fn file_name(now: SystemTime) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let host = if host.is_empty() { "localhost" } else { &host };
    let nanos = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!(
        "events.out.tfevents.{:010}.{host}.{}.{:09}",
        nanos.as_secs(),
        std::process::id(),
        nanos.subsec_nanos()
    )
}

fn seconds(now: SystemTime) -> f64 {
    now.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// What is shown of every epoch: means of the loss and of the gradients' norm before clipping over its steps, the
/// learning rate of its last step, its seconds of training.
pub fn of_epoch(row: &EpochRow, gradient_norm: f64, epoch_seconds: f64) -> Vec<Scalar> {
    vec![
        ("loss/total", row.loss.total),
        ("loss/heat", row.loss.heat),
        ("loss/offset", row.loss.off),
        ("loss/size", row.loss.size),
        ("loss/mask", row.loss.mask),
        ("loss/reconstruction", row.loss.rec),
        ("optimizer/learning_rate", row.lr),
        ("optimizer/gradient_norm", gradient_norm),
        ("time/seconds_per_epoch", epoch_seconds),
    ]
}

/// What is shown of a validated epoch: scores in percent and the threshold they are reached at, recall by target area
/// there, the calibration error of all scores (0..=1). A number that does not exist, such as the recall of a size that
/// no target has, is left out.
pub fn of_validation(pass: &ValidationPass) -> Vec<Scalar> {
    let scores = &pass.scores;
    let recall = pass.recall_by_area(scores.threshold);
    let always = [
        ("validation/centre_3px_F1", scores.f1),
        ("validation/mask_IoU", scores.iou),
        ("validation/threshold", f64::from(scores.threshold)),
    ];
    let sometimes = [
        ("validation/recall_below_10px", recall.point.r),
        ("validation/recall_10_to_49px", recall.spot.r),
        ("validation/recall_from_50px", recall.extended.r),
        (
            "validation/calibration_error",
            pass.reliability(0.0).expected_calibration_error,
        ),
    ];
    let existing = sometimes
        .into_iter()
        .filter_map(|(tag, value)| Some((tag, value?)));
    always.into_iter().chain(existing).collect()
}

#[cfg(test)]
mod tests;
