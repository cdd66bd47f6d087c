//! Decides once, from the operations, how each gradient is written in the backward pass.
//!
//! The idea is that of `invdet_cpu`'s plan; gradients do not share memory here, so there are no lifetimes.

use crate::launcher::Put;
use crate::operation::Operation;
use invdet_net::graph::{Storage, View};

/// The backward step of one operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// False if no gradient arrives at its output.
    pub(crate) runs: bool,
    /// Set to zero before it: parts of gradients that are read or added to but were never written.
    pub(crate) clear: Vec<View>,
    /// By input, as [`Operation::inputs`] lists them; `None` if nobody wants its gradient.
    pub(crate) puts: Vec<Option<Put>>,
}

/// Steps by operation, to be run from the last to the first.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// By storage: whether its gradient is written at all.
    pub(crate) used: Vec<bool>,
}

impl Plan {
    /// Gradients arrive at `seeds`, written whole; none is wanted for the storages in `constants`.
    pub(crate) fn new(
        storages: &[Storage],
        operations: &[Operation],
        seeds: &[View],
        constants: &[usize],
    ) -> Self {
        let mut written: Vec<Vec<bool>> =
            storages.iter().map(|s| vec![false; s.channels]).collect();
        let mut used = vec![false; storages.len()];
        for v in seeds {
            written[v.storage][v.first..v.first + v.channels].fill(true);
            used[v.storage] = true;
        }
        let mut steps = Vec::with_capacity(operations.len());
        for operation in operations.iter().rev() {
            let output = operation.output();
            let mut clear = unwritten(&written, output);
            let missing: usize = clear.iter().map(|v| v.channels).sum();
            let runs = missing < output.channels;
            if !runs {
                clear.clear();
            }
            let mut puts = Vec::new();
            for view in operation.inputs() {
                if !runs || constants.contains(&view.storage) {
                    puts.push(None);
                    continue;
                }
                used[view.storage] = true;
                let missing = unwritten(&written, view);
                written[view.storage][view.first..view.first + view.channels].fill(true);
                if missing == [view] {
                    puts.push(Some(Put::Set));
                } else {
                    clear.extend(missing);
                    puts.push(Some(Put::Add));
                }
            }
            steps.push(Step { runs, clear, puts });
        }
        steps.reverse();
        Self { steps, used }
    }
}

/// The runs of channels of `view` that nothing has written.
fn unwritten(written: &[Vec<bool>], view: View) -> Vec<View> {
    let mut runs: Vec<View> = Vec::new();
    let channels = view.first..view.first + view.channels;
    for c in channels.filter(|c| !written[view.storage][*c]) {
        match runs.last_mut() {
            Some(run) if run.first + run.channels == c => run.channels += 1,
            _ => runs.push(View {
                first: c,
                channels: 1,
                ..view
            }),
        }
    }
    runs
}
