//! `log.csv` of a run: one row an epoch.
//!
//! In: the figures of an epoch. Out: a line at the end of the file, and all rows of a file again. Refused by file and
//! line: rows that are no numbers. A last line without its end, which a killed run can leave, is passed over.

use crate::loss::LossParts;
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

const HEADER: &str = "epoch,loss,heat,off,size,mask,lr,seconds,val_f1,val_threshold,val_iou,rec";

/// What an epoch was like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochRow {
    /// Epochs done, from 1.
    pub epoch: u32,
    /// Means over the steps of the epoch.
    pub loss: LossParts,
    /// Learning rate of its last step.
    pub lr: f64,
    /// Seconds of training since the start of the run.
    pub seconds: f64,
    /// `None` in epochs without a look at the validation images.
    pub validation: Option<ValidationRow>,
}

/// Scores of the averaged weights on the validation images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValidationRow {
    /// Best centre-3px F1 over thresholds, percent.
    pub f1: f64,
    /// The threshold it is reached at, 0..1.
    pub threshold: f64,
    /// Mask IoU, percent.
    pub iou: f64,
}

/// Adds a row to the file, which is begun where there is none.
///
/// # Errors
/// The write that failed, for example on a full disk.
pub fn append(path: &Path, row: &EpochRow) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        // A torn last line of a killed run must not swallow the new one.
        let torn = match std::fs::read(path) {
            Ok(bytes) => bytes.last().is_some_and(|b| *b != b'\n'),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
            Err(e) => return Err(e),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let mut text = String::new();
        if torn {
            text.push('\n');
        }
        if file.metadata()?.len() == 0 {
            text.push_str(HEADER);
            text.push('\n');
        }
        text.push_str(&line(row));
        file.write_all(text.as_bytes())
    };
    write().with_context(|| {
        format!(
            "{}: the log cannot be written; free the path or its disk, then --resume",
            path.display()
        )
    })
}

fn line(row: &EpochRow) -> String {
    let EpochRow {
        epoch,
        loss,
        lr,
        seconds,
        validation,
    } = row;
    let LossParts {
        heat,
        off,
        size,
        mask,
        total,
        rec,
    } = loss;
    let v = validation.map_or(",,".to_string(), |v| {
        format!("{:.4},{:.4},{:.4}", v.f1, v.threshold, v.iou)
    });
    format!(
        "{epoch},{total:.6},{heat:.6},{off:.6},{size:.6},{mask:.6},{lr:.3e},{seconds:.1},{v},{rec:.6}\n"
    )
}

/// All rows by epoch; of an epoch that was run twice the later row.
///
/// # Errors
/// A file that cannot be read, has another header or a whole line that is no row.
pub fn read(path: &Path) -> anyhow::Result<Vec<EpochRow>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: no log of a run"))?;
    let mut lines = text.split_inclusive('\n').enumerate();
    match lines.next() {
        Some((_, first)) if first.trim_end() == HEADER => {}
        _ => bail!("{name}: line 1 is not {HEADER:?}; it is not the log of a run"),
    }
    let mut rows = BTreeMap::new();
    let count = text.split_inclusive('\n').count();
    for (i, line) in lines {
        match parse(line.trim_end()) {
            Some(row) if line.ends_with('\n') => {
                rows.insert(row.epoch, row);
            }
            // Torn by a kill: the last line, or one that a resumed run went on after.
            _ if i + 1 == count || is_torn(line) => {
                log::warn!("{name}: line {} is not whole, passed over", i + 1)
            }
            _ => bail!(
                "{name}: line {} is no row of {HEADER:?}; delete the line",
                i + 1
            ),
        }
    }
    Ok(rows.into_values().collect())
}

fn is_torn(line: &str) -> bool {
    line.trim_end().split(',').count() < HEADER.split(',').count()
}

fn parse(line: &str) -> Option<EpochRow> {
    let fields: Vec<&str> = line.split(',').collect();
    let &[
        epoch,
        total,
        heat,
        off,
        size,
        mask,
        lr,
        seconds,
        f1,
        threshold,
        iou,
        rec,
    ] = fields.as_slice()
    else {
        return None;
    };
    let number = |text: &str| text.parse::<f64>().ok();
    let validation = if [f1, threshold, iou].iter().all(|f| f.is_empty()) {
        None
    } else {
        Some(ValidationRow {
            f1: number(f1)?,
            threshold: number(threshold)?,
            iou: number(iou)?,
        })
    };
    Some(EpochRow {
        epoch: epoch.parse().ok()?,
        loss: LossParts {
            heat: number(heat)?,
            off: number(off)?,
            size: number(size)?,
            mask: number(mask)?,
            total: number(total)?,
            rec: number(rec)?,
        },
        lr: number(lr)?,
        seconds: number(seconds)?,
        validation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: u32, total: f64) -> EpochRow {
        let loss = LossParts {
            heat: 1.5,
            off: 0.25,
            size: 0.5,
            mask: 0.75,
            total,
            rec: 0.0625,
        };
        let validation = epoch.is_multiple_of(2).then_some(ValidationRow {
            f1: 91.25,
            threshold: 0.5,
            iou: 70.125,
        });
        EpochRow {
            epoch,
            loss,
            lr: 2e-3,
            seconds: 12.5,
            validation,
        }
    }

    #[test]
    fn rows_come_back_as_written_and_the_later_of_two_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        for r in [row(1, 9.0), row(2, 8.0), row(2, 7.0)] {
            append(&path, &r).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [row(1, 9.0), row(2, 7.0)]);
    }

    #[test]
    fn a_torn_line_is_passed_over_and_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        append(&path, &row(1, 9.0)).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}2,8.0,1.5")).unwrap();
        assert_eq!(read(&path).unwrap(), [row(1, 9.0)]);
        append(&path, &row(2, 8.0)).unwrap();
        assert_eq!(read(&path).unwrap(), [row(1, 9.0), row(2, 8.0)]);
    }

    #[test]
    fn a_line_of_words_is_refused_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(
            &path,
            format!("{HEADER}\n1,a,b,c,d,e,f,g,,,,\n2,1,1,1,1,1,1,1,,,,\n"),
        )
        .unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2"));
        std::fs::write(&path, "a,b\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
