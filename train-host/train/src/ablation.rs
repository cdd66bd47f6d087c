//! Ablations: rows of settings, each trained with several seeds, and the table that compares them.
//!
//! In: a TOML file with what all runs share (`base`), the seeds and the rows. Out: one run a row and seed, and the scores of
//! all runs as a table with mean and spread. Refused by name: rows that are no settings, two rows of one name.

use crate::config::RunConfig;
use anyhow::{Context as _, bail, ensure};
use invdet_net::config::NetworkConfig;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// An ablation as a TOML file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// Each row is trained once with each of them.
    pub seeds: Vec<u64>,
    /// Data sets on whose test splits the finished runs are scored too. Never choose by these scores.
    #[serde(default)]
    pub test: Vec<PathBuf>,
    /// Settings of all runs, keys as in `run.toml`; `network` may be a name.
    pub base: toml::Table,
    /// What is compared.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// A row: what it changes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name, also that of its folder.
    pub name: String,
    /// Settings over those of `base`.
    #[serde(default)]
    pub set: toml::Table,
}

/// One run of an ablation.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Name of its row.
    pub row: String,
    /// Its seed.
    pub seed: u64,
    /// Its settings.
    pub config: RunConfig,
}

impl Planned {
    /// Folder of the run inside the folder of the ablation.
    pub fn folder(&self) -> String {
        format!("{}/seed-{}", self.row, self.seed)
    }
}

impl Ablation {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, by line or row.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("{name}: the ablation cannot be read; name another --config")
        })?;
        let found: Self = toml::from_str(&text)
            .map_err(|e| crate::config::one_line(&e))
            .with_context(|| name.to_string())?;
        ensure!(
            !found.seeds.is_empty(),
            "{name}: seeds is empty, wanted for example seeds = [1, 2, 3]"
        );
        ensure!(
            !found.rows.is_empty(),
            "{name}: there is no [[row]] to compare"
        );
        for (i, row) in found.rows.iter().enumerate() {
            let word = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            if row.name.is_empty() || row.name.starts_with('.') || !row.name.chars().all(word) {
                bail!(
                    "{name}: row name {:?}, wanted letters, digits, - _ . and + (it is a folder)",
                    row.name
                );
            }
            if found.rows[..i].iter().any(|r| r.name == row.name) {
                bail!("{name}: two rows are called {:?}", row.name);
            }
        }
        Ok(found)
    }

    /// All runs, row by row within each seed: after the first pass every row has a result.
    ///
    /// # Errors
    /// Settings that no run has, with the row's name.
    pub fn plan(&self) -> anyhow::Result<Vec<Planned>> {
        let mut runs = Vec::new();
        for seed in &self.seeds {
            for row in &self.rows {
                let tables = [with_network(&self.base)?, with_network(&row.set)?];
                let mut config =
                    RunConfig::of_tables(tables).with_context(|| format!("row {:?}", row.name))?;
                config.seed = *seed;
                runs.push(Planned {
                    row: row.name.clone(),
                    seed: *seed,
                    config,
                });
            }
        }
        Ok(runs)
    }
}

/// A network's name becomes its table.
fn with_network(table: &toml::Table) -> anyhow::Result<toml::Table> {
    let mut table = table.clone();
    if let Some(toml::Value::String(name)) = table.get("network") {
        let named = toml::Table::try_from(NetworkConfig::named(name)?)?;
        table.insert("network".into(), named.into());
    }
    Ok(table)
}

/// Scores of a finished run, percent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Centre-3px F1 on validation after the last epoch, at its best threshold.
    pub validation_f1: f64,
    /// Mask IoU on validation after the last epoch.
    pub validation_iou: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// On test splits, threshold from validation.
    pub tests: Vec<TestScores>,
}

/// Scores on one test split, percent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestScores {
    /// Name of the data set.
    pub set: String,
    /// Centre-3px F1.
    pub f1: f64,
    /// Box-IoU-0.5 F1.
    pub box_f1: f64,
    /// Mask IoU.
    pub iou: f64,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Name of its row.
    pub row: String,
    /// Its seed.
    pub seed: u64,
    /// Its scores.
    pub scores: Scores,
}

/// Mean and sample standard deviation; the latter `None` for one value.
pub fn mean_and_spread(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let spread = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    Some((mean, spread))
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    title: String,
    digits: usize,
    /// By run, `None` where a run has no such score.
    values: Vec<Option<f64>>,
}

