//! A file that gets its name when it is whole.
//!
//! In: bytes. Out: `PATH`, written as `PATH.part`, synced and renamed by [`PartFile::finish`]. A file that is dropped
//! before is removed, and what had the name before stays.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// See the module.
#[derive(Debug)]
pub(crate) struct PartFile {
    path: PathBuf,
    part: PathBuf,
    out: BufWriter<File>,
}

impl PartFile {
    /// Opens `PATH.part`.
    ///
    /// # Errors
    /// If it cannot be made, or if `path` is a folder.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !path.is_dir(),
            "{path:?} is a folder, wanted the name of a file: write for example {:?}",
            path.join("out.jsonl")
        );
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| {
            format!("{path:?} cannot be written: check that its folder exists and can be written")
        })?;
        Ok(Self {
            path: path.to_owned(),
            part,
            out: BufWriter::new(file),
        })
    }

    /// Syncs and renames.
    ///
    /// # Errors
    /// If the disk refuses; nothing bears the name then that did not before.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let written = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.part, &self.path));
        written.with_context(|| self.refused())
    }

    fn refused(&self) -> String {
        format!(
            "{:?} cannot be written: check the free space of its disk",
            self.path
        )
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After `finish` there is nothing of that name; before, half a file is of no use.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_file_leaves_the_old_one_and_finished_file_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(&path, "old").unwrap();
        let mut file = PartFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let mut file = PartFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
