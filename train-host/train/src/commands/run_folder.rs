//! Where things of a run are.

use std::path::{Path, PathBuf};

/// Folder of a run.
pub(crate) struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the run and of its model.
    pub(crate) fn name(&self) -> String {
        self.path
            .file_name()
            .map_or("model".into(), |n| n.to_string_lossy().into_owned())
    }

    /// The settings, resolved.
    pub(crate) fn settings(&self) -> PathBuf {
        self.path.join("run.toml")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log.csv")
    }

    /// The best model so far.
    pub(crate) fn model(&self) -> PathBuf {
        self.path.join("model")
    }

    pub(crate) fn loss_chart(&self) -> PathBuf {
        self.path.join("loss.png")
    }

    pub(crate) fn validation_chart(&self) -> PathBuf {
        self.path.join("validation.png")
    }

    pub(crate) fn precision_recall(&self) -> PathBuf {
        self.path.join("pr.png")
    }

    pub(crate) fn reliability(&self) -> PathBuf {
        self.path.join("reliability.png")
    }

    /// Event files for TensorBoard.
    pub(crate) fn events(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// The page of the worst misses and false alarms.
    pub(crate) fn cases(&self) -> PathBuf {
        self.path.join("cases")
    }

    pub(crate) fn worst(&self) -> PathBuf {
        self.path.join("worst.png")
    }
}
