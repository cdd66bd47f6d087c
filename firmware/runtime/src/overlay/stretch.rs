//! Counts to grey for the eye: the 1 % and 99 % percentiles become black and white.
//!
//! The limits follow the scene slowly, so that brightness does not pump, and stand still during a flat-field
//! correction.

use invdet_core::Frame;

/// Share of the way to the new limits in one frame; 63 % of a step is followed in 10 frames.
const FOLLOW: f32 = 0.1;
/// Below this span a picture is noise: no more than this is stretched, in counts of 8-bit and of deeper frames.
const MIN_SPAN_8_BIT: f32 = 16.0;
const MIN_SPAN_DEEP: f32 = 64.0;

/// The limits of the stretch and their history.
#[derive(Debug)]
pub(super) struct Stretch {
    histogram: Vec<u32>,
    /// Counts shown black and white, smoothed; none before the first frame.
    limits: Option<(f32, f32)>,
    /// As used for this frame, at least the minimal span apart.
    shown: (f32, f32),
}

impl Stretch {
    pub(super) fn new() -> Self {
        Self {
            histogram: vec![0; 1 << 16],
            limits: None,
            shown: (0.0, 1.0),
        }
    }

    /// Takes a frame's percentiles into account.
    pub(super) fn update(&mut self, frame: &Frame) {
        if frame.counts.is_empty() {
            return;
        }
        let limits = match self.limits {
            Some(old) if frame.flags.ffc => old,
            Some((low, high)) => {
                let new = self.percentiles(&frame.counts);
                (low + FOLLOW * (new.0 - low), high + FOLLOW * (new.1 - high))
            }
            None => self.percentiles(&frame.counts),
        };
        self.limits = Some(limits);
        let least = if frame.bits > 8 {
            MIN_SPAN_DEEP
        } else {
            MIN_SPAN_8_BIT
        };
        let missing = (least - (limits.1 - limits.0)).max(0.0);
        self.shown = (limits.0 - missing / 2.0, limits.1 + missing / 2.0);
    }

    /// The grey of a count.
    pub(super) fn grey(&self, count: u16) -> u8 {
        let (low, high) = self.shown;
        ((f32::from(count) - low) * 255.0 / (high - low) + 0.5).clamp(0.0, 255.0) as u8
    }

    fn percentiles(&mut self, counts: &[u16]) -> (f32, f32) {
        self.histogram.fill(0);
        for count in counts {
            if let Some(bin) = self.histogram.get_mut(usize::from(*count)) {
                *bin += 1;
            }
        }
        let beyond = (counts.len() / 100) as u32;
        (
            rank(self.histogram.iter().enumerate(), beyond),
            rank(self.histogram.iter().enumerate().rev(), beyond),
        )
    }
}

/// The first count with more than `beyond` pixels up to it.
fn rank<'a>(bins: impl Iterator<Item = (usize, &'a u32)>, beyond: u32) -> f32 {
    let mut passed = 0;
    for (count, pixels) in bins {
        passed += pixels;
        if passed > beyond {
            return count as f32;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use invdet_core::{FrameFlags, ImageSize};

    use super::*;

    fn ramp(from: u16) -> Frame {
        Frame {
            size: ImageSize::new(1000, 1),
            counts: (from..from + 1000).collect(),
            bits: 14,
            ..Frame::default()
        }
    }

    #[test]
    fn one_percent_at_each_end_is_cut() {
        let mut stretch = Stretch::new();
        stretch.update(&ramp(7000));
        assert_eq!(stretch.shown, (7010.0, 7989.0));
        assert_eq!(
            [7000, 7010, 7989, 8100].map(|count| stretch.grey(count)),
            [0, 0, 255, 255]
        );
        assert!((126..=129).contains(&stretch.grey(7500)));
    }

    #[test]
    fn limits_follow_slowly_and_stand_still_in_a_correction() {
        let mut stretch = Stretch::new();
        stretch.update(&ramp(7000));
        stretch.update(&ramp(8000));
        assert!(
            (stretch.shown.0 - 7110.0).abs() < 0.1,
            "{:?}",
            stretch.shown
        );
        let before = stretch.shown;
        stretch.update(&Frame {
            flags: FrameFlags { ffc: true },
            ..ramp(3000)
        });
        assert_eq!(stretch.shown, before);
    }

    #[test]
    fn a_flat_frame_is_middle_grey() {
        let mut stretch = Stretch::new();
        stretch.update(&Frame {
            size: ImageSize::new(4, 1),
            counts: vec![500; 4],
            bits: 14,
            ..Frame::default()
        });
        assert!((126..=129).contains(&stretch.grey(500)));
    }
}
