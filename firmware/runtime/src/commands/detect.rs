//! `invdet detect`: images to detections, one by one and without tracks.
//!
//! In: an image or a folder of images of any size. Out: one JSON line an image, masks and overlays on demand. A damaged
//! image ends the run, and the JSON file does not appear; with `--keep-going` it is named and passed over.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use invdet_capture::read_image;
use invdet_core::{Detections, Frame, ImageSize};
use invdet_detector::{Detector, DetectorOptions, Timing};
use invdet_net::manifest::{Model, write_whole};
use serde::Serialize;

use super::network::NetworkArgs;
use crate::failure::{Blame as _, Failure, one_line};
use crate::overlay::{Marks, Overlay, save_png};
use crate::part_file::PartFile;
use crate::progress;

const EXAMPLES: &str = "Examples:
  invdet detect --model models/invdet-s --input frame.png --out frame.jsonl
  invdet detect --model models/invdet-s --input images/ --out found.jsonl --masks masks/ --overlay look/";

/// Finds targets in images; one JSON line an image, images without targets included.
///
/// Exit code 2 at the first damaged image, and the output does not appear; with --keep-going damaged images are named
/// on stderr, all others are done, and the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    network: NetworkArgs,
    /// Image (8/16-bit PNG or TIFF) or folder of images.
    #[arg(long, value_name = "FILE|DIR")]
    input: PathBuf,
    /// Detections, one JSON line an image; centres and sizes in pixels.
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    /// Folder for STEM.png: probability of each pixel x 255, 8 bit.
    #[arg(long, value_name = "DIR")]
    masks: Option<PathBuf>,
    /// Folder for STEM.png: the image with detections marked.
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// Least score, more than 0 and less than 1 [default: the model's].
    #[arg(long, value_name = "T")]
    threshold: Option<f32>,
    /// Name damaged images and go on with the others.
    #[arg(long)]
    keep_going: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    image: &'a str,
    width: u32,
    height: u32,
    latency_ms: f64,
    detections: &'a [Row],
}

#[derive(Serialize)]
struct Row {
    x: f32,
    y: f32,
    w: f32,
    h: f32,
    score: f32,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let model = args.network.load()?;
    let files = images(&args.input).blame_input()?;
    if args.masks.is_some() || args.overlay.is_some() {
        refuse_shared_stems(&files).blame_input()?;
    }
    let mut detect = Detect::new(args, &model)?;
    let mut out = PartFile::create(&args.out).blame_input()?;
    for dir in [&args.masks, &args.overlay].into_iter().flatten() {
        fs::create_dir_all(dir)
            .with_context(|| format!("folder {dir:?} cannot be made: check the path"))
            .blame_input()?;
    }
    let bar = progress::bar(Some(files.len() as u64), "detect");
    let mut damaged = 0;
    for file in &files {
        match detect.image(file, &mut out) {
            Err(Failure::Input(error)) if args.keep_going => {
                bar.suspend(|| eprintln!("error: {}", one_line(&error)));
                damaged += 1;
            }
            done => done?,
        }
        bar.inc(1);
    }
    out.finish()?;
    bar.finish_and_clear();
    println!("{}", detect.told(files.len() - damaged));
    if damaged > 0 {
        return Err(Failure::Running(anyhow!(
            "{damaged} of {} images of {:?} were left out, see above: copy them again or take them out",
            files.len(),
            args.input
        )));
    }
    Ok(())
}

/// The state from image to image.
struct Detect<'a> {
    args: &'a Args,
    detector: Detector,
    detections: Detections,
    mask: Vec<f32>,
    rows: Vec<Row>,
    overlay: Option<(ImageSize, Overlay)>,
    found: usize,
}

impl<'a> Detect<'a> {
    fn new(args: &'a Args, model: &Model) -> Result<Self, Failure> {
        let options = DetectorOptions {
            threads: args.network.threads(),
            threshold: args.threshold,
        };
        // Memory is laid out for the first image when it comes.
        let detector = Detector::new(model, ImageSize::new(16, 16), options).blame_input()?;
        Ok(Self {
            args,
            detector,
            detections: Detections::new(),
            mask: Vec::new(),
            rows: Vec::new(),
            overlay: None,
            found: 0,
        })
    }

