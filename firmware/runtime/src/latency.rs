//! How long one stage took, over all frames.

use std::time::Duration;

/// Times of one stage.
#[derive(Debug, Default, Clone)]
pub(crate) struct Latency {
    ms: Vec<f64>,
}

impl Latency {
    /// Adds one frame.
    pub(crate) fn push(&mut self, time: Duration) {
        self.ms.push(time.as_secs_f64() * 1e3);
    }

    /// Milliseconds that half of the frames did not exceed; 0 without frames.
    pub(crate) fn median_ms(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Milliseconds that 99 % of the frames did not exceed; 0 without frames.
    pub(crate) fn p99_ms(&self) -> f64 {
        self.quantile(0.99)
    }

    /// Number of frames.
    pub(crate) fn len(&self) -> usize {
        self.ms.len()
    }

    /// Nearest rank: the value of rank `ceil(share * n)`.
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.ms.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut latency = Latency::default();
        assert_eq!(latency.median_ms(), 0.0);
        for ms in (1..=200).rev() {
            latency.push(Duration::from_millis(ms));
        }
        assert_eq!(
            (latency.median_ms(), latency.p99_ms(), latency.len()),
            (100.0, 198.0, 200)
        );
    }
}
