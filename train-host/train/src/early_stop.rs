//! When a run that no longer gets better ends.
//!
//! In: the settings `patience` and `validate_every`, the epochs done, the epoch of the best score. Out: whether to stop,
//! and what to say. Nothing is kept: the number of looks at the validation images since the best one follows from the
//! counters of the checkpoint, so a resumed run stops where an uncut one does.

use std::fmt;

/// A run that has waited long enough for a better validation score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyStop {
    /// Validations since the best one.
    pub validations: u32,
    /// Epochs done at the best one.
    pub best_epoch: u32,
}

impl EarlyStop {
    /// Whether a run stops after `epoch` epochs: `patience` validations, one every `validate_every` epochs, have not
    /// reached the score of the best one, after `best_epoch` epochs. A patience of 0 never stops. An equal score counts
    /// as better, as it does for the checkpoint that is kept.
    pub fn after(
        epoch: u32,
        best_epoch: Option<u32>,
        validate_every: u32,
        patience: u32,
    ) -> Option<Self> {
        let best_epoch = best_epoch.filter(|_| patience > 0)?;
        // Validated epochs are multiples of validate_every, but for a last one, which is counted with the one before.
        let every = validate_every.max(1);
        let validations = (epoch / every).saturating_sub(best_epoch / every);
        (validations >= patience).then_some(Self {
            validations,
            best_epoch,
        })
    }
}

impl fmt::Display for EarlyStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            validations,
            best_epoch,
        } = self;
        write!(
            f,
            "stopped early: validations without a better score than after epoch {best_epoch}: {validations}; \
             --resume --set patience=0 goes on"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::EarlyStop;

    /// Epochs a run takes whose validation scores, every `every` epochs of `epochs`, are `score(epoch)`; interrupted
    /// after each epoch, so that only the counters of the checkpoint carry over.
    fn epochs_run(epochs: u32, every: u32, patience: u32, score: impl Fn(u32) -> i32) -> u32 {
        let mut best: Option<(i32, u32)> = None;
        for epoch in 1..=epochs {
            if (epoch % every == 0 || epoch == epochs)
                && best.is_none_or(|(highest, _)| score(epoch) >= highest)
            {
                best = Some((score(epoch), epoch));
            }
            if EarlyStop::after(epoch, best.map(|(_, e)| e), every, patience).is_some() {
                return epoch;
            }
        }
        epochs
    }

    #[test]
    fn stops_after_that_many_validations_without_a_better_score() {
        // Best after epoch 20; validations after 25, 30, 35 are worse.
        let falls = |epoch: u32| -(epoch.abs_diff(20) as i32);
        assert_eq!(epochs_run(100, 5, 3, falls), 35);
        assert_eq!(epochs_run(100, 5, 1, falls), 25);
        assert_eq!(epochs_run(100, 1, 3, falls), 23);
        // Cut off before.
        assert_eq!(epochs_run(32, 5, 3, falls), 32);
    }

    #[test]
    fn never_stops_without_patience_or_before_the_first_score() {
        assert_eq!(epochs_run(100, 5, 0, |epoch| -(epoch as i32)), 100);
        assert_eq!(EarlyStop::after(50, None, 5, 1), None);
    }

    #[test]
    fn a_better_or_equal_score_starts_the_count_again() {
        let saw = |epoch: u32| if epoch == 20 || epoch == 30 { 5 } else { 0 };
        assert_eq!(epochs_run(100, 5, 3, saw), 45);
        assert_eq!(epochs_run(100, 5, 3, |_| 1), 100);
    }

    #[test]
    fn message_names_the_epoch_and_the_way_on() {
        let stop = EarlyStop::after(35, Some(20), 5, 3).unwrap();
        assert_eq!((stop.validations, stop.best_epoch), (3, 20));
        let text = stop.to_string();
        assert!(text.contains("than after epoch 20: 3;"), "{text}");
        assert!(text.contains("--resume --set patience=0"), "{text}");
    }
}
