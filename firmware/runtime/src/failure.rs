//! How a command ends: exit codes and the line on stderr.
//!
//! In: any error. Out: [`Failure`], which knows whose fault it is: 2 for what was given (arguments, profile, model,
//! input), 1 for what broke while running.

use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Arguments, profile, model or input cannot be used.
    Input(anyhow::Error),
    /// It broke while running.
    Running(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Running(error)
    }
}

impl Failure {
    /// Prints `error: ...`, one line a problem (a profile may have several), and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        for problem in one_line(self.error()).lines() {
            eprintln!("error: {problem}");
        }
        match self {
            Failure::Input(_) => ExitCode::from(2),
            Failure::Running(_) => ExitCode::from(1),
        }
    }

    fn error(&self) -> &anyhow::Error {
        match self {
            Failure::Input(error) | Failure::Running(error) => error,
        }
    }
}

/// Says whose fault an error is.
pub(crate) trait Blame<T> {
    /// The arguments, the profile, the model or the input.
    fn blame_input(self) -> Result<T, Failure>;

    /// The run.
    fn blame_run(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Blame<T> for Result<T, E> {
    fn blame_input(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Input(error.into()))
    }

    fn blame_run(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::Running(error.into()))
    }
}

/// The message and its causes; a cause that the message tells already is not told twice.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_are_told_once_on_one_line() {
        let inner = std::io::Error::other("disk is full");
        let error = anyhow::Error::new(inner).context("a.png cannot be written");
        assert_eq!(one_line(&error), "a.png cannot be written: disk is full");
        let error: anyhow::Error = Err::<(), _>(std::io::Error::other("disk is full"))
            .context("a.png: disk is full; make room")
            .unwrap_err();
        assert_eq!(one_line(&error), "a.png: disk is full; make room");
    }
}
