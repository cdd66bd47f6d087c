//! A crate imports only crates of lower rank; the board never imports the trainer, nor the trainer the board's program.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Rank of every crate of the workspace, as ARCHITECTURE.md lists them.
const RANKS: [(&str, u32); 15] = [
    ("invdet-core", 0),
    ("invdet-net", 1),
    ("invdet-camera", 1),
    ("invdet-metrics", 1),
    ("invdet-tracker", 1),
    ("invdet-capture", 1),
    ("invdet-link", 1),
    ("invdet-cpu", 2),
    ("invdet-data", 2),
    ("invdet-boards", 2),
    ("invdet-cuda", 3),
    ("invdet-detector", 3),
    ("invdet-runtime", 4),
    ("invdet-train", 4),
    ("invdet-tests", 5),
];

struct Member {
    folder: String,
    imports: BTreeSet<String>,
}

fn members() -> BTreeMap<String, Member> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: PathBuf| -> toml::Table {
        toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
    };
    let workspace = read(root.join("Cargo.toml"));
    let folders = workspace["workspace"]["members"].as_array().unwrap();
    folders
        .iter()
        .map(|folder| {
            let folder = folder.as_str().unwrap().to_string();
            let manifest = read(root.join(&folder).join("Cargo.toml"));
            let name = manifest["package"]["name"].as_str().unwrap().to_string();
            let imports = ["dependencies", "dev-dependencies"]
                .iter()
                .filter_map(|section| manifest.get(*section)?.as_table())
                .flat_map(|table| table.keys().cloned())
                .filter(|dependency| dependency.starts_with("invdet-"))
                .collect();
            (name, Member { folder, imports })
        })
        .collect()
}

#[test]
fn crates_import_only_crates_of_lower_rank() {
    let ranks = BTreeMap::from(RANKS);
    let members = members();
    assert_eq!(
        ranks.len(),
        members.len(),
        "the table above lists every crate"
    );
    for (name, member) in &members {
        for import in &member.imports {
            let (above, below) = (ranks[name.as_str()], ranks[import.as_str()]);
            assert!(
                below < above,
                "{name} (rank {above}) imports {import} (rank {below})"
            );
        }
    }
}

#[test]
fn board_and_trainer_meet_in_files_only() {
    let members = members();
    let closure = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut todo = vec![start.to_string()];
        while let Some(name) = todo.pop() {
            if seen.insert(name.clone()) {
                todo.extend(members[&name].imports.iter().cloned());
            }
        }
        seen.into_iter()
            .map(|name| members[&name].folder.clone())
            .collect::<Vec<_>>()
    };
    assert!(
        closure("invdet-runtime")
            .iter()
            .all(|f| !f.starts_with("train-host"))
    );
    assert!(
        closure("invdet-train")
            .iter()
            .all(|f| !f.starts_with("firmware"))
    );
}