fn columns(finished: &[Finished]) -> Vec<Column> {
    let column = |title: String, digits, value: &dyn Fn(&Scores) -> Option<f64>| Column {
        title,
        digits,
        values: finished.iter().map(|f| value(&f.scores)).collect(),
    };
    let mut columns = vec![
        column("val F1".into(), 2, &|s| Some(s.validation_f1)),
        column("val IoU".into(), 2, &|s| Some(s.validation_iou)),
    ];
    type Part = fn(&TestScores) -> f64;
    let mut sets: Vec<&str> = Vec::new();
    for test in finished.iter().flat_map(|f| &f.scores.tests) {
        if !sets.contains(&test.set.as_str()) {
            sets.push(&test.set);
        }
    }
    for set in sets {
        let parts: [(&str, Part); 3] = [
            ("F1", |t| t.f1),
            ("box F1", |t| t.box_f1),
            ("IoU", |t| t.iou),
        ];
        for (name, part) in parts {
            columns.push(column(format!("{set} {name}"), 2, &|s| {
                s.tests.iter().find(|t| t.set == set).map(part)
            }));
        }
    }
    columns.push(column("seconds".into(), 0, &|s| Some(s.seconds)));
    columns
}

/// Values of a score, of the runs of `row`.
pub fn values_of(finished: &[Finished], row: &str, value: fn(&Scores) -> f64) -> Vec<f64> {
    let runs = finished.iter().filter(|f| f.row == row);
    runs.map(|f| value(&f.scores)).collect()
}

/// One line a run.
pub fn csv(finished: &[Finished]) -> String {
    let columns = columns(finished);
    let titles: Vec<String> = columns.iter().map(|c| c.title.replace(' ', "_")).collect();
    let mut text = format!("row,seed,{}\n", titles.join(","));
    for (i, f) in finished.iter().enumerate() {
        let _ = write!(text, "{},{}", f.row, f.seed);
        for column in &columns {
            let cell = column.values[i].map_or(String::new(), |v| format!("{v:.4}"));
            let _ = write!(text, ",{cell}");
        }
        text.push('\n');
    }
    text
}

