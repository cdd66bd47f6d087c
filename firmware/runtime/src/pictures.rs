//! Frames with what was found, as pictures on disk.

use std::path::Path;
use std::time::Duration;

use invdet_core::ImageSize;

use crate::overlay::{LabelBox, Marks, Overlay, OverlaySink};
use crate::pipeline::Seen;

/// Draws each frame of a run into one or more sinks.
#[derive(Debug)]
pub(crate) struct Pictures {
    overlay: Overlay,
    sinks: Vec<OverlaySink>,
    labels: Vec<LabelBox>,
}

impl Pictures {
    /// Opens a clip or folder for each of `paths`.
    ///
    /// # Errors
    /// If one cannot be made.
    pub(crate) fn open(
        paths: &[&Path],
        size: ImageSize,
        frame_period: Duration,
    ) -> anyhow::Result<Self> {
        let sinks = paths
            .iter()
            .map(|path| OverlaySink::open(path, frame_period));
        Ok(Self {
            overlay: Overlay::new(size),
            sinks: sinks.collect::<Result<_, _>>()?,
            labels: Vec::new(),
        })
    }

    /// Draws one frame.
    ///
    /// # Errors
    /// If a sink refuses it.
    pub(crate) fn draw(&mut self, seen: &Seen<'_>) -> anyhow::Result<()> {
        if self.sinks.is_empty() {
            return Ok(());
        }
        self.labels.clear();
        let visible = seen.truth.iter().filter(|target| target.visible);
        self.labels.extend(visible.map(|t| LabelBox {
            x: t.x,
            y: t.y,
            w: t.w,
            h: t.h,
        }));
        let marks = Marks {
            tracks: seen.tracks,
            detections: seen.detections,
            labels: &self.labels,
        };
        let picture = self.overlay.draw(seen.frame, marks)?;
        self.sinks
            .iter_mut()
            .try_for_each(|sink| sink.write(picture))
    }

    /// Finishes clips.
    ///
    /// # Errors
    /// If `ffmpeg` fails.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        self.sinks.into_iter().try_for_each(OverlaySink::close)
    }
}
