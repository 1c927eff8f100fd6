//! Trousers and bags, in pixels around the centre of the image.

use super::super::raster::{Canvas, Path};
use super::Dice;
use super::tones::Tones;

pub fn trouser(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let waist = dice.between(3.4, 5.2);
    let hip = waist + dice.between(0.3, 1.5);
    let top = dice.between(-12.5, -10.5);
    let crotch = top + dice.between(5.5, 8.0);
    let bottom = if dice.chance(0.15) {
        dice.between(1.0, 6.0)
    } else {
        dice.between(10.5, 13.0)
    };
    let outer = hip + dice.between(-0.8, 1.8);
    let inner = (outer - dice.between(2.6, 4.2)).max(0.5);
    let leg = Path::from([0.0, top])
        .line([waist, top])
        .curve([hip, top + 2.0], [hip, crotch])
        .line([outer, bottom])
        .line([inner, bottom])
        .line([0.25, crotch])
        .line([0.0, crotch])
        .mirrored();
    canvas.fill(&leg, tones.cloth);
    if dice.chance(0.7) {
        canvas.stroke(
            &[[-waist, top + 0.7], [waist, top + 0.7]],
            1.3,
            tones.detail,
        );
    }
    canvas.stroke(&[[0.0, top], [0.0, crotch]], 0.5, tones.cloth * 0.7);
    if dice.chance(0.4) {
        for side in [-1.0, 1.0] {
            canvas.stroke(
                &[
                    [side * (waist - 0.4), top + 2.5],
                    [side * (waist - 2.4), top + 1.6],
                ],
                0.7,
                tones.detail,
            );
        }
    }
}

pub fn bag(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let width = dice.between(7.0, 12.0);
    let top = dice.between(-6.0, 0.0);
    let bottom = dice.between(7.0, 11.0);
    let taper = dice.between(-1.5, 1.5);
    // The handle first: the bag hides its ends.
    let (reach, rise) = (width * dice.between(0.35, 0.85), dice.between(4.0, 11.0));
    let handle = Path::from([-reach, top + 1.0])
        .curve([-reach, top - rise], [0.0, top - rise])
        .curve([reach, top - rise], [reach, top + 1.0]);
    canvas.stroke(handle.points(), dice.between(1.0, 2.2), tones.cloth);
    let body = Path::from([0.0, top])
        .line([width - taper - 1.0, top])
        .curve([width - taper, top], [width - taper, top + 1.5])
        .line([width + taper, bottom - 1.2])
        .curve([width + taper, bottom], [width + taper - 1.5, bottom])
        .line([0.0, bottom])
        .mirrored();
    canvas.fill(&body, tones.cloth);
    if dice.chance(0.6) {
        let flap = top + (bottom - top) * dice.between(0.25, 0.6);
        let edge = Path::from([-(width - taper), top + 1.0])
            .curve([0.0, 2.0 * flap - top], [width - taper, top + 1.0]);
        canvas.stroke(edge.points(), 0.7, tones.detail);
    }
    if dice.chance(0.6) {
        canvas.dot(
            [0.0, top + (bottom - top) * dice.between(0.3, 0.7)],
            dice.between(1.4, 2.6),
            tones.detail,
        );
    }
}
