//! What a run did, in a few lines.

use std::fmt;
use std::time::Duration;

use invdet_core::MonoTime;
use invdet_detector::Timing;
use invdet_link::LinkCounters;

use crate::latency::Latency;
use crate::tally::Counts;

/// Stages whose times are told, in the order of the data.
const STAGES: [&str; 5] = ["preprocess", "network", "decode", "tracker", "links"];

/// What went over one link.
#[derive(Debug)]
pub(crate) struct LinkSummary {
    /// The LINK string.
    pub(crate) name: String,
    /// See [`LinkCounters`].
    pub(crate) counters: LinkCounters,
    /// Frames sent, by message.
    pub(crate) sent: Counts,
}

/// What a run did.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Name of the source.
    pub(crate) source: String,
    /// Frames taken.
    pub(crate) frames: u64,
    /// Of them in a flat-field correction: not in the times.
    pub(crate) blind_frames: u64,
    /// Time of the last frame.
    pub(crate) last: MonoTime,
    /// From start to end, with reading and drawing.
    pub(crate) elapsed: Duration,
    /// Tracks that were believed at some time.
    pub(crate) tracks: usize,
    /// By stage, as [`STAGES`].
    pub(crate) latency: [Latency; STAGES.len()],
    /// Frame to message.
    pub(crate) total: Latency,
    /// By link.
    pub(crate) links: Vec<LinkSummary>,
}

impl Summary {
    /// Nothing done so far.
    pub(crate) fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            frames: 0,
            blind_frames: 0,
            last: MonoTime::default(),
            elapsed: Duration::ZERO,
            tracks: 0,
            latency: Default::default(),
            total: Latency::default(),
            links: Vec::new(),
        }
    }

    /// Adds the times of one frame.
    pub(crate) fn add(&mut self, timing: Timing, tracking: Duration, telling: Duration) {
        let stages = [
            timing.preprocess,
            timing.network,
            timing.decode,
            tracking,
            telling,
        ];
        for (latency, time) in self.latency.iter_mut().zip(stages) {
            latency.push(time);
        }
        self.total.push(timing.total() + tracking + telling);
    }

    /// Frames per second of the run.
    pub(crate) fn fps(&self) -> f64 {
        self.frames as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} frames in {:.1} s ({:.1} fps), {} tracks confirmed",
            self.source,
            self.frames,
            self.elapsed.as_secs_f64(),
            self.fps(),
            self.tracks
        )?;
        write!(f, "latency ms, median / p99:")?;
        for (name, latency) in STAGES.iter().zip(&self.latency) {
            let (median, p99) = (latency.median_ms(), latency.p99_ms());
            write!(f, " {name} {median:.2} / {p99:.2},")?;
        }
        let (median, p99) = (self.total.median_ms(), self.total.p99_ms());
        write!(f, " together {median:.2} / {p99:.2}")?;
        if self.blind_frames > 0 {
            write!(
                f,
                " (without {} frames of flat-field correction)",
                self.blind_frames
            )?;
        }
        for link in &self.links {
            let counters = &link.counters;
            write!(f, "\n{}: sent {}", link.name, counters.sent)?;
            let by_message: Vec<String> =
                link.sent.iter().map(|(m, n)| format!("{m} {n}")).collect();
            if !by_message.is_empty() {
                write!(f, " ({})", by_message.join(", "))?;
            }
            write!(
                f,
                ", dropped {}, received {}, damaged {}",
                counters.dropped, counters.received, counters.bad
            )?;
        }
        Ok(())
    }
}
