//! The numbers of a network: `weights.safetensors`, f32, names as in [`crate::arch`].

use crate::graph::{Graph, Param, Role};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One array per entry of [`Graph::params`], in that order.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Values, PyTorch's layout.
    pub tensors: Vec<Vec<f32>>,
}

/// Why weights were refused. Each names the file and what differs.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a safetensors file, or a truncated one.
    #[error("{path}: not a whole safetensors file ({reason}); copy the model folder again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A tensor of the network is missing.
    #[error("{path}: tensor {name:?} is missing; the file belongs to another network than model.toml", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// A tensor that the network does not have.
    #[error("{path}: tensor {name:?} is not part of the network of model.toml", path = path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// A tensor of another shape or type.
    #[error("{path}: tensor {name:?} is {found}, model.toml wants {wanted}", path = path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
        /// Type and shape in the file.
        found: String,
        /// Type and shape of the network.
        wanted: String,
    },
    /// NaN or infinity.
    #[error("{path}: tensor {name:?} holds {value} at {index}; the model is unusable, train or copy it again", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
}

/// SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Reads a whole file, naming it in the error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, WeightsError> {
    std::fs::read(path).map_err(|source| WeightsError::Read {
        path: path.to_path_buf(),
        source,
    })
}

impl Weights {
    /// Reads the parameters of `graph` out of the bytes of a safetensors file; `path` is for messages.
    ///
    /// # Errors
    /// Any difference in names, shapes or type, and values that are not finite.
    pub fn parse(bytes: &[u8], path: &Path, graph: &Graph) -> Result<Self, WeightsError> {
        let path_buf = || path.to_path_buf();
        let file = SafeTensors::deserialize(bytes).map_err(|e| WeightsError::Damaged {
            path: path_buf(),
            reason: e.to_string(),
        })?;
        let known: HashMap<&str, &Param> =
            graph.params.iter().map(|p| (p.name.as_str(), p)).collect();
        if let Some(name) = file.names().into_iter().find(|n| !known.contains_key(n)) {
            return Err(WeightsError::Unknown {
                path: path_buf(),
                name: name.to_string(),
            });
        }
        let mut tensors = Vec::with_capacity(graph.params.len());
        for param in &graph.params {
            let name = param.name.clone();
            let Ok(tensor) = file.tensor(&name) else {
                return Err(WeightsError::Missing {
                    path: path_buf(),
                    name,
                });
            };
            if tensor.dtype() != Dtype::F32 || tensor.shape() != param.shape {
                let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
                let wanted = format!("F32 {:?}", param.shape);
                return Err(WeightsError::Shape {
                    path: path_buf(),
                    name,
                    found,
                    wanted,
                });
            }
            let values: Vec<f32> = floats(tensor.data());
            if let Some((index, &value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                return Err(WeightsError::NotFinite {
                    path: path_buf(),
                    name,
                    index,
                    value,
                });
            }
            tensors.push(values);
        }
        Ok(Self { tensors })
    }

    /// The bytes of a safetensors file with these weights.
    ///
    /// # Errors
    /// What the writer refuses; a message.
    pub fn to_safetensors(&self, graph: &Graph) -> Result<Vec<u8>, String> {
        let named = graph
            .params
            .iter()
            .zip(&self.tensors)
            .map(|(p, t)| (p.name.clone(), p.shape.clone(), t));
        save_tensors(named)
    }

    /// Neutral start: weights zero, gains and variances one. The trainer draws the rest.
    pub fn neutral(graph: &Graph) -> Self {
        let value = |p: &Param| match p.role {
            Role::NormGain | Role::RunningVariance => 1.0,
            _ => 0.0,
        };
        Self {
            tensors: graph
                .params
                .iter()
                .map(|p| vec![value(p); p.len()])
                .collect(),
        }
    }
}

/// Little-endian floats.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

/// Serialises named arrays of floats as safetensors, names sorted.
///
/// # Errors
/// What the writer refuses; a message.
pub fn save_tensors<'a>(
    named: impl IntoIterator<Item = (String, Vec<usize>, &'a Vec<f32>)>,
) -> Result<Vec<u8>, String> {
    let owned: Vec<(String, Vec<usize>, Vec<u8>)> = named
        .into_iter()
        .map(|(name, shape, values)| {
            (
                name,
                shape,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        })
        .collect();
    let mut views = Vec::with_capacity(owned.len());
    for (name, shape, bytes) in &owned {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
            .map_err(|e| format!("{name}: {e}"))?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(|e| e.to_string())
}
