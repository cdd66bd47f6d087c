//! Profile files.
//!
//! The reader stops at the first key that is unknown or of the wrong type. To tell of all at once, the line of each such
//! problem is blanked and the rest read again; a file that is not TOML at all is told of once.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use crate::{Profile, ProfileError, ProfileErrors, ProfileProblem, RawProfile};

/// Most problems of text told of one file.
const MAX_TEXT_PROBLEMS: usize = 32;

/// Reads and checks a profile.
///
/// # Errors
/// [`ProfileError`] if the file cannot be read, or with all that is wrong in it, one problem a line, each with the name
/// of the file and the line or the key.
pub fn load(path: &Path) -> Result<Profile, ProfileError> {
    let text = std::fs::read_to_string(path).map_err(|found| ProfileError::Unreadable {
        path: path.to_owned(),
        found,
    })?;
    parse(&text).map_err(|errors| ProfileError::Invalid {
        path: path.to_owned(),
        errors,
    })
}

fn parse(text: &str) -> Result<Profile, ProfileErrors> {
    let (raw, mut problems, blanked) = read(text);
    problems.sort_by_key(|(line, _)| *line);
    let mut problems: Vec<ProfileProblem> = problems
        .into_iter()
        .map(|(line, message)| ProfileProblem::Text { line, message })
        .collect();
    match raw.map(Profile::try_from) {
        Some(Ok(profile)) if problems.is_empty() => return Ok(profile),
        Some(Err(more)) => {
            // What was blanked is not missing.
            problems.extend(
                more.problems
                    .into_iter()
                    .filter(|p| !is_missing(p, &blanked)),
            );
        }
        Some(Ok(_)) | None => {}
    }
    Err(ProfileErrors { problems })
}

/// The words of the text, the lines that had to be blanked to read them with the reason of each, and their keys.
fn read(text: &str) -> (Option<RawProfile>, Vec<(usize, String)>, BTreeSet<String>) {
    let mut rest = text.to_owned();
    let mut problems = Vec::new();
    let mut blanked = BTreeSet::new();
    loop {
        let error = match toml::from_str(&rest) {
            Ok(raw) => return (Some(raw), problems, blanked),
            Err(error) => error,
        };
        let span = error.span();
        let line = span.as_ref().map_or(0, |span| line_of(text, span.start));
        let message = error
            .message()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        problems.push((line, message));
        // Once the rest is no TOML at all, blanking would only guess.
        let readable = rest.parse::<toml::Table>().is_ok();
        let span = span.filter(|_| readable && problems.len() < MAX_TEXT_PROBLEMS);
        let Some(key) = span.and_then(|span| blank(&mut rest, span)) else {
            return (None, problems, blanked);
        };
        blanked.insert(key);
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Overwrites the lines of the span with spaces; gives the key of the first, nothing if there was none to blank.
fn blank(text: &mut String, span: Range<usize>) -> Option<String> {
    let start = text
        .get(..span.start)?
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let from = span.end.max(span.start);
    let end = text
        .get(from..)?
        .find('\n')
        .map_or(text.len(), |length| from + length);
    let lines = text.get(start..end)?;
    if lines.trim().is_empty() {
        return None;
    }
    let key = lines
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let spaces: String = lines
        .bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect();
    text.replace_range(start..end, &spaces);
    Some(key)
}

fn is_missing(problem: &ProfileProblem, blanked: &BTreeSet<String>) -> bool {
    match problem {
        ProfileProblem::Value { key, found, .. } => {
            let name = key.rsplit('.').next().unwrap_or(key);
            found == "nothing" && blanked.contains(name)
        }
        ProfileProblem::Text { .. } => false,
    }
}

#[cfg(test)]
mod tests;
