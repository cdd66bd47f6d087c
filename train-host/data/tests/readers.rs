//! Each layout of labels on small made-up folders, sound and spoilt.

#![allow(
    clippy::unwrap_used,
    reason = "set-up of the made-up folders; a failure there fails the test"
)]

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageBuffer, Luma};
use invdet_core::ImageSize;
use invdet_data::{
    DataError, Dataset, Layout, Problem, Sample, Split, check, is_validation, load_split,
    validation_split,
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file and the folders that it lies in.
fn write(dir: &TempDir, path: &str, text: impl AsRef<[u8]>) {
    let path = dir.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// 24x16, different for each path.
fn image(dir: &TempDir, path: &str) {
    let seed = path.bytes().fold(7u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let at = |x: u32, y: u32| {
        let place = (x * 37 + y * 101).wrapping_mul(seed | 1);
        Luma([(place >> 7) as u8])
    };
    save(dir, path, &GrayImage::from_fn(24, 16, at));
}

fn save(dir: &TempDir, path: &str, image: &GrayImage) {
    let path = dir.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save(path).unwrap();
}

fn load(dir: &TempDir, split: Split) -> Result<Vec<Sample>, DataError> {
    load_split(&Dataset::open(dir.path())?, &split)
}

fn train(dir: &TempDir) -> Vec<Sample> {
    load(dir, Split::Train).unwrap()
}

/// Left, top, right, bottom of all targets.
fn edges(sample: &Sample) -> Vec<[f32; 4]> {
    let of = |t: &invdet_data::Target| {
        [
            t.x - t.w / 2.0,
            t.y - t.h / 2.0,
            t.x + t.w / 2.0,
            t.y + t.h / 2.0,
        ]
    };
    sample.targets.iter().map(of).collect()
}

/// The message of the refusal holds all `parts`.
fn assert_refused(dir: &TempDir, parts: &[&str]) {
    let refused = load(dir, Split::Train).unwrap_err();
    let message = refused.to_string();
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    assert_eq!(message.lines().count(), 1, "{message}");
}

fn voc(objects: &str) -> String {
    format!(
        "<annotation>\n<filename>a</filename>\n<size><width>24</width><height>16</height></size>\n{objects}</annotation>\n"
    )
}

fn object(xmin: &str, ymin: &str, xmax: &str, ymax: &str) -> String {
    format!(
        "<object><name>drone</name><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>\n"
    )
}

/// Images a and b with VOC boxes.
fn voc_folder() -> TempDir {
    let dir = folder();
    for name in ["a", "b"] {
        image(&dir, &format!("images/{name}.png"));
        let boxes = voc(&(object("5", "4", "7", "4") + &object("1", "1", "24", "16")));
        write(&dir, &format!("Annotations/{name}.xml"), boxes);
    }
    dir
}

#[test]
fn voc_boxes_are_1_based_and_hold_both_ends() {
    let dir = voc_folder();
    let samples = train(&dir);
    assert_eq!(Dataset::open(dir.path()).unwrap().layout(), Layout::Voc);
    assert_eq!(samples.len(), 2);
    assert_eq!(
        edges(&samples[0]),
        [[4.0, 3.0, 7.0, 4.0], [0.0, 0.0, 24.0, 16.0]]
    );
    assert_eq!(samples[0].targets[0].area, 3);
    assert!(!samples[0].has_mask);
}

#[test]
fn mask_of_boxes_is_their_pixels() {
    let dir = folder();
    image(&dir, "images/a.png");
    write(&dir, "Annotations/a.xml", voc(&object("5", "4", "7", "4")));
    let sample = train(&dir).remove(0);
    let set: Vec<usize> = (0..sample.mask.len())
        .filter(|&at| sample.mask[at] > 127)
        .collect();
    assert_eq!(set, [3 * 24 + 4, 3 * 24 + 5, 3 * 24 + 6]);
}

#[test]
fn voc_lists_of_the_development_kit_are_the_splits() {
    let dir = voc_folder();
    fs::rename(dir.path().join("images"), dir.path().join("JPEGImages")).unwrap();
    write(&dir, "ImageSets/Main/train.txt", "b\n");
    write(&dir, "ImageSets/Main/test.txt", "a\n");
    write(&dir, "ImageSets/Main/drone_train.txt", "a 1\nb -1\n");
    assert_eq!(train(&dir)[0].name, "b");
    assert_eq!(load(&dir, Split::Test).unwrap()[0].name, "a");
    assert_eq!(Dataset::open(dir.path()).unwrap().splits().len(), 2);
}

#[test]
fn spoilt_voc_files_are_refused_by_file_and_object() {
    let cases: [(String, &[&str]); 9] = [
        (
            voc(&object("5", "4", "7", "4"))[..120].into(),
            &["line", "column", "cut off or damaged XML"],
        ),
        (String::new(), &["0 bytes"]),
        ("<html></html>".into(), &["<html>", "<annotation>"]),
        (
            voc("<object><name>x</name></object>"),
            &["object 1 (line 4)", "no <bndbox>"],
        ),
        (
            voc(&(object("5", "4", "7", "4") + "<object><bndbox><xmin>1</xmin></bndbox></object>")),
            &["object 2 (line 5)", "no <ymin>"],
        ),
        (
            voc(&object("5", "four", "7", "4")),
            &["object 1", "ymin \"four\""],
        ),
        (voc(&object("5", "NaN", "7", "4")), &["object 1", "finite"]),
        (
            voc(&object("8", "4", "7", "4")),
            &["object 1", "wider and higher than 0"],
        ),
        (
            voc(&object("30", "4", "32", "6")),
            &["object 1", "outside the image of 24x16"],
        ),
    ];
    for (text, parts) in cases {
        let dir = voc_folder();
        write(&dir, "Annotations/b.xml", &text);
        assert_refused(
            &dir,
            &[&["b.xml"][..], parts]
                .concat()
                .into_iter()
                .filter(|p| !text.is_empty() || *p != "finite")
                .collect::<Vec<_>>(),
        );
    }
}

#[test]
fn voc_file_about_another_size_is_refused() {
    let dir = voc_folder();
    let text = voc("").replace("<width>24", "<width>320");
    write(&dir, "Annotations/b.xml", &text);
    assert_refused(&dir, &["b.xml", "320x16", "24x16"]);
    // Tools that do not know the size write 0.
    write(&dir, "Annotations/b.xml", text.replace("320", "0"));
    assert!(train(&dir)[1].targets.is_empty());
}

#[test]
fn image_without_voc_file_is_refused() {
    let dir = voc_folder();
    image(&dir, "images/c.png");
    assert_refused(&dir, &["\"c\"", "no label", "c.xml"]);
}

fn coco_folder(images: &str, annotations: &str) -> TempDir {
    let dir = folder();
    image(&dir, "images/a.png");
    image(&dir, "images/b.png");
    write(
        &dir,
        "annotations/instances.json",
        format!("{{\"images\": [{images}],\n\"annotations\": [{annotations}]}}\n"),
    );
    dir
}

const COCO_IMAGES: &str = "{\"id\": 7, \"file_name\": \"a.png\", \"width\": 24, \"height\": 16}, \
                           {\"id\": 9, \"file_name\": \"images/b.png\"}";

#[test]
fn coco_boxes_are_corner_and_size() {
    let boxes = "{\"id\": 1, \"image_id\": 9, \"bbox\": [4.5, 3, 2, 1.5], \"category_id\": 1, \"segmentation\": [[]]}, \
                 {\"image_id\": 9, \"bbox\": [0, 0, 24, 16], \"segmentation\": [[0, 0, 24, 0, 24, 16, 0, 16]]}";
    let dir = coco_folder(COCO_IMAGES, boxes);
    let samples = train(&dir);
    assert_eq!(Dataset::open(dir.path()).unwrap().layout(), Layout::Coco);
    assert_eq!(
        samples.iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(samples[0].targets.is_empty() && !samples[0].has_mask);
    assert_eq!(
        edges(&samples[1]),
        [[4.5, 3.0, 6.5, 4.5], [0.0, 0.0, 24.0, 16.0]]
    );
    assert!(!samples[1].has_mask);
}

#[test]
fn coco_outlines_and_run_lengths_are_masks() {
    // Outline of 3x2 pixels at (2, 1); runs: 4 columns of 16 and 5 outside, then rows 5 to 7 of column 4 (compressed:
    // 69 = 5 + 2 * 32 -> 'U' '2', 3 -> '3', 312 = 24 + 9 * 32 -> 'h' '9').
    let regions = "{\"image_id\": 7, \"bbox\": [2, 1, 3, 2], \"segmentation\": [[2, 1, 5, 1, 5, 3, 2, 3, 2, 2]]}, \
                   {\"image_id\": 9, \"bbox\": [4, 5, 1, 3], \"iscrowd\": 1, \"segmentation\": {\"counts\": [69, 3, 312], \"size\": [16, 24]}}";
    let dir = coco_folder(COCO_IMAGES, regions);
    for sample in train(&dir) {
        assert!(sample.has_mask);
        let (area, edge) = if sample.name == "a" {
            (6, [2.0, 1.0, 5.0, 3.0])
        } else {
            (3, [4.0, 5.0, 5.0, 8.0])
        };
        assert_eq!((sample.targets[0].area, edges(&sample)), (area, vec![edge]));
    }
    let plain = fs::read_to_string(dir.path().join("annotations/instances.json")).unwrap();
    write(
        &dir,
        "annotations/instances.json",
        plain.replace("[69, 3, 312]", "\"U23h9\""),
    );
    assert_eq!(edges(&train(&dir)[1]), [[4.0, 5.0, 5.0, 8.0]]);
}

#[test]
fn coco_files_of_train_and_test_are_the_splits() {
    let dir = folder();
    for (role, name) in [("train", "a"), ("test", "a"), ("test", "b")] {
        image(&dir, &format!("images/{role}2017/{name}.png"));
    }
    write(
        &dir,
        "annotations/instances_train2017.json",
        "{\"images\": [{\"id\": 1, \"file_name\": \"a.png\"}], \"annotations\": []}",
    );
    write(
        &dir,
        "annotations/instances_test2017.json",
        "{\"images\": [{\"id\": 1, \"file_name\": \"b.png\"}, {\"id\": 2, \"file_name\": \"a.png\"}], \"annotations\": []}",
    );
    assert_eq!(train(&dir)[0].name, "train2017/a");
    let test = load(&dir, Split::Test).unwrap();
    assert_eq!(
        test.iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["test2017/b", "test2017/a"]
    );
}

#[test]
fn spoilt_coco_files_are_refused_by_file_and_element() {
    let good = "{\"id\": 3, \"image_id\": 9, \"bbox\": [4, 3, 2, 1]}";
    let cases: [(&str, &str, &[&str]); 10] = [
        (
            COCO_IMAGES,
            "{\"id\": 5, \"image_id\": 8, \"bbox\": [4, 3, 2, 1]}",
            &["annotations[0] (id 5)", "image_id 8"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [4, 3, 2]}",
            &["line 2", "length 3"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [4, NaN, 2, 1]}",
            &["line 2, column"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [4, 3, 0, 1]}",
            &["annotations[0]", "wider and higher than 0"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [40, 3, 2, 1]}",
            &["annotations[0]", "outside the image of 24x16"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [4, 3, 2, 1], \"segmentation\": {\"counts\": [5, 3], \"size\": [16, 24]}}",
            &["annotations[0]", "8 pixels"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [4, 3, 2, 1], \"segmentation\": {\"counts\": \"aaa\", \"size\": [16, 24]}}",
            &["annotations[0]", "run-length"],
        ),
        (
            COCO_IMAGES,
            "{\"image_id\": 9, \"bbox\": [4, 3, 2, 1], \"segmentation\": [[1, 2, 3, 4]]}",
            &["annotations[0]", "4 numbers"],
        ),
        (
            "{\"id\": 9, \"file_name\": \"a.png\"}, {\"id\": 9, \"file_name\": \"b.png\"}",
            good,
            &["images[1]", "id 9"],
        ),
        (
            "{\"id\": 9, \"file_name\": \"a.png\", \"width\": 20, \"height\": 16}",
            good,
            &["20x16", "24x16"],
        ),
    ];
    for (images, annotations, parts) in cases {
        let dir = coco_folder(images, annotations);
        assert_refused(&dir, &[&["instances.json"][..], parts].concat());
    }
    let dir = coco_folder(COCO_IMAGES, good);
    let whole = fs::read(dir.path().join("annotations/instances.json")).unwrap();
    for length in [1, 20, 150, whole.len() - 3] {
        write(&dir, "annotations/instances.json", &whole[..length]);
        assert_refused(&dir, &["instances.json", "line", "cut off or damaged JSON"]);
    }
    write(&dir, "annotations/instances.json", "{\"info\": {}}");
    assert_refused(&dir, &["instances.json", "images"]);
    write(&dir, "annotations/instances.json", "");
    assert_refused(&dir, &["instances.json", "0 bytes"]);
}

#[test]
fn coco_image_that_is_not_there_is_refused_by_name() {
    let dir = coco_folder("{\"id\": 1, \"file_name\": \"images/ghost.png\"}", "");
    assert_refused(&dir, &["images/ghost"]);
    let dir = coco_folder("", "");
    assert_refused(&dir, &["instances.json", "lists no image"]);
}

fn yolo_folder(lines: &str) -> TempDir {
    let dir = folder();
    image(&dir, "images/a.png");
    image(&dir, "images/b.png");
    write(&dir, "labels/a.txt", "0 0.5 0.5 1 1\n");
    write(&dir, "labels/b.txt", lines);
    write(&dir, "labels/classes.txt", "drone\n");
    dir
}

#[test]
fn yolo_boxes_are_fractions_of_the_image() {
    let dir = yolo_folder("\n3 0.25 0.5 0.125 0.25\r\n0 0.75 0.25 0.25 0.125\n");
    let samples = train(&dir);
    assert_eq!(Dataset::open(dir.path()).unwrap().layout(), Layout::Yolo);
    assert_eq!(edges(&samples[0]), [[0.0, 0.0, 24.0, 16.0]]);
    assert_eq!(
        edges(&samples[1]),
        [[4.5, 6.0, 7.5, 10.0], [15.0, 3.0, 21.0, 5.0]]
    );
    assert!(samples.iter().all(|s| !s.has_mask));
}

#[test]
fn yolo_image_without_lines_or_without_file_has_no_target() {
    let dir = yolo_folder("");
    image(&dir, "images/c.png");
    let samples = train(&dir);
    assert!(samples[1].targets.is_empty() && samples[2].targets.is_empty());
    let report = check(dir.path()).unwrap();
    assert_eq!(report.problems, [Problem::NoLabelFile { name: "c".into() }]);
    assert!(!report.has_errors());
    assert_eq!(report.splits["train"].without_target, 2);
}

#[test]
fn yolo_labels_beside_the_images_are_found() {
    let dir = folder();
    image(&dir, "a.png");
    write(&dir, "a.txt", "0 0.25 0.5 0.125 0.25\n");
    write(&dir, "classes.txt", "drone\n");
    assert_eq!(edges(&train(&dir)[0]), [[4.5, 6.0, 7.5, 10.0]]);
}

#[test]
fn yolo_folders_are_the_splits() {
    let dir = folder();
    for (role, name) in [("train", "a"), ("val", "b"), ("test", "c")] {
        image(&dir, &format!("images/{role}/{name}.png"));
        write(
            &dir,
            &format!("labels/{role}/{name}.txt"),
            "0 0.5 0.5 0.5 0.5\n",
        );
    }
    for (split, name) in [("train", "train/a"), ("val", "val/b"), ("test", "test/c")] {
        let samples = load(&dir, Split::from(split)).unwrap();
        assert_eq!(
            (samples.len(), &*samples[0].name, samples[0].targets.len()),
            (1, name, 1)
        );
    }
}

#[test]
fn spoilt_yolo_lines_are_refused_by_file_and_line() {
    let cases: [(&str, &[&str]); 7] = [
        (
            "0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1\n",
            &["line 2", "4 numbers", "class cx cy w h"],
        ),
        ("0 0.5 0.5 0.1 0.1 0.9\n", &["line 1", "6 numbers"]),
        ("\n\n0 NaN 0.5 0.1 0.1\n", &["line 3", "cx NaN"]),
        ("0 12 8 2 2\n", &["line 1", "cx 12", "0 to 1"]),
        ("0 0.5 0.5 0 0.1\n", &["line 1", "wider and higher than 0"]),
        ("drone 0.5 0.5 0.1 0.1\n", &["line 1", "\"drone\""]),
        ("0 0.5 -0.5 0.1 0.1\n", &["line 1", "cy -0.5"]),
    ];
    for (lines, parts) in cases {
        assert_refused(&yolo_folder(lines), &[&["b.txt"][..], parts].concat());
    }
}

#[test]
fn box_over_the_edge_keeps_its_visible_part_and_is_reported() {
    let dir = yolo_folder("0 0 0.5 0.5 0.25\n");
    assert_eq!(edges(&train(&dir)[1]), [[0.0, 6.0, 6.0, 10.0]]);
    let report = check(dir.path()).unwrap();
    let over_edge = Problem::OverEdge {
        name: "b".into(),
        boxes: 1,
    };
    assert_eq!(report.problems, [over_edge]);
}

/// Images `{train,test}/00000000.png` and on with IRDST's `boxes/` and `center/`.
fn irdst_folder() -> TempDir {
    let dir = folder();
    for name in ["train/00000000", "train/00000001", "test/00000000"] {
        image(&dir, &format!("images/{name}.png"));
        write(&dir, &format!("boxes/{name}.txt"), "[4, 3, 2, 5]\n");
        write(&dir, &format!("center/{name}.txt"), "[5, 5.5]\n");
    }
    dir
}

#[test]
fn irdst_boxes_are_corner_and_size_and_its_folders_the_splits() {
    let dir = irdst_folder();
    write(&dir, "boxes/train/00000001.txt", "[4, 3, 2, 5]\n10 2 3 4\n");
    let samples = train(&dir);
    assert_eq!(
        Dataset::open(dir.path()).unwrap().layout(),
        Layout::IrdstBoxes
    );
    assert_eq!(samples.len(), 2);
    assert_eq!(
        edges(&samples[1]),
        [[4.0, 3.0, 6.0, 8.0], [10.0, 2.0, 13.0, 6.0]]
    );
    assert_eq!(load(&dir, Split::Test).unwrap().len(), 1);
    write(&dir, "boxes/train/00000001.txt", "[4, 3, 2]\n");
    assert_refused(
        &dir,
        &["boxes/train/00000001.txt", "line 1", "3 numbers", "x y w h"],
    );
    fs::remove_file(dir.path().join("boxes/train/00000001.txt")).unwrap();
    assert_refused(&dir, &["no label", "boxes/train/00000001.txt"]);
}

#[test]
fn irdst_masks_win_over_its_boxes() {
    let dir = irdst_folder();
    for name in ["train/00000000", "train/00000001", "test/00000000"] {
        let mask = GrayImage::from_fn(24, 16, |x, y| Luma([if x == 9 && y < 2 { 255 } else { 0 }]));
        save(&dir, &format!("masks/{name}.png"), &mask);
    }
    let samples = train(&dir);
    assert_eq!(
        (samples.len(), edges(&samples[0])),
        (2, vec![[9.0, 0.0, 10.0, 2.0]])
    );
    assert!(samples[0].has_mask);
    assert_eq!(check(dir.path()).unwrap().problems, []);
}

#[test]
fn irdst_centres_alone_become_boxes_of_8_pixels() {
    let dir = irdst_folder();
    fs::remove_dir_all(dir.path().join("boxes")).unwrap();
    assert_eq!(
        Dataset::open(dir.path()).unwrap().layout(),
        Layout::IrdstCenters
    );
    assert_eq!(edges(&train(&dir)[0]), [[1.0, 1.5, 9.0, 9.5]]);
    write(&dir, "center/train/00000000.txt", "[5, 5, 5]\n");
    assert_refused(&dir, &["center/train/00000000.txt", "line 1", "3 numbers"]);
}

#[test]
fn lists_of_basicirstd_name_images_in_folders() {
    let dir = folder();
    for name in ["44/1(814)", "68/1(227)", "68/1(228)"] {
        image(&dir, &format!("images/{name}.png"));
        save(&dir, &format!("masks/{name}.png"), &GrayImage::new(24, 16));
    }
    write(
        &dir,
        "img_idx/train_IRDST-real.txt",
        "/44/1(814)\n/68/1(227)\n",
    );
    write(&dir, "img_idx/test_IRDST-real.txt", "/68/1(228)\n");
    assert_eq!(
        train(&dir).iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["44/1(814)", "68/1(227)"]
    );
    assert_eq!(load(&dir, Split::Test).unwrap().len(), 1);
}

/// Sequences of DAUB with the lists in which they go round.
fn daub_folder() -> TempDir {
    let dir = folder();
    for name in ["data5/0", "data5/1", "data6/0"] {
        image(&dir, &format!("{name}.bmp"));
    }
    write(
        &dir,
        "coco_train_DAUB.txt",
        "/home/me/DAUB/images/train/data5/0.bmp 3,2,11,10,0\n/home/me/DAUB/images/train/data5/1.bmp 4,2,12,10,0 14,2,20,10,0\n",
    );
    write(
        &dir,
        "coco_val_DAUB.txt",
        "/home/me/DAUB/images/test/data6/0.bmp\n\n/home/me/DAUB/images/test/data6/0.bmp 3,2,11,10,0\n",
    );
    dir
}

#[test]
fn daub_lists_are_labels_and_splits() {
    let dir = daub_folder();
    let samples = train(&dir);
    assert_eq!(Dataset::open(dir.path()).unwrap().layout(), Layout::Lists);
    assert_eq!(
        samples.iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["data5/0", "data5/1"]
    );
    assert_eq!(
        edges(&samples[1]),
        [[4.0, 2.0, 12.0, 10.0], [14.0, 2.0, 20.0, 10.0]]
    );
    assert!(
        matches!(load(&dir, Split::Test), Err(DataError::NoSplit { known, .. }) if known == "train, val")
    );
    let twice = load(&dir, Split::from("val"));
    assert!(
        matches!(twice, Err(DataError::ListedTwice { path, name }) if name == "data6/0" && path.ends_with("coco_val_DAUB.txt"))
    );
}

#[test]
fn spoilt_lists_are_refused_by_file_and_line() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "data5/0.bmp 3,2,11,10,0\ndata5/1.bmp 3,2,11\n",
            &["line 2", "\"3,2,11\"", "x1,y1,x2,y2,class"],
        ),
        (
            "data5/0.bmp 3,2,11,10,0\ndata5/1.bmp 3,2,x,10,0\n",
            &["line 2", "\"x\""],
        ),
        (
            "data5/0.bmp 3,2,11,10,0\n3,2,11,10,0\n",
            &["line 2", "the path of an image"],
        ),
        (
            "data5/0.bmp 3,2,11,10,0\ndata5/1.bmp 3,2,3,10,0\n",
            &["line 2", "wider and higher than 0"],
        ),
        (
            "data5/0.bmp 3,2,11,10,0\ndata5/1.bmp 3,20,11,30,0\n",
            &["line 2", "outside the image"],
        ),
    ];
    for (text, parts) in cases {
        let dir = daub_folder();
        write(&dir, "coco_train_DAUB.txt", text);
        assert_refused(&dir, &[&["coco_train_DAUB.txt"][..], parts].concat());
    }
    let dir = daub_folder();
    write(
        &dir,
        "coco_train_DAUB.txt",
        "data5/0.bmp 3,2,11,10,0\ndata9/1.bmp 3,2,11,10,0\n",
    );
    assert_refused(&dir, &["no image", "data9/1"]);
}

fn sequence_folder(lines: &str) -> TempDir {
    let dir = folder();
    for name in ["data5/0", "data5/1", "data5/2"] {
        image(&dir, &format!("{name}.bmp"));
    }
    write(&dir, "data5.txt", lines);
    dir
}

#[test]
fn sequence_of_points_or_boxes_is_read_by_frame_number() {
    let dir = sequence_folder("frame,x,y\n0,10,8\n2,4,3,2,1\n2 12 3 2 1\n");
    let samples = train(&dir);
    assert_eq!(
        Dataset::open(dir.path()).unwrap().layout(),
        Layout::Sequences
    );
    // A point is a pixel: its middle is half a pixel further, and the box reaches 4 pixels each way.
    assert_eq!(edges(&samples[0]), [[6.5, 4.5, 14.5, 12.5]]);
    assert!(samples[1].targets.is_empty());
    assert_eq!(
        edges(&samples[2]),
        [[4.0, 3.0, 6.0, 4.0], [12.0, 3.0, 14.0, 4.0]]
    );
}

#[test]
fn spoilt_sequences_are_refused_by_file_and_line() {
    let cases: [(&str, &[&str]); 5] = [
        ("0 10 8\n1 10\n", &["line 2", "2 numbers", "frame x y"]),
        ("0 10 8\n1 ten 8\n", &["line 2", "\"ten\""]),
        ("0 10 8\n7 10 8\n", &["line 2", "frame 7"]),
        ("0 10 8\n0.5 10 8\n", &["line 2", "frame 0.5"]),
        ("0 10 8\n1 100 8\n", &["line 2", "outside the image"]),
    ];
    for (text, parts) in cases {
        assert_refused(
            &sequence_folder(text),
            &[&["data5.txt"][..], parts].concat(),
        );
    }
}

#[test]
fn own_folder_without_lists_is_for_training_and_keeps_its_validation_part() {
    let dir = folder();
    let own = dir.path().join("my-folder");
    fs::create_dir(&own).unwrap();
    for n in 0..60 {
        let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
            ImageBuffer::from_fn(24, 16, |x, y| Luma([6000 + (x * y + n * 7) as u16]));
        let ending = ["png", "tiff"][n as usize % 2];
        deep.save(own.join(format!("cloud{n}.{ending}"))).unwrap();
        fs::create_dir_all(own.join("masks")).unwrap();
        let mask = GrayImage::from_fn(24, 16, |x, y| Luma([if x == y { 255 } else { 0 }]));
        mask.save(own.join(format!("masks/cloud{n}.png"))).unwrap();
    }
    let dataset = Dataset::open(&own).unwrap();
    assert!(!dataset.has_lists());
    let samples = load_split(&dataset, &Split::Train).unwrap();
    assert_eq!((samples.len(), samples[0].bits), (60, 16));
    let refused = load_split(&dataset, &Split::Test).unwrap_err().to_string();
    assert!(
        refused.contains("my-folder") && refused.contains("splits/test.txt"),
        "{refused}"
    );
    let (learn, hold) = validation_split(samples);
    assert!(learn.len() > 40 && !hold.is_empty());
    for sample in &hold {
        assert!(is_validation("my-folder", &sample.name));
    }
    let report = check(&own).unwrap();
    assert_eq!((report.validation, report.has_lists), (hold.len(), false));
    assert_eq!(
        (report.counts, report.warnings),
        (Some([6000, 6000 + 23 * 15 + 59 * 7]), 0)
    );
    assert!(report.to_string().contains("no lists"));
}

#[test]
fn empty_train_list_and_missing_list_are_refused() {
    let dir = yolo_folder("");
    write(&dir, "splits/train.txt", "\n");
    assert_refused(&dir, &["splits/train.txt", "lists no image"]);
    write(&dir, "splits/train.txt", "a\nghost\n");
    assert_refused(&dir, &["\"ghost\"", "images/ghost.png"]);
    // Lists of other tools name the files from the folder of the set on.
    write(&dir, "splits/train.txt", "./images/b.png\nimages\\a.png\n");
    assert_eq!(
        train(&dir).iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["b", "a"]
    );
    fs::remove_file(dir.path().join("splits/train.txt")).unwrap();
    assert_refused(&dir, &["\"train\"", "splits/train.txt"]);
}

#[test]
fn mask_in_classes_or_in_16_bit_of_8_is_refused_not_read_as_empty() {
    let dir = folder();
    image(&dir, "images/a.png");
    let classes = GrayImage::from_fn(24, 16, |x, _| Luma([u8::from(x == 3)]));
    save(&dir, "masks/a.png", &classes);
    assert_refused(&dir, &["masks/a.png", "up to 1 only", "0 and 255"]);
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(24, 16, |x, _| Luma([if x == 3 { 255 } else { 0 }]));
    deep.save(dir.path().join("masks/a.png")).unwrap();
    assert_refused(&dir, &["masks/a.png", "up to 255 only", "65535"]);
    assert!(check(dir.path()).unwrap().has_errors());
    let full: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(24, 16, |x, _| Luma([if x == 3 { u16::MAX } else { 0 }]));
    full.save(dir.path().join("masks/a.png")).unwrap();
    assert_eq!(train(&dir)[0].targets[0].area, 16);
}

#[test]
fn bitmap_and_jpeg_are_read() {
    let dir = folder();
    for name in ["a.bmp", "b.jpg", "c.PNG"] {
        image(&dir, &format!("images/{name}"));
    }
    write(&dir, "labels/a.txt", "");
    let samples = train(&dir);
    assert_eq!(samples.len(), 3);
    assert!(
        samples
            .iter()
            .all(|s| s.size == ImageSize::new(24, 16) && s.bits == 8)
    );
}

#[test]
fn equal_images_are_an_error_across_lists_and_a_warning_within_one() {
    let dir = yolo_folder("");
    let copy = |from: &str, to: &str| {
        fs::copy(dir.path().join(from), dir.path().join(to)).unwrap();
    };
    copy("images/a.png", "images/c.png");
    copy("images/b.png", "images/d.png");
    write(&dir, "labels/c.txt", "");
    write(&dir, "labels/d.txt", "");
    write(&dir, "splits/train.txt", "a\nb\nd\n");
    write(&dir, "splits/test.txt", "c\n");
    let report = check(dir.path()).unwrap();
    let across = Problem::SameInTwoSplits {
        first: "a".into(),
        first_split: "train".into(),
        second: "c".into(),
        second_split: "test".into(),
    };
    let within = Problem::Same {
        first: "b".into(),
        second: "d".into(),
    };
    assert_eq!(report.problems, [across, within]);
    assert_eq!(
        (report.errors, report.warnings, report.near_duplicates),
        (1, 1, 0)
    );
}

#[test]
fn flat_images_and_mixed_depths_are_warnings() {
    let dir = yolo_folder("");
    save(
        &dir,
        "images/b.png",
        &GrayImage::from_pixel(24, 16, Luma([7])),
    );
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(24, 16, |x, y| Luma([(900 * x + y) as u16]));
    deep.save(dir.path().join("images/c.png")).unwrap();
    write(&dir, "labels/c.txt", "");
    let report = check(dir.path()).unwrap();
    let flat = Problem::Flat { name: "b".into() };
    let mixed = Problem::MixedDepth {
        of_8_bit: 2,
        of_16_bit: 1,
    };
    assert_eq!(report.problems, [flat, mixed]);
    assert!(!report.has_errors());
}

#[test]
fn report_of_boxes_lists_each_bad_file_and_label_without_image() {
    let dir = yolo_folder("0 0.5 0.5 0.1\n");
    write(&dir, "labels/nobody.txt", "0 0.5 0.5 0.1 0.1\n");
    write(&dir, "labels/a.txt", "0 2 0.5 0.1 0.1\n");
    let report = check(dir.path()).unwrap();
    assert_eq!((report.errors, report.warnings), (2, 1));
    assert!(
        matches!(&report.problems[..], [
        Problem::Refused { name: a, reason: of_a },
        Problem::Refused { name: b, reason: of_b },
        Problem::StrayLabel { file },
    ] if a == "a" && of_a.contains("cx 2") && b == "b" && of_b.contains("4 numbers") && file.ends_with("nobody.txt")),
        "{report}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["problems"][0]["severity"], "error");
    assert_eq!(json["problems"][2]["severity"], "warning");
    assert_eq!(json["layout"], "yolo");
    let printed = report.to_string();
    assert!(
        printed.ends_with("2 images, 0 targets, 2 errors, 1 warnings\n"),
        "{printed}"
    );
}

#[test]
fn hidden_files_are_no_images() {
    let dir = yolo_folder("");
    write(&dir, "images/._a.png", "resource fork");
    assert_eq!(train(&dir).len(), 2);
    assert!(Path::new(&dir.path().join("images/._a.png")).is_file());
}
