//! `model.toml` and the model folder it heads.

use crate::arch;
use crate::config::{ConfigError, NetworkConfig};
use crate::graph::Graph;
use crate::weights::{Weights, WeightsError, read, sha256_hex};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the layout of `model.toml` that this program reads and writes.
pub const SCHEMA: u32 = 1;

/// How counts become the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "normalisation", deny_unknown_fields)]
pub enum Input {
    /// Median and MAD of each image ([`crate::normalise`]).
    Robust,
    /// `(grey - mean) / std` with constants of a data set, for published protocols.
    Fixed {
        /// Grey level that becomes zero.
        mean: f32,
        /// Grey levels of one unit.
        std: f32,
    },
}

/// How maps become detections.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decode {
    /// Least score, 0..1; chosen on validation images.
    pub threshold: f32,
    /// Of two detections closer than this the weaker is dropped, pixels.
    #[serde(default = "default_separation")]
    pub min_separation_px: f32,
    /// Least probability of a mask pixel.
    #[serde(default = "default_mask_threshold")]
    pub mask_threshold: f32,
}

fn default_separation() -> f32 {
    1.5
}

fn default_mask_threshold() -> f32 {
    0.5
}

impl Default for Decode {
    fn default() -> Self {
        Self {
            threshold: 0.3,
            min_separation_px: default_separation(),
            mask_threshold: default_mask_threshold(),
        }
    }
}

/// Which file holds the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsFile {
    /// Name inside the folder.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// The contents of `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// For people and for MAVLink's `model_name`.
    pub name: String,
    /// See [`Input`].
    pub input: Input,
    /// See [`Decode`].
    pub decode: Decode,
    /// See [`WeightsFile`].
    pub weights: WeightsFile,
    /// See [`NetworkConfig`].
    pub network: NetworkConfig,
    /// How it was trained and what it scored; free keys, for people.
    #[serde(default)]
    pub training: toml::Table,
}

/// A model folder, read and checked.
#[derive(Debug, Clone)]
pub struct Model {
    /// What `model.toml` says.
    pub manifest: Manifest,
    /// Its network.
    pub graph: Graph,
    /// Its numbers.
    pub weights: Weights,
}

/// Why a model folder was refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing or unreadable.
    #[error("{path}: {source}; a model folder holds model.toml and weights.safetensors", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `model.toml` is not what this version reads.
    #[error("{path}: {reason}", path = path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        reason: String,
    },
    /// Another version of the layout.
    #[error("{path}: schema is {found}, this version reads {SCHEMA}; export the model again", path = path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
    /// A key with a value that cannot be.
    #[error("{path}: {source}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ConfigError,
    },
    /// A number outside its range.
    #[error("{path}: {key} is {found}, wanted {wanted}", path = path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What it says.
        found: f32,
        /// What it may say.
        wanted: &'static str,
    },
    /// The weights are not those that `model.toml` was written for.
    #[error("{path}: sha256 is {found}, model.toml says {wanted}; the two files are not of one model", path = path.display())]
    Hash {
        /// The weights.
        path: PathBuf,
        /// Hash of the file.
        found: String,
        /// Hash in `model.toml`.
        wanted: String,
    },
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl Manifest {
    /// Reads and checks `model.toml`.
    ///
    /// # Errors
    /// [`ModelError`], naming the file and the key.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let file = || path.to_path_buf();
        let text = std::fs::read_to_string(path).map_err(|source| ModelError::Read {
            path: file(),
            source,
        })?;
        let manifest: Manifest = toml::from_str(&text).map_err(|e| ModelError::Manifest {
            path: file(),
            reason: e.to_string().trim().replace('\n', " "),
        })?;
        if manifest.schema != SCHEMA {
            return Err(ModelError::Schema {
                path: file(),
                found: manifest.schema,
            });
        }
        manifest
            .network
            .check()
            .map_err(|source| ModelError::Config {
                path: file(),
                source,
            })?;
        let value = |key, found, wanted| {
            Err(ModelError::Value {
                path: file(),
                key,
                found,
                wanted,
            })
        };
        let d = &manifest.decode;
        if !(d.threshold > 0.0 && d.threshold < 1.0) {
            return value(
                "decode.threshold",
                d.threshold,
                "more than 0 and less than 1",
            );
        }
        if !(d.min_separation_px >= 0.0 && d.min_separation_px < 64.0) {
            return value(
                "decode.min_separation_px",
                d.min_separation_px,
                "0 to 64 pixels",
            );
        }
        if !(d.mask_threshold > 0.0 && d.mask_threshold < 1.0) {
            return value(
                "decode.mask_threshold",
                d.mask_threshold,
                "more than 0 and less than 1",
            );
        }
        if let Input::Fixed { mean, std } = manifest.input {
            if !mean.is_finite() {
                return value("input.mean", mean, "a grey level");
            }
            if !(std > 0.0 && std.is_finite()) {
                return value("input.std", std, "more than 0 grey levels");
            }
        }
        Ok(manifest)
    }
}

impl Model {
    /// Reads a model folder; refuses one whose parts disagree, naming the part.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let toml_path = folder.join("model.toml");
        let manifest = Manifest::load(&toml_path)?;
        let graph = arch::build(&manifest.network).map_err(|source| ModelError::Config {
            path: toml_path,
            source,
        })?;
        let path = folder.join(&manifest.weights.file);
        let bytes = read(&path)?;
        let weights = Weights::parse(&bytes, &path, &graph)?;
        let found = sha256_hex(&bytes);
        if found != manifest.weights.sha256 {
            return Err(ModelError::Hash {
                path,
                found,
                wanted: manifest.weights.sha256.clone(),
            });
        }
        Ok(Self {
            manifest,
            graph,
            weights,
        })
    }

    /// Writes `model.toml` and the weights; each appears under its name only when it is whole.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn save(&mut self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let bytes = self
            .weights
            .to_safetensors(&self.graph)
            .map_err(std::io::Error::other)?;
        self.manifest.weights.sha256 = sha256_hex(&bytes);
        write_whole(&folder.join(&self.manifest.weights.file), &bytes)?;
        let text = toml::to_string(&self.manifest).map_err(std::io::Error::other)?;
        write_whole(&folder.join("model.toml"), text.as_bytes())
    }
}

/// Writes under a temporary name, syncs and renames, so that half a file never has the final name.
///
/// # Errors
/// The step that failed; the old file, if any, is untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let written = (|| {
        let mut file = std::fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}