    fn image(&mut self, path: &Path, out: &mut PartFile) -> Result<(), Failure> {
        let frame = read_image(path).blame_input()?;
        let timing = self
            .detector
            .detect(&frame, &mut self.detections)
            .with_context(|| format!("{path:?}"))
            .blame_input()?;
        self.write_line(path, &frame, timing, out)
            .with_context(|| {
                let out = &self.args.out;
                format!("{out:?} cannot be written: check the free space of its disk")
            })?;
        if let Some(dir) = &self.args.masks {
            self.detector.mask_probability(&mut self.mask);
            save_mask(&picture_of(dir, path), &self.mask, frame.size)?;
        }
        if let Some(dir) = &self.args.overlay {
            let picture = picture_of(dir, path);
            self.draw(&picture, &frame)?;
        }
        self.found += self.detections.len();
        Ok(())
    }

    fn write_line(
        &mut self,
        path: &Path,
        frame: &Frame,
        timing: Timing,
        out: &mut PartFile,
    ) -> anyhow::Result<()> {
        self.rows.clear();
        self.rows.extend(self.detections.iter().map(|d| Row {
            x: d.x,
            y: d.y,
            w: d.w,
            h: d.h,
            score: d.score,
        }));
        let line = Line {
            image: &path.file_name().unwrap_or_default().to_string_lossy(),
            width: frame.size.width,
            height: frame.size.height,
            latency_ms: (timing.total().as_secs_f64() * 1e6).round() / 1e3,
            detections: &self.rows,
        };
        serde_json::to_writer(&mut *out, &line)?;
        Ok(out.write_all(b"\n")?)
    }

    fn draw(&mut self, picture: &Path, frame: &Frame) -> anyhow::Result<()> {
        let size = frame.size;
        // The stretch follows a video slowly: pictures without relation to each other start anew.
        let (_, overlay) = self.overlay.insert((size, Overlay::new(size)));
        let marks = Marks {
            detections: &self.detections,
            ..Marks::default()
        };
        save_png(picture, overlay.draw(frame, marks)?)
    }

    fn told(&self, images: usize) -> String {
        let (found, out) = (self.found, &self.args.out);
        format!("{images} images, {found} detections in {}", out.display())
    }
}

fn picture_of(dir: &Path, image: &Path) -> PathBuf {
    let mut name = image.file_stem().unwrap_or_default().to_owned();
    name.push(".png");
    dir.join(name)
}

fn save_mask(path: &Path, mask: &[f32], size: ImageSize) -> anyhow::Result<()> {
    let grey: Vec<u8> = mask.iter().map(|p| (p * 255.0).round() as u8).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&grey, size.width, size.height, ExtendedColorType::L8)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(write_whole(path, &png)?))
        .with_context(|| format!("{path:?} cannot be written: check the free space of its disk"))
}

/// The image, or the images directly in the folder, sorted by name; hidden files are passed over.
fn images(input: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("input {input:?} cannot be read: check the path");
    if !fs::metadata(input).with_context(unreadable)?.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(input).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && is_image_name(&name) && !path.is_dir() {
            files.push(path);
        }
    }
    anyhow::ensure!(
        !files.is_empty(),
        "folder {input:?} holds no .png, .tif or .tiff file: name the folder that holds the images itself"
    );
    files.sort();
    Ok(files)
}

fn is_image_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".png", ".tif", ".tiff"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// `a.png` and `a.tif` would write the same mask.
fn refuse_shared_stems(files: &[PathBuf]) -> anyhow::Result<()> {
    let mut stems = BTreeMap::<OsString, &PathBuf>::new();
    for file in files {
        let stem = file.file_stem().unwrap_or_default().to_owned();
        if let Some(other) = stems.insert(stem, file) {
            anyhow::bail!(
                "{other:?} and {file:?} would write one mask or overlay: rename one of them"
            );
        }
    }
    Ok(())
}
