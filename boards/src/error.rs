use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// One thing wrong in a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileProblem {
    /// A key has a value that cannot be used.
    Value {
        /// Dotted key: `camera.width`.
        key: String,
        /// The value, as a person would write it; `nothing` if the key is absent.
        found: String,
        /// What it must be, with units.
        wanted: String,
    },
    /// The text is not TOML, or has a key that is unknown or of the wrong type.
    Text {
        /// Line of the file, from 1; 0 if the reader names none.
        line: usize,
        /// What the reader says, on one line; unknown keys come with those that are known.
        message: String,
    },
}

impl fmt::Display for ProfileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileProblem::Value { key, found, wanted } => {
                write!(f, "{key} is {found}, wanted {wanted}")
            }
            ProfileProblem::Text { line, message } => write!(f, "line {line}: {message}"),
        }
    }
}

/// Everything wrong in a profile; prints one problem a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ProfileErrors {
    /// At least one.
    pub problems: Vec<ProfileProblem>,
}

impl fmt::Display for ProfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, problem) in self.problems.iter().enumerate() {
            if k > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// Why a profile file could not be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The file cannot be read as text.
    #[error(
        "profile {path:?} cannot be read ({found}), wanted a TOML file such as boards/profiles/desk-replay.toml"
    )]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// What the system says.
        found: std::io::Error,
    },
    /// The file was read and is wrong; each problem on its own line, after the name of the file.
    #[error("{}", in_file(.path, .errors))]
    Invalid {
        /// As given.
        path: PathBuf,
        /// All of them.
        errors: ProfileErrors,
    },
}

fn in_file(path: &std::path::Path, errors: &ProfileErrors) -> String {
    let lines: Vec<String> = errors
        .problems
        .iter()
        .map(|problem| format!("{}: {problem}", path.display()))
        .collect();
    lines.join("\n")
}
