//! A folder of images as a video.
//!
//! In: a folder of PNG/TIFF, or one such file. Out: its images in natural order (`img2` before `img10`), as frames of
//! one size, 30 a second since files carry no rate. Hidden files and other extensions are passed over. Refused: a
//! folder without images, and an image of another size than the first.

use std::cmp::Ordering;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use invdet_core::{Frame, FrameFlags, ImageSize, MonoTime};

use crate::image_file::{ImageFileReader, has_image_extension, image_size};
use crate::{CaptureError, FrameSource, Next};

/// Images carry no frame rate; 30 a second is that of most uncooled cores.
const FRAME_PERIOD: Duration = Duration::from_nanos(33_333_333);

/// The images of a folder, in natural order.
#[derive(Debug)]
pub struct FolderSource {
    label: String,
    files: Vec<PathBuf>,
    size: ImageSize,
    seq: usize,
    reader: ImageFileReader,
}

impl FolderSource {
    /// Lists the folder and looks at the first image's header.
    ///
    /// # Errors
    /// [`CaptureError::NotFound`], [`CaptureError::Read`], [`CaptureError::EmptyFolder`], or whatever is wrong with
    /// the first image.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let unreadable = |source: std::io::Error| match source.kind() {
            ErrorKind::NotFound => CaptureError::NotFound {
                path: path.to_owned(),
            },
            _ => CaptureError::Read {
                path: path.to_owned(),
                source,
            },
        };
        let files = if fs::metadata(path).map_err(unreadable)?.is_dir() {
            images_in(path).map_err(unreadable)?
        } else {
            vec![path.to_owned()]
        };
        let Some(first) = files.first() else {
            return Err(CaptureError::EmptyFolder {
                path: path.to_owned(),
            });
        };
        let size = image_size(first)?;
        Ok(Self {
            label: path.display().to_string(),
            size,
            files,
            seq: 0,
            reader: ImageFileReader::default(),
        })
    }

    /// The files, in the order of the frames.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl FrameSource for FolderSource {
    fn next(&mut self, frame: &mut Frame) -> Result<Next, CaptureError> {
        frame.counts.clear();
        let Some(path) = self.files.get(self.seq) else {
            return Ok(Next::End);
        };
        frame.seq = self.seq as u64;
        frame.at = MonoTime::from_nanos(FRAME_PERIOD.as_nanos() as u64 * frame.seq);
        frame.flags = FrameFlags::default();
        self.seq += 1;
        self.reader.read_into(path, frame)?;
        if frame.size != self.size {
            frame.counts.clear();
            return Err(CaptureError::SizeChanged {
                path: path.clone(),
                got: frame.size,
                want: self.size,
            });
        }
        Ok(Next::Frame)
    }

    fn size(&self) -> ImageSize {
        self.size
    }

    fn frame_period(&self) -> Duration {
        FRAME_PERIOD
    }

    fn len(&self) -> Option<u64> {
        Some(self.files.len() as u64)
    }

    fn label(&self) -> &str {
        &self.label
    }
}

