//! Decides once, from the graph, how each gradient is written in the backward pass.

use super::Reach;
use crate::buffers::Lifetime;
use invdet_net::graph::{Graph, Op, View};

/// What an operation does to the gradient of one of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Nothing: nobody wants it.
    Skip,
    /// Overwrites it.
    Set,
    /// Adds to it.
    Add,
}

/// The backward step of one operation.
pub struct Step {
    /// False if no gradient arrives at its output.
    pub runs: bool,
    /// Set to zero before it: parts of gradients that are read or added to but were never written.
    pub clear: Vec<View>,
    /// By input, as [`Op::inputs`] lists them.
    pub writes: Vec<Write>,
}

/// Steps by operation, to be run from the last to the first.
pub struct BackwardPlan {
    /// By operation.
    pub steps: Vec<Step>,
    /// When the gradient of each storage is in use, in steps of the backward pass.
    pub(super) lifetimes: Vec<Option<Lifetime>>,
}

impl BackwardPlan {
    /// From the heads as far as `reach` says.
    pub fn detection(graph: &Graph, reach: Reach) -> Self {
        let o = graph.outputs;
        let detached = match reach {
            Reach::Latents => graph.latents.clone(),
            Reach::Encoder => vec![graph.input],
            Reach::Input => Vec::new(),
        };
        Self::new(graph, &[o.heat, o.off, o.size, o.mask], &detached)
    }

    /// From `X_rec` to the first operation; `None` without backward path.
    pub fn reconstruction(graph: &Graph) -> Option<Self> {
        let output = graph.reconstruction.as_ref()?.output;
        Some(Self::new(graph, &[output], &[graph.input]))
    }

    /// Whether the storage has a gradient.
    pub fn uses(&self, storage: usize) -> bool {
        self.lifetimes[storage].is_some()
    }

    /// From the gradients of `sources` back to all parameters. The storages of `detached` get no gradient, so nothing
    /// before them does.
    fn new(graph: &Graph, sources: &[View], detached: &[View]) -> Self {
        let mut written: Vec<Vec<bool>> = graph
            .storages
            .iter()
            .map(|s| vec![false; s.channels])
            .collect();
        let mut lifetimes: Vec<Option<Lifetime>> = vec![None; graph.storages.len()];
        for v in sources {
            written[v.storage][v.first..v.first + v.channels].fill(true);
            lifetimes[v.storage] = Some(Lifetime { first: 0, last: 0 });
        }
        let mut steps: Vec<Step> = Vec::new();
        for (i, op) in graph.ops.iter().enumerate().rev() {
            let now = graph.ops.len() - i;
            let output = op.output();
            let arrived = unwritten(&written, output);
            let runs = arrived.iter().map(|v| v.channels).sum::<usize>() < output.channels;
            let mut step = Step {
                runs,
                clear: Vec::new(),
                writes: Vec::new(),
            };
            if runs {
                step.clear = arrived;
                use_at(&mut lifetimes, output, now);
            }
            for (k, view) in op.inputs().into_iter().enumerate() {
                let constant = k > 0 && matches!(op, Op::Modulate { .. });
                let wanted =
                    runs && !constant && !detached.iter().any(|d| d.storage == view.storage);
                step.writes.push(if !wanted {
                    Write::Skip
                } else {
                    use_at(&mut lifetimes, view, now);
                    let missing = unwritten(&written, view);
                    written[view.storage][view.first..view.first + view.channels].fill(true);
                    if missing == [view] {
                        Write::Set
                    } else {
                        step.clear.extend(missing);
                        Write::Add
                    }
                });
            }
            debug_assert!(
                !matches!(op, Op::Couple { .. } | Op::Uncouple { .. })
                    || !runs
                    || step.writes[1..] == [Write::Set, Write::Set],
                "scale and shift of a coupling are read by nothing else"
            );
            steps.push(step);
        }
        steps.reverse();
        // If it is computed at all, it is there to be read afterwards.
        if let Some(life) = &mut lifetimes[graph.input.storage] {
            life.last = usize::MAX;
        }
        Self { steps, lifetimes }
    }
}

fn use_at(lifetimes: &mut [Option<Lifetime>], view: View, now: usize) {
    let life = lifetimes[view.storage].get_or_insert(Lifetime {
        first: now,
        last: now,
    });
    life.last = life.last.max(now);
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
