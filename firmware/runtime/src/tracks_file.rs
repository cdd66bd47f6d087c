//! `tracks.jsonl`: one line a frame.
//!
//! In: the tracks of each frame. Out: one JSON object a line with the keys of the design; pixels, pixels per second,
//! radians. Angles are null without a camera, and where the lens has no direction for a point.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use invdet_camera::CameraModel;
use invdet_core::{Frame, Tracks};
use serde::Serialize;

use crate::part_file::PartFile;

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    t_ns: u64,
    ffc: bool,
    tracks: &'a [Row],
}

#[derive(Debug, Serialize)]
struct Row {
    id: u32,
    state: &'static str,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
    vx: f32,
    vy: f32,
    score: f32,
    az_rad: Option<f32>,
    el_rad: Option<f32>,
}

/// The file on its way; [`TracksFile::finish`] gives it its name.
#[derive(Debug)]
pub(crate) struct TracksFile {
    out: PartFile,
    camera: Option<CameraModel>,
    rows: Vec<Row>,
}

impl TracksFile {
    /// Opens the file; `camera` gives the angles.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(crate) fn create(path: &Path, camera: Option<CameraModel>) -> anyhow::Result<Self> {
        Ok(Self {
            out: PartFile::create(path)?,
            camera,
            rows: Vec::new(),
        })
    }

    /// Adds one frame.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn write(&mut self, frame: &Frame, tracks: &Tracks) -> anyhow::Result<()> {
        self.rows.clear();
        for track in tracks {
            let camera = self.camera.as_ref();
            let angles = camera.and_then(|camera| camera.angles(track.center()).ok());
            self.rows.push(Row {
                id: track.id.0,
                state: track.state.as_str(),
                x: track.x,
                y: track.y,
                w: track.w,
                h: track.h,
                vx: track.vx,
                vy: track.vy,
                score: track.score,
                az_rad: angles.map(|(az, _)| az as f32),
                el_rad: angles.map(|(_, el)| el as f32),
            });
        }
        let line = Line {
            seq: frame.seq,
            t_ns: frame.at.as_nanos(),
            ffc: frame.flags.ffc,
            tracks: &self.rows,
        };
        serde_json::to_writer(&mut self.out, &line)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(self.out.write_all(b"\n")?))
            .context("tracks cannot be written: check the free space of the disk")
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        self.out.finish()
    }
}
