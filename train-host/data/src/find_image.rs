//! The image that a path of another machine means.
//!
//! * In: the names of a data set's images and a path as a COCO file or a list has it, such as
//!   `/home/me/DAUB/images/train/data5/0.bmp`.
//! * Out: the one image whose name the path ends in, or, where there is none, the one whose name ends in the path.
//! * Refuses paths that could mean two images.

use std::collections::BTreeMap;

use crate::files::{IMAGE_ENDINGS, without_ending};

/// Names by their last part.
pub(crate) struct FindImage<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> FindImage<'a> {
    pub(crate) fn new(names: impl Iterator<Item = &'a str>) -> Self {
        let mut by_last: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for name in names {
            by_last.entry(last_part(name)).or_default().push(name);
        }
        Self(by_last)
    }

    /// `None`: no image of that name. `role` (`train`, `test`) decides between images of equal names in several folders.
    ///
    /// # Errors
    /// Two images that could be meant.
    pub(crate) fn find(
        &self,
        path: &str,
        role: Option<&str>,
    ) -> Result<Option<&'a str>, (&'a str, &'a str)> {
        let path = plain_name(path);
        let Some(names) = self.0.get(last_part(&path)) else {
            return Ok(None);
        };
        let contained = names.iter().filter(|name| ends_in(&path, name));
        if let Some(name) = contained.max_by_key(|name| name.len()) {
            return Ok(Some(name));
        }
        let mut longer: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| ends_in(name, &path))
            .collect();
        if let (Some(role), true) = (role, longer.len() > 1) {
            longer.retain(|name| {
                name.split_once('/')
                    .is_some_and(|(first, _)| first.contains(role))
            });
        }
        match longer[..] {
            [] => Ok(None),
            [name] => Ok(Some(name)),
            [first, second, ..] => Err((first, second)),
        }
    }
}

/// A path as a name: `/` between folders, nothing before the first folder, no image ending.
pub(crate) fn plain_name(path: &str) -> String {
    let path = path.trim().replace('\\', "/");
    let path = path.trim_start_matches("./").trim_start_matches('/');
    without_ending(path, &IMAGE_ENDINGS).to_owned()
}

fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether `path` is `end` or ends in `/end`.
fn ends_in(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["data5/0", "data6/0", "data15/0", "train/a", "test/a"];

    fn find(
        path: &str,
        role: Option<&str>,
    ) -> Result<Option<&'static str>, (&'static str, &'static str)> {
        FindImage::new(NAMES.into_iter()).find(path, role)
    }

    #[test]
    fn path_of_another_machine_finds_its_image() {
        assert_eq!(
            find("/home/me/DAUB/images/train/data5/0.bmp", None),
            Ok(Some("data5/0"))
        );
        assert_eq!(find("D:\\DAUB\\data15\\0.bmp", None), Ok(Some("data15/0")));
        assert_eq!(find("./data6/0.bmp", None), Ok(Some("data6/0")));
        assert_eq!(find("data7/0.bmp", None), Ok(None));
        assert_eq!(find("data5/1.bmp", None), Ok(None));
    }

    #[test]
    fn name_without_folder_needs_the_role_where_two_folders_have_it() {
        assert_eq!(find("a.png", Some("test")), Ok(Some("test/a")));
        assert_eq!(find("a.png", None), Err(("train/a", "test/a")));
    }
}
