//! One function on many items, on all cores.

use std::num::NonZero;
use std::thread;

/// `f` of each item, in the order of the items. Every worker has its own state, made by `state`.
pub(crate) fn map<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    f: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let (state, f) = (&state, &f);
        let parts: Vec<_> = items
            .chunks(share)
            .map(|items| {
                scope.spawn(move || {
                    let mut state = state();
                    items
                        .iter()
                        .map(|item| f(&mut state, item))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut results = Vec::with_capacity(items.len());
        for part in parts {
            // A worker has no way to panic on input; should it do so, the panic is a bug and goes on here.
            let done = part.join();
            results.extend(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}
