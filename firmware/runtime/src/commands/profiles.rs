//! `invdet profiles`: what payloads there are, and whether their files are right.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use crate::failure::{Blame as _, Failure};

const EXAMPLES: &str = "Examples:
  invdet profiles list
  invdet profiles check boards/profiles/desk-replay.toml";

/// Lists or checks payload profiles.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows every profile of a folder: payload, camera, links.
    List {
        /// Folder of profiles.
        #[arg(long, value_name = "DIR", default_value = "boards/profiles")]
        dir: PathBuf,
    },
    /// Checks one profile, or all of a folder; tells all problems at once.
    Check {
        /// Profile to check [default: all of --dir].
        file: Option<PathBuf>,
        /// Folder of profiles.
        #[arg(long, value_name = "DIR", default_value = "boards/profiles")]
        dir: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (files, telling) = match &args.action {
        Action::List { dir } => (profiles_in(dir).blame_input()?, Telling::Contents),
        Action::Check { file: None, dir } => (profiles_in(dir).blame_input()?, Telling::Verdict),
        Action::Check {
            file: Some(file), ..
        } => (vec![file.clone()], Telling::Verdict),
    };
    let mut problems = Vec::new();
    for file in &files {
        match (invdet_boards::load(file), telling) {
            (Ok(profile), Telling::Contents) => println!(
                "{}: {}, {} {} at {} fps, links {}",
                file.display(),
                profile.name,
                profile.camera.name,
                profile.camera.size,
                profile.camera.fps,
                profile.link.endpoints.join(" ")
            ),
            (Ok(_), Telling::Verdict) => println!("{}: ok", file.display()),
            (Err(error), _) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::Input(anyhow!(problems.join("\n"))))
}

/// What is said of a profile that is right.
#[derive(Debug, Clone, Copy)]
enum Telling {
    Contents,
    Verdict,
}

fn profiles_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("folder of profiles {dir:?} cannot be read: name one with --dir");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    anyhow::ensure!(
        !files.is_empty(),
        "folder {dir:?} holds no profile (*.toml): name another with --dir"
    );
    files.sort();
    Ok(files)
}
