//! A progress bar on stderr; nothing where stderr is not a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` steps, or a counter where the length is not known.
pub(crate) fn bar(length: Option<u64>, what: &str) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{msg} [{wide_bar}] {pos}/{len} {per_sec} ETA {eta}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{msg} {pos} {per_sec} {elapsed}",
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
