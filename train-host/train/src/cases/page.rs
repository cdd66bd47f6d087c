//! `index.html`: static, without scripts, everything it shows lies beside it.

use super::{Case, Chart, MOST, file_name};
use crate::sheet::Judged;
use std::fmt::Write as _;

const STYLE: &str = "body{background:#18181c;color:#ebebeb;font:15px/1.5 sans-serif;margin:2em auto;max-width:60em;\
padding:0 1em}figure{margin:0 0 2em}img{max-width:100%}figcaption{font-family:monospace}.note{color:#aaa}";

/// The page of all cases, of which [`MOST`] of each kind are shown.
pub(super) fn page(
    heading: &str,
    judged: &[Judged<'_>],
    threshold: f32,
    misses: &[Case<'_>],
    false_alarms: &[Case<'_>],
    charts: &[Chart<'_>],
) -> String {
    let heading = escaped(heading);
    let targets: usize = judged.iter().map(|j| j.targets.len()).sum();
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{heading}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{heading}</h1>\n\
         <p>{} images, {targets} targets, threshold {threshold:.3}: {} missed, {} false alarms (centre &lt; 3 px).</p>\n\
         <p class=\"note\">Image | truth in green, detections with their score in red | heat map of the network, bright by \
         the square root of the score. SCR: (target mean - surround mean) / surround standard deviation.</p>\n",
        judged.len(),
        misses.len(),
        false_alarms.len()
    );
    section(
        &mut text,
        "Worst misses",
        "lowest score near the target first, then highest SCR",
        "miss",
        misses,
    );
    section(
        &mut text,
        "Worst false alarms",
        "highest score first",
        "false",
        false_alarms,
    );
    if !charts.is_empty() {
        text.push_str("<h2>Charts</h2>\n");
    }
    for chart in charts {
        figure(&mut text, chart.file, chart.caption);
    }
    text.push_str("</body>\n</html>\n");
    text
}

fn section(text: &mut String, title: &str, order: &str, prefix: &str, cases: &[Case<'_>]) {
    let shown = cases.get(..MOST).unwrap_or(cases);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "<h2>{title}</h2>");
    if cases.is_empty() {
        text.push_str("<p>None.</p>\n");
        return;
    }
    let _ = writeln!(
        text,
        "<p class=\"note\">{} of {}, {order}.</p>",
        shown.len(),
        cases.len()
    );
    for (number, case) in (1..).zip(shown) {
        let caption = format!("{number}. {}: {}", case.name(), case.caption());
        figure(text, &file_name(prefix, number), &caption);
    }
}

fn figure(text: &mut String, file: &str, caption: &str) {
    let (file, caption) = (escaped(file), escaped(caption));
    let _ = writeln!(
        text,
        "<figure><img src=\"{file}\" alt=\"{caption}\"><figcaption>{caption}</figcaption></figure>"
    );
}

/// File names may hold anything.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
