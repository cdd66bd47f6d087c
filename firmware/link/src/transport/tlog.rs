//! A telemetry log, as ground stations write and read it.
//!
//! In: every frame sent, and every frame received on the other links. Out: for each, 8 bytes (microseconds since 1970
//! in UTC, unsigned, *big*-endian) and the frame as it was on the wire. An older file of the same name is replaced.
//!
//! The log goes straight to its final name: each record stands for itself, so that a run that is cut short leaves a
//! log that reads up to its last whole record.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::{Delivery, Sent, Transport, TransportError};
use crate::Endpoint;

/// At most so much of a log is lost when power fails (beside what the system itself holds back).
const FLUSH_EVERY_US: u64 = 1_000_000;

/// A log that is being written.
#[derive(Debug)]
pub struct TlogTransport {
    name: String,
    path: PathBuf,
    file: Option<BufWriter<File>>,
    flushed_at_us: u64,
}

impl TlogTransport {
    /// Creates the file at `path`, or empties it.
    ///
    /// # Errors
    /// [`TransportError::Create`] if that fails.
    pub fn create(path: &Path) -> Result<Self, TransportError> {
        let name = Endpoint::Tlog { path: path.into() }.to_string();
        match File::create(path) {
            Ok(file) => Ok(Self {
                name,
                path: path.into(),
                file: Some(BufWriter::new(file)),
                flushed_at_us: 0,
            }),
            Err(source) => Err(TransportError::Create {
                link: name,
                path: path.into(),
                source,
            }),
        }
    }

    fn record(&mut self, frame: &[u8], at_unix_us: u64) -> Sent {
        let Some(file) = &mut self.file else {
            return Sent::Absent;
        };
        let mut written = file
            .write_all(&at_unix_us.to_be_bytes())
            .and_then(|()| file.write_all(frame));
        if written.is_ok() && at_unix_us.abs_diff(self.flushed_at_us) >= FLUSH_EVERY_US {
            self.flushed_at_us = at_unix_us;
            written = file.flush();
        }
        match written {
            Ok(()) => Sent::Taken,
            Err(error) => {
                // Behind a torn record nothing could be read: better a log that ends here.
                log::error!(
                    "{}: cannot write {} ({error}); the log ends here",
                    self.name,
                    self.path.display()
                );
                self.file = None;
                Sent::Absent
            }
        }
    }
}

impl Transport for TlogTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn delivery(&self) -> Delivery {
        Delivery::Datagrams
    }

    fn send(&mut self, frame: &[u8], at_unix_us: u64) -> Sent {
        self.record(frame, at_unix_us)
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> usize {
        0
    }

    fn overhear(&mut self, frame: &[u8], at_unix_us: u64) {
        self.record(frame, at_unix_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_big_endian_microseconds_and_the_frame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tlog");
        let mut log = TlogTransport::create(&path).unwrap();
        assert_eq!(log.send(&[0xfd, 1, 2], 0x0006_5c1a_2b3c_4d5e), Sent::Taken);
        log.overhear(&[0xfe, 3], 1);
        drop(log);
        let wanted = [
            0x00, 0x06, 0x5c, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0xfd, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1,
            0xfe, 3,
        ];
        assert_eq!(std::fs::read(&path).unwrap(), wanted);
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let message = TlogTransport::create(Path::new("/nonexistent/a.tlog"))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("cannot create /nonexistent/a.tlog"),
            "{message}"
        );
    }
}