/// One line a row, mean ± sample standard deviation over its seeds.
pub fn markdown(rows: &[&str], finished: &[Finished]) -> String {
    let columns = columns(finished);
    let titles: Vec<&str> = columns.iter().map(|c| c.title.as_str()).collect();
    let mut text = format!("| row | seeds | {} |\n", titles.join(" | "));
    text.push_str(&"|---".repeat(titles.len() + 2));
    text.push_str("|\n");
    for row in rows {
        let of_row = |i: &usize| finished[*i].row == *row;
        let runs: Vec<usize> = (0..finished.len()).filter(of_row).collect();
        let _ = write!(text, "| {row} | {} |", runs.len());
        for Column { digits, values, .. } in &columns {
            let values: Vec<f64> = runs.iter().filter_map(|i| values[*i]).collect();
            let cell = match mean_and_spread(&values) {
                None => "-".to_string(),
                Some((mean, None)) => format!("{mean:.digits$}"),
                Some((mean, Some(spread))) => format!("{mean:.digits$} ± {spread:.digits$}"),
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

/// How much of its F1 a set keeps when the network was trained on another: the mean over all pairs of `F1(test B, trained on
/// A) / F1(test B, trained on B)`, percent. Rows count that are named after the one set they were trained on; `None` unless
/// there are two such sets.
pub fn retention(finished: &[Finished]) -> Option<f64> {
    let f1 = |row: &str, set: &str| {
        let runs = finished.iter().filter(|f| f.row == row);
        let values: Vec<f64> = runs
            .filter_map(|f| f.scores.tests.iter().find(|t| t.set == set))
            .map(|t| t.f1)
            .collect();
        mean_and_spread(&values).map(|(mean, _)| mean)
    };
    let mut sets: Vec<&str> = finished.iter().map(|f| f.row.as_str()).collect();
    sets.sort_unstable();
    sets.dedup();
    let mut kept = Vec::new();
    for trained in &sets {
        for test in sets.iter().filter(|t| *t != trained) {
            if let (Some(foreign), Some(own)) = (f1(trained, test), f1(test, test))
                && own > 0.0
            {
                kept.push(100.0 * foreign / own);
            }
        }
    }
    mean_and_spread(&kept).map(|(mean, _)| mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ablation(text: &str) -> anyhow::Result<Vec<Planned>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.toml");
        std::fs::write(&path, text)?;
        Ablation::load(&path)?.plan()
    }

    #[test]
    fn rows_lie_over_the_base_and_seeds_are_the_outer_loop() {
        let runs = ablation(
            "seeds = [3, 4]\n[base]\ndata = [\"A\"]\nnetwork = \"b\"\nepochs = 7\n\
             [[row]]\nname = \"plain\"\n\
             [[row]]\nname = \"dual\"\nset = { reconstruction.encoder_grad = \"dual\", network.s_rev = 4, epochs = 9 }\n",
        )
        .unwrap();
        let names: Vec<String> = runs.iter().map(Planned::folder).collect();
        assert_eq!(
            names,
            ["plain/seed-3", "dual/seed-3", "plain/seed-4", "dual/seed-4"]
        );
        let dual = &runs[3].config;
        assert_eq!(
            (
                dual.epochs,
                dual.seed,
                dual.network.s_rev,
                dual.network.trunk
            ),
            (9, 4, 4, 32)
        );
        assert!(dual.reconstruction.encoder_grad.reconstructs());
        assert_eq!(
            (runs[0].config.epochs, runs[0].config.network.s_rev),
            (7, 2)
        );
    }

    #[test]
    fn files_of_the_repository_are_sound() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ablations");
        let mut runs = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            for run in Ablation::load(&path).unwrap().plan().unwrap() {
                assert!(
                    !run.config.data.is_empty(),
                    "{}: {}",
                    path.display(),
                    run.row
                );
                runs += 1;
            }
        }
        assert!(runs > 60, "{runs}");
    }

    #[test]
    fn mistakes_are_named() {
        let row = "[[row]]\nname = \"x\"\n";
        for (text, part) in [
            (format!("seeds = []\n[base]\n{row}"), "seeds"),
            ("seeds = [1]\nrow = []\n[base]\n".to_string(), "[[row]]"),
            (format!("seeds = [1]\n[base]\n{row}{row}"), "two rows"),
            (format!("seeds = [1]\n[base]\nepoch = 3\n{row}"), "epoch"),
            (
                format!("seeds = [1]\n[base]\nnetwork = \"z\"\n{row}"),
                "\"z\"",
            ),
            (
                "seeds = [1]\n[base]\n[[row]]\nname = \"../x\"\n".to_string(),
                "../x",
            ),
            (
                format!("seeds = [1]\n[base]\n{row}set = {{ network.s_rev = 9 }}\n"),
                "s_rev",
            ),
        ] {
            let message = format!("{:#}", ablation(&text).unwrap_err());
            assert!(message.contains(part), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }

    #[test]
    fn table_has_mean_and_spread() {
        assert_eq!(mean_and_spread(&[]), None);
        assert_eq!(mean_and_spread(&[4.0]), Some((4.0, None)));
        assert_eq!(mean_and_spread(&[1.0, 2.0, 3.0]), Some((2.0, Some(1.0))));
        let run = |row: &str, seed, f1| Finished {
            row: row.into(),
            seed,
            scores: Scores {
                validation_f1: f1,
                validation_iou: 50.0,
                seconds: 9.6,
                ..Scores::default()
            },
        };
        let finished = [run("a", 1, 80.0), run("a", 2, 82.0), run("b", 1, 70.0)];
        assert_eq!(
            markdown(&["a", "b", "c"], &finished),
            "| row | seeds | val F1 | val IoU | seconds |\n|---|---|---|---|---|\n\
             | a | 2 | 81.00 ± 1.41 | 50.00 ± 0.00 | 10 ± 0 |\n| b | 1 | 70.00 | 50.00 | 10 |\n| c | 0 | - | - | - |\n"
        );
        assert_eq!(
            csv(&finished).lines().nth(1),
            Some("a,1,80.0000,50.0000,9.6000")
        );
    }

    #[test]
    fn foreign_sets_are_columns_and_retention_is_the_mean_share_they_keep() {
        let run = |row: &str, tests: [(&str, f64); 2]| Finished {
            row: row.into(),
            seed: 1,
            scores: Scores {
                tests: tests
                    .map(|(set, f1)| TestScores {
                        set: set.into(),
                        f1,
                        ..TestScores::default()
                    })
                    .into(),
                ..Scores::default()
            },
        };
        let finished = [
            run("A", [("A", 80.0), ("B", 60.0)]),
            run("B", [("A", 40.0), ("B", 90.0)]),
        ];
        let table = markdown(&["A", "B"], &finished);
        assert!(table.contains("A F1 | A box F1 | A IoU | B F1"), "{table}");
        // 60 of 90 and 40 of 80.
        let kept = retention(&finished).unwrap();
        assert!((kept - 100.0 * (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-9);
        assert_eq!(retention(&finished[..1]), None);
    }
}
