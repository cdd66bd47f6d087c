//! Files of a data set folder by name.
//!
//! * In: a folder.
//! * Out: its files by name: the path below the folder without ending, `/` between folders on every system.
//! * Refuses folders that the operating system refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::DataError;

/// File endings that count as images, in lower case.
pub(crate) const IMAGE_ENDINGS: [&str; 6] = ["png", "tif", "tiff", "bmp", "jpg", "jpeg"];

/// Folders deeper than this are not looked into: a link that leads back up must not be followed forever.
const DEPTH: u32 = 6;

/// Files by name; more than one if they differ only in the ending.
pub(crate) type Named = BTreeMap<String, Vec<PathBuf>>;

/// Files below `root` with one of `endings`; the folders of `root` that `skip` names are left out.
///
/// Names that begin with a dot are left out too: file managers put previews and shadows of files there.
pub(crate) fn by_name(root: &Path, endings: &[&str], skip: &[&str]) -> Result<Named, DataError> {
    let mut found = Named::new();
    walk(root, "", DEPTH, endings, skip, &mut found)?;
    Ok(found)
}

/// Files directly in `dir` with the ending, in the order of their names; none if there is no such folder.
pub(crate) fn directly_in(dir: &Path, ending: &str) -> Result<Vec<PathBuf>, DataError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = entries(dir)?;
    paths.retain(|path| {
        path.is_file()
            && path
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case(ending))
    });
    Ok(paths)
}

/// `name` without one of `endings`; names with other dots stay whole.
pub(crate) fn without_ending<'a>(name: &'a str, endings: &[&str]) -> &'a str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if endings.contains(&ending.to_ascii_lowercase().as_str()) => stem,
        _ => name,
    }
}

/// The file name without its ending.
pub(crate) fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|s| s.to_str()).unwrap_or("")
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|source| DataError::Io {
        path: path.into(),
        source,
    })
}

/// The text of a file of labels. Other encodings than UTF-8 occur in the names of classes and folders, which are not
/// read, so what is not UTF-8 is no reason to refuse the numbers.
pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn walk(
    dir: &Path,
    prefix: &str,
    depth: u32,
    endings: &[&str],
    skip: &[&str],
    found: &mut Named,
) -> Result<(), DataError> {
    for path in entries(dir)? {
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let stem = without_ending(name, endings);
        if path.is_dir() {
            if depth > 0 && !skip.contains(&name) {
                walk(
                    &path,
                    &format!("{prefix}{name}/"),
                    depth - 1,
                    endings,
                    &[],
                    found,
                )?;
            }
        } else if stem.len() < name.len() {
            found
                .entry(format!("{prefix}{stem}"))
                .or_default()
                .push(path);
        }
    }
    Ok(())
}

/// What a folder holds, in the order of the names.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io = |source| DataError::Io {
        path: dir.into(),
        source,
    };
    let mut paths = fs::read_dir(dir)
        .map_err(io)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.sort();
    Ok(paths)
}
