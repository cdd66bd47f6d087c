use invdet_core::{FrameFlags, TrackId};

use super::*;

fn flat(size: ImageSize) -> Frame {
    let counts = (0..size.pixels())
        .map(|index| 7000 + (index % 100) as u16)
        .collect();
    Frame {
        size,
        counts,
        bits: 14,
        ..Frame::default()
    }
}

fn track(id: u32, state: TrackState, x: f32, y: f32) -> Track {
    Track {
        id: TrackId(id),
        state,
        x,
        y,
        w: 3.0,
        h: 3.0,
        vx: 0.0,
        vy: 0.0,
        score: 0.5,
        sigma_px: 1.0,
        age: 5,
        misses: 0,
    }
}

fn pixels_of(image: &RgbImage, colour: Rgb) -> Vec<(u32, u32)> {
    image
        .enumerate_pixels()
        .filter(|(_, _, pixel)| pixel.0 == colour)
        .map(|(x, y, _)| (x, y))
        .collect()
}

#[test]
fn narrow_frames_are_shown_twice_as_large() {
    for (width, shown) in [(399, 798), (400, 400), (640, 640)] {
        let size = ImageSize::new(width, 50);
        let mut overlay = Overlay::new(size);
        let image = overlay.draw(&flat(size), Marks::default()).expect("drawn");
        assert_eq!(image.width(), shown);
    }
}

#[test]
fn a_box_is_nine_input_pixels_at_least_and_of_its_states_colour() {
    let size = ImageSize::new(320, 256);
    for (state, colour) in [
        (TrackState::Confirmed, CONFIRMED),
        (TrackState::Coasting, COASTING),
        (TrackState::Tentative, TENTATIVE),
    ] {
        let mut overlay = Overlay::new(size);
        let tracks = [track(1, state, 100.5, 80.5)];
        let image = overlay
            .draw(
                &flat(size),
                Marks {
                    tracks: &tracks,
                    ..Marks::default()
                },
            )
            .expect("drawn");
        // At twice the size the outline runs over screen pixels 192..=210, which is 9 input pixels from edge to edge.
        for corner in [(192, 152), (210, 152), (192, 170), (210, 170)] {
            assert_eq!(
                image.get_pixel(corner.0, corner.1).0,
                colour,
                "{state:?} {corner:?}"
            );
        }
        assert_ne!(
            image.get_pixel(201, 161).0,
            colour,
            "the target itself stays visible"
        );
    }
}

#[test]
fn the_tail_shows_twenty_positions_and_is_forgotten_with_its_track() {
    let size = ImageSize::new(640, 100);
    let mut trails = Trails::default();
    for step in 0..30 {
        trails.update(&[track(7, TrackState::Confirmed, 10.0 + step as f32, 50.0)]);
    }
    let tail: Vec<f32> = trails.of(TrackId(7)).iter().map(|point| point.x).collect();
    assert_eq!(tail, (20..40).map(|x| x as f32).collect::<Vec<_>>());
    trails.update(&[]);
    assert!(trails.of(TrackId(7)).is_empty());

    let mut overlay = Overlay::new(size);
    for step in 0..5 {
        let tracks = [track(
            7,
            TrackState::Confirmed,
            100.0 + 20.0 * step as f32,
            50.0,
        )];
        overlay
            .draw(
                &flat(size),
                Marks {
                    tracks: &tracks,
                    ..Marks::default()
                },
            )
            .expect("drawn");
    }
    let [red, green, _] = overlay.canvas.image().get_pixel(150, 50).0;
    assert!(
        green > red.saturating_add(40),
        "the tail is green at the way between"
    );
}