/// Image files directly in `folder`, naturally sorted; a dangling link is kept, so that reading names it.
fn images_in(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if has_image_extension(&path) && !is_hidden && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort_by(|a, b| natural_order(&name_of(a), &name_of(b)).then_with(|| a.cmp(b)));
    Ok(files)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Compares names with runs of digits taken as numbers of any length; ties (`01` and `1`) are `Equal`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (digits_a, digits_b) = (leading_digits(a), leading_digits(b));
        if !digits_a.is_empty() && !digits_b.is_empty() {
            let (number_a, number_b) = (without_zeros(digits_a), without_zeros(digits_b));
            let order = number_a
                .len()
                .cmp(&number_b.len())
                .then_with(|| number_a.cmp(number_b));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[digits_a.len()..], &b[digits_b.len()..]);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((first_a, rest_a)), Some((first_b, rest_b))) => {
                if first_a != first_b {
                    return first_a.cmp(first_b);
                }
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

fn leading_digits(name: &[u8]) -> &[u8] {
    let end = name
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(name.len());
    &name[..end]
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits
        .iter()
        .position(|digit| *digit != b'0')
        .unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageBuffer, Luma};

    use super::*;

    fn write_level(folder: &Path, name: &str, size: ImageSize, level: u16) {
        let image = ImageBuffer::from_pixel(size.width, size.height, Luma([level]));
        DynamicImage::ImageLuma16(image)
            .save(folder.join(name))
            .expect("written");
    }

    const SIZE: ImageSize = ImageSize::new(8, 6);

    #[test]
    fn names_sort_as_people_count() {
        let mut names = [
            "img10",
            "img2",
            "b1",
            "img1a",
            "img1",
            "img007",
            "a",
            "img99999999999999999999999",
            "IMG3",
        ];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            [
                "IMG3",
                "a",
                "b1",
                "img1",
                "img1a",
                "img2",
                "img007",
                "img10",
                "img99999999999999999999999"
            ]
        );
    }

    #[test]
    fn frames_come_in_natural_order_with_running_stamps() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for number in [10u16, 2, 1, 30] {
            write_level(folder.path(), &format!("img{number}.png"), SIZE, number);
        }
        write_level(folder.path(), ".img0.png", SIZE, 0);
        fs::write(folder.path().join("labels.csv"), "x,y").expect("written");
        fs::create_dir(folder.path().join("img5.png")).expect("folder with an image's name");

        let mut source = FolderSource::open(folder.path()).expect("opened");
        assert_eq!((source.size(), source.len()), (SIZE, Some(4)));
        let mut frame = Frame::default();
        for (seq, level) in [1u16, 2, 10, 30].into_iter().enumerate() {
            assert_eq!(source.next(&mut frame).expect("frame"), Next::Frame);
            assert_eq!(frame.counts, vec![level; SIZE.pixels()]);
            assert_eq!((frame.seq, frame.bits), (seq as u64, 16));
            assert_eq!(frame.at.as_nanos(), seq as u64 * 33_333_333);
        }
        assert_eq!(source.next(&mut frame).expect("end"), Next::End);
        assert_eq!(source.next(&mut frame).expect("end"), Next::End);
        assert!(frame.counts.is_empty());
    }

    #[test]
    fn a_single_image_is_a_video_of_one_frame() {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_level(folder.path(), "one.tiff", SIZE, 6743);
        let mut source = FolderSource::open(&folder.path().join("one.tiff")).expect("opened");
        assert_eq!(source.len(), Some(1));
        assert_eq!(
            source.next(&mut Frame::default()).expect("frame"),
            Next::Frame
        );
    }

    #[test]
    fn buffers_are_reused_from_frame_to_frame() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for number in 0..3 {
            write_level(folder.path(), &format!("{number}.png"), SIZE, number);
        }
        let mut source = FolderSource::open(folder.path()).expect("opened");
        let mut frame = Frame::default();
        source.next(&mut frame).expect("frame");
        let buffer = frame.counts.as_ptr();
        source.next(&mut frame).expect("frame");
        assert_eq!(frame.counts.as_ptr(), buffer);
    }

    #[test]
    fn an_empty_folder_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("readme.txt"), "no image").expect("written");
        let error = FolderSource::open(folder.path()).expect_err("empty");
        assert!(
            matches!(&error, CaptureError::EmptyFolder { path } if path == folder.path()),
            "{error}"
        );
    }

    #[test]
    fn a_changed_size_is_refused_by_name_and_leaves_no_stale_counts() {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_level(folder.path(), "1.png", SIZE, 5);
        write_level(folder.path(), "2.png", ImageSize::new(9, 6), 5);
        write_level(folder.path(), "3.png", SIZE, 7);
        let mut source = FolderSource::open(folder.path()).expect("opened");
        let mut frame = Frame::default();
        source.next(&mut frame).expect("first");
        let error = source.next(&mut frame).expect_err("changed size");
        assert!(
            error
                .to_string()
                .contains("2.png\" is 9x6, the first image of its folder is 8x6"),
            "{error}"
        );
        assert!(frame.counts.is_empty());
        assert_eq!(
            source.next(&mut frame).expect("the video goes on"),
            Next::Frame
        );
        assert_eq!((frame.seq, frame.counts[0]), (2, 7));
    }

    #[cfg(unix)]
    #[test]
    fn broken_and_dangling_files_are_named_when_reached() {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_level(folder.path(), "1.png", SIZE, 5);
        fs::write(folder.path().join("2.png"), b"").expect("written");
        std::os::unix::fs::symlink("/nowhere/at/all.png", folder.path().join("3.png"))
            .expect("link");
        let mut source = FolderSource::open(folder.path()).expect("opened");
        let mut frame = Frame::default();
        source.next(&mut frame).expect("first");
        assert!(
            matches!(source.next(&mut frame), Err(CaptureError::EmptyFile { path }) if path.ends_with("2.png"))
        );
        assert!(
            matches!(source.next(&mut frame), Err(CaptureError::NotFound { path }) if path.ends_with("3.png"))
        );
        assert_eq!(source.next(&mut frame).expect("end"), Next::End);
    }
}
