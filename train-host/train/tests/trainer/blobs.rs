//! A made-up data set of small bright blobs, and a network small enough to learn it in seconds.

use image::{GrayImage, Luma};
use invdet_data::{Augment, is_validation};
use invdet_net::config::NetworkConfig;
use invdet_train::config::RunConfig;
use invdet_train::optim::OptimizerConfig;
use std::fs;
use std::path::{Path, PathBuf};

/// Side of the images.
pub(crate) const SIDE: u32 = 64;
/// The folder names the set, and name and set decide what is for validation.
pub(crate) const SET: &str = "BLOBS";

/// Writes images, masks and lists (`test` lists the same images as `train`) below `folder`; returns the set's folder.
///
/// `train` and `validation` are the numbers of images that [`is_validation`] sends to either side.
pub(crate) fn write_set(folder: &Path, train: usize, validation: usize) -> PathBuf {
    let set = folder.join(SET);
    for part in ["images", "masks", "splits"] {
        fs::create_dir_all(set.join(part)).unwrap();
    }
    let mut left = [train, validation];
    let mut names = Vec::new();
    for i in 0.. {
        let name = format!("blob_{i}");
        let side = &mut left[usize::from(is_validation(SET, &name))];
        if *side > 0 {
            *side -= 1;
            write_image(&set, &name, i);
            names.push(name);
        }
        if left == [0, 0] {
            break;
        }
    }
    for split in ["train", "test"] {
        fs::write(
            set.join(format!("splits/{split}.txt")),
            names.join("\n") + "\n",
        )
        .unwrap();
    }
    set
}

/// Targets of image `i`: left, top, side. Two an image, apart from each other and from the border.
pub(crate) fn targets(i: u32) -> [(u32, u32, u32); 2] {
    [
        (8 + i * 7 % 20, 10 + i * 11 % 40, 3 + i % 2),
        (38 + i * 5 % 16, 8 + i * 13 % 44, 2 + i % 3),
    ]
}

fn write_image(set: &Path, name: &str, i: u32) {
    let inside = |x: u32, y: u32| {
        targets(i)
            .iter()
            .any(|&(l, t, s)| (l..l + s).contains(&x) && (t..t + s).contains(&y))
    };
    let clutter =
        |x: u32, y: u32| 60 + (x * 3 + y * 2 + i * 17) / 8 + (x * 37 + y * 101 + i * 7919) % 13;
    let image = GrayImage::from_fn(SIDE, SIDE, |x, y| {
        Luma([if inside(x, y) {
            200
        } else {
            clutter(x, y) as u8
        }])
    });
    let mask = GrayImage::from_fn(SIDE, SIDE, |x, y| {
        Luma([if inside(x, y) { 255 } else { 0 }])
    });
    image.save(set.join(format!("images/{name}.png"))).unwrap();
    mask.save(set.join(format!("masks/{name}.png"))).unwrap();
}

/// `s` with the fewest channels that still exercise every kind of layer.
pub(crate) fn network() -> NetworkConfig {
    NetworkConfig {
        hidden: [4, 4, 4, 4],
        conv_channels: [0, 0, 8, 8],
        neck: [8, 8, 8, 8],
        trunk: 8,
        mask_channels: 4,
        ..NetworkConfig::named("s").unwrap()
    }
}

/// The same as `--set` would have it.
pub(crate) const NETWORK_SETTINGS: [&str; 6] = [
    "network.hidden=[4,4,4,4]",
    "network.conv_channels=[0,0,8,8]",
    "network.neck=[8,8,8,8]",
    "network.trunk=8",
    "network.mask_channels=4",
    "augment.crop=64",
];

/// A run over the set with the product's augmentation, in batches of four.
pub(crate) fn config(set: &Path, epochs: u32) -> RunConfig {
    RunConfig {
        data: vec![set.into()],
        epochs,
        batch: 4,
        validate_every: 2,
        optimizer: OptimizerConfig {
            warmup_epochs: 1.0,
            ..OptimizerConfig::default()
        },
        augment: Augment {
            crop: SIDE,
            ..Augment::default()
        },
        network: network(),
        ..RunConfig::default()
    }
}