#[test]
fn the_velocity_line_leaves_the_box_in_the_direction_of_flight() {
    let size = ImageSize::new(640, 200);
    let mut overlay = Overlay::new(size);
    let tracks = [Track {
        vx: 50.0,
        ..track(1, TrackState::Confirmed, 100.5, 100.5)
    }];
    let image = overlay
        .draw(
            &flat(size),
            Marks {
                tracks: &tracks,
                ..Marks::default()
            },
        )
        .expect("drawn");
    let line: Vec<u32> = pixels_of(image, CONFIRMED)
        .iter()
        .filter(|p| p.1 == 100 && p.0 > 106)
        .map(|p| p.0)
        .collect();
    // Half a box (4.5 px) and 0.3 s at 50 px/s.
    assert_eq!(line.last(), Some(&120));
    assert!(
        tracks[0]
            .center()
            .distance(invdet_core::PixelPoint::new(120.5, 100.5))
            < 4.5 + 15.0 + 1.0
    );
}

#[test]
fn detections_and_labels_are_drawn_around_their_centre() {
    let size = ImageSize::new(640, 200);
    let mut overlay = Overlay::new(size);
    let detections = [Detection {
        x: 50.5,
        y: 60.5,
        w: 3.0,
        h: 3.0,
        score: 0.9,
    }];
    let labels = [LabelBox {
        x: 200.5,
        y: 100.5,
        w: 10.0,
        h: 6.0,
    }];
    let marks = Marks {
        detections: &detections,
        labels: &labels,
        tracks: &[],
    };
    let image = overlay.draw(&flat(size), marks).expect("drawn");
    for (colour, center) in [(DETECTION, (50.0, 60.0)), (LABEL, (200.0, 100.0))] {
        let drawn = pixels_of(image, colour);
        let n = drawn.len() as f64;
        let x = drawn.iter().map(|p| f64::from(p.0)).sum::<f64>() / n;
        let y = drawn.iter().map(|p| f64::from(p.1)).sum::<f64>() / n;
        assert!(
            drawn.len() >= 8 && (x - center.0).abs() < 1.0 && (y - center.1).abs() < 1.0,
            "{colour:?} {x} {y}"
        );
    }
}

#[test]
fn a_correction_is_told_on_the_picture() {
    let size = ImageSize::new(640, 100);
    let mut frame = flat(size);
    let mut overlay = Overlay::new(size);
    assert!(
        pixels_of(
            overlay.draw(&frame, Marks::default()).expect("drawn"),
            ALARM
        )
        .is_empty()
    );
    frame.flags = FrameFlags { ffc: true };
    assert!(
        pixels_of(
            overlay.draw(&frame, Marks::default()).expect("drawn"),
            ALARM
        )
        .len()
            > 20
    );
}

#[test]
fn tracks_at_the_edge_outside_or_not_a_number_do_no_harm() {
    let size = ImageSize::new(64, 48);
    let mut overlay = Overlay::new(size);
    let places = [
        (0.0, 0.0),
        (64.0, 48.0),
        (-500.0, 20.0),
        (1e9, 1e9),
        (f32::NAN, 5.0),
        (5.0, f32::INFINITY),
    ];
    let tracks: Vec<Track> = (0..)
        .zip(places)
        .map(|(id, (x, y))| Track {
            vx: f32::NAN,
            vy: 1e30,
            w: 1e20,
            ..track(id, TrackState::Coasting, x, y)
        })
        .collect();
    let detections = places.map(|(x, y)| Detection {
        x,
        y,
        ..Detection::default()
    });
    let labels = places.map(|(x, y)| LabelBox {
        x,
        y,
        w: -3.0,
        h: f32::NAN,
    });
    let marks = Marks {
        tracks: &tracks,
        detections: &detections,
        labels: &labels,
    };
    assert_eq!(
        overlay
            .draw(&flat(size), marks)
            .expect("drawn")
            .dimensions(),
        (128, 96)
    );
}

#[test]
fn a_frame_that_does_not_fit_is_refused() {
    let size = ImageSize::new(64, 48);
    let mut overlay = Overlay::new(size);
    let mut frame = flat(size);
    frame.counts.pop();
    let error = overlay
        .draw(&frame, Marks::default())
        .expect_err("short buffer")
        .to_string();
    assert!(error.contains("64x48 with 3071 counts"), "{error}");
    assert!(
        overlay
            .draw(&flat(ImageSize::new(48, 64)), Marks::default())
            .is_err()
    );
}
