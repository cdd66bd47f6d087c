//! A training run as a TOML file.

use crate::guidance::gctm::GctmConfig;
use crate::guidance::tarm::TarmConfig;
use crate::guidance::{ReconstructionConfig, inverse_config};
use crate::loss::LossWeights;
use crate::optim::OptimizerConfig;
use anyhow::{Context as _, bail};
use invdet_data::Augment;
use invdet_net::arch::{build, build_with_reconstruction};
use invdet_net::config::NetworkConfig;
use invdet_net::graph::Graph;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that decides the result of a run; written resolved into its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Data-set folders, trained on jointly.
    pub data: Vec<PathBuf>,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images of a step.
    pub batch: usize,
    /// Every choice of the run follows from it.
    pub seed: u64,
    /// 0.0: each image is drawn once an epoch; 1.0: each data set equally often; between: between.
    pub balance: f32,
    /// Epochs between looks at the validation images.
    pub validate_every: u32,
    /// Validations without a better score after which the run ends early; 0: never.
    pub patience: u32,
    /// Share of the epochs at the end in which batch normalisation keeps its running statistics.
    pub freeze_norm: f32,
    /// See [`OptimizerConfig`].
    pub optimizer: OptimizerConfig,
    /// See [`LossWeights`].
    pub loss: LossWeights,
    /// See [`ReconstructionConfig`].
    pub reconstruction: ReconstructionConfig,
    /// See [`TarmConfig`].
    pub tarm: TarmConfig,
    /// See [`GctmConfig`].
    pub gctm: GctmConfig,
    /// See [`Augment`].
    pub augment: Augment,
    /// See [`NetworkConfig`].
    pub network: NetworkConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        #[allow(
            clippy::expect_used,
            reason = "\"s\" is one of the named networks, as a test of the crate shows"
        )]
        let network = NetworkConfig::named("s").expect("a named network");
        Self {
            data: Vec::new(),
            epochs: 100,
            batch: 8,
            seed: 1,
            balance: 0.5,
            validate_every: 5,
            patience: 0,
            freeze_norm: 0.05,
            optimizer: OptimizerConfig::default(),
            loss: LossWeights::default(),
            reconstruction: ReconstructionConfig::default(),
            tarm: TarmConfig::default(),
            gctm: GctmConfig::default(),
            augment: Augment::default(),
            network,
        }
    }
}

impl RunConfig {
    /// Defaults, overlaid by a TOML file and by `key=value` settings (dotted keys, TOML values).
    ///
    /// # Errors
    /// Unreadable file, unknown keys, values out of range; each named.
    pub fn resolve(
        file: Option<&Path>,
        network: Option<&str>,
        settings: &[String],
    ) -> anyhow::Result<Self> {
        let mut table = toml::Table::try_from(Self::default())?;
        if let Some(name) = network {
            let named = toml::Table::try_from(NetworkConfig::named(name)?)?;
            table.insert("network".into(), named.into());
        }
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!(
                    "{}: the settings cannot be read; name another --config",
                    path.display()
                )
            })?;
            let overlay: toml::Table = toml::from_str(&text)
                .map_err(|e| one_line(&e))
                .with_context(|| path.display().to_string())?;
            merge(&mut table, overlay);
        }
        for setting in settings {
            let Some((key, value)) = setting.split_once('=') else {
                bail!("--set {setting}: wanted KEY=VALUE, for example --set optimizer.lr=0.001");
            };
            // A bare word is a string.
            let parsed: toml::Table = toml::from_str(&format!("{key} = {value}"))
                .or_else(|_| toml::from_str(&format!("{key} = {value:?}")))
                .map_err(|e| one_line(&e))
                .with_context(|| format!("--set {setting}: wanted KEY=VALUE with a TOML value"))?;
            merge(&mut table, parsed);
        }
        Self::of_table(table)
    }

    /// Defaults, overlaid by tables of settings, the last on top.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn of_tables(tables: impl IntoIterator<Item = toml::Table>) -> anyhow::Result<Self> {
        let mut table = toml::Table::try_from(Self::default())?;
        for overlay in tables {
            merge(&mut table, overlay);
        }
        Self::of_table(table)
    }

    fn of_table(table: toml::Table) -> anyhow::Result<Self> {
        // The parser writes its messages over several lines, and ends them in one.
        let config: Self = table
            .try_into()
            .map_err(|e: toml::de::Error| one_line(&e))
            .context("the run's settings")?;
        config.check()?;
        Ok(config)
    }

    /// Refuses values that no run could use.
    ///
    /// # Errors
    /// The first such value.
    pub fn check(&self) -> anyhow::Result<()> {
        self.network.check()?;
        let crop = self.augment.crop;
        if crop == 0 || !crop.is_multiple_of(invdet_net::config::STRIDE as u32) {
            bail!(
                "augment.crop is {crop}, wanted a multiple of {}",
                invdet_net::config::STRIDE
            );
        }
        if self.epochs == 0 || self.batch == 0 || self.validate_every == 0 {
            bail!("epochs, batch and validate_every must be at least 1");
        }
        if !(0.0..=1.0).contains(&self.balance) || !(0.0..=1.0).contains(&self.freeze_norm) {
            bail!("balance and freeze_norm must lie in 0..=1");
        }
        let o = &self.optimizer;
        if !(o.lr > 0.0
            && o.min_lr >= 0.0
            && o.min_lr <= o.lr
            && o.clip > 0.0
            && (0.0..1.0).contains(&o.ema))
        {
            bail!(
                "optimizer: wanted lr > 0, 0 <= min_lr <= lr, clip > 0, 0 <= ema < 1; found {o:?}"
            );
        }
        self.check_guidance()
    }

    fn check_guidance(&self) -> anyhow::Result<()> {
        let (r, t, g) = (&self.reconstruction, &self.tarm, &self.gctm);
        let share = |x: f32| (0.0..=1.0).contains(&x);
        let rate = |x: f32| x.is_finite() && x >= 0.0;
        let wanted = [
            (
                "reconstruction",
                rate(r.det_lr_mult_inv)
                    && rate(r.weight_decay)
                    && rate(r.joint_weight)
                    && r.lr.is_finite()
                    && r.lr > 0.0
                    && share(r.weight_bg),
                "lr > 0, det_lr_mult_inv, weight_decay and joint_weight >= 0, weight_bg in 0..=1",
            ),
            (
                "tarm",
                [t.gamma, t.theta, t.delta, t.hb_k].into_iter().all(rate)
                    && share(t.e0)
                    && share(t.de)
                    && t.w_min > 0.0
                    && t.w_min <= 1.0,
                "gamma, theta, delta, hb_k >= 0, e0 and de in 0..=1, 0 < w_min <= 1",
            ),
            (
                "gctm",
                g.tau > 0.0
                    && rate(g.eps)
                    && (2..=256).contains(&g.bins)
                    && g.t_gray_min > 0.0
                    && g.t_gray_min.is_finite()
                    && rate(g.ring)
                    && rate(g.kappa)
                    && g.sigma_min > 0.0
                    && share(g.w_bg)
                    && g.floor.into_iter().all(share),
                "tau, t_gray_min, sigma_min > 0, eps, ring, kappa >= 0, bins in 2..=256, w_bg and floor in 0..=1",
            ),
        ];
        for (part, fine, wanted) in wanted {
            if !fine {
                bail!("{part}: wanted {wanted}");
            }
        }
        Ok(())
    }

    /// The network, with its backward path if the encoder is trained by reconstruction.
    ///
    /// # Errors
    /// Switches that no network has.
    pub fn graph(&self) -> anyhow::Result<Graph> {
        Ok(if self.reconstruction.encoder_grad.reconstructs() {
            let inverse = inverse_config(&self.reconstruction, &self.tarm);
            build_with_reconstruction(&self.network, inverse)?
        } else {
            build(&self.network)?
        })
    }
}

pub(crate) fn one_line(error: &toml::de::Error) -> anyhow::Error {
    let line = error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    anyhow::Error::msg(line)
}

fn merge(base: &mut toml::Table, overlay: toml::Table) {
    for (key, value) in overlay {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(b)), toml::Value::Table(o)) => merge(b, o),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RunConfig;

    #[test]
    fn settings_overlay_defaults_and_unknown_keys_are_refused_by_name() {
        let set = |s: &[&str]| {
            RunConfig::resolve(
                None,
                Some("b"),
                &s.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        };
        let config = set(&[
            "optimizer.lr=0.5",
            "augment.crop=128",
            "network.subnet=dense",
        ])
        .unwrap();
        assert_eq!(config.optimizer.lr, 0.5);
        assert_eq!((config.augment.crop, config.network.trunk), (128, 32));
        for bad in [
            "optimizer.rl=1",
            "augment.crop=100",
            "epochs=0",
            "network.s_rev=9",
            "optimizer.lr=nan",
            "x",
        ] {
            let message = format!("{:#}", set(&[bad]).unwrap_err());
            let key = bad.split(['=', '.']).next().unwrap();
            assert!(
                message.contains(key) || message.contains("rl") || message.contains("s_rev"),
                "{bad}: {message}"
            );
        }
    }
}
