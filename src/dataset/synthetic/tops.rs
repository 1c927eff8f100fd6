//! Everything that is worn on the upper body.

use super::super::raster::{Canvas, Path, Point};
use super::Dice;
use super::tones::Tones;

/// What is the same in everything worn on the upper body.
struct Top {
    neck: f32,
    neck_depth: f32,
    shoulder: f32,
    chest: f32,
    waist: f32,
    hem: f32,
    top: f32,
    bottom: f32,
    hem_drop: f32,
}

impl Top {
    fn random(dice: &mut Dice) -> Self {
        let chest = dice.between(5.6, 7.6);
        Self {
            neck: dice.between(2.2, 3.6),
            neck_depth: dice.between(0.8, 2.6),
            shoulder: chest + dice.between(-0.2, 1.0),
            chest,
            waist: chest - dice.between(-0.2, 1.2),
            hem: chest + dice.between(-0.4, 1.0),
            top: dice.between(-12.0, -10.5),
            bottom: dice.between(9.0, 12.5),
            hem_drop: dice.between(-0.3, 0.5),
        }
    }

    const SLOPE: f32 = 1.6;

    fn shoulder_point(&self) -> Point {
        [self.shoulder, self.top + Self::SLOPE]
    }

    fn armpit(&self) -> Point {
        [self.chest, self.top + 7.0]
    }

    fn body(&self, canvas: &mut Canvas, shade: f32) {
        let path = Path::from([0.0, self.top + self.neck_depth])
            .curve(
                [self.neck, self.top + self.neck_depth],
                [self.neck, self.top],
            )
            .line(self.shoulder_point())
            .line(self.armpit())
            .curve(
                [self.waist, (self.top + self.bottom) / 2.0],
                [self.hem, self.bottom],
            )
            .line([0.0, self.bottom + self.hem_drop])
            .mirrored();
        canvas.fill(&path, shade);
    }

    /// Both sleeves, `length` down from the shoulder and `spread` outwards. Returns the right cuff,
    /// inner end first.
    fn sleeves(
        &self,
        canvas: &mut Canvas,
        length: f32,
        spread: f32,
        width: f32,
        shade: f32,
    ) -> [Point; 2] {
        let [sx, sy] = self.shoulder_point();
        let outer = [sx + spread, sy + length];
        let inner = [outer[0] - width, outer[1] + width * 0.35];
        let path = Path::from([sx - 1.2, sy - 0.5])
            .curve([sx + 0.35 * spread + 0.9, sy + 0.1 * length], outer)
            .line(inner)
            .line([self.chest - 0.4, self.top + 6.6]);
        canvas.fill(&path, shade);
        canvas.fill(&path.flipped(), shade);
        [inner, outer]
    }

    /// A seam between body and long sleeves, so that they can be told apart where they touch.
    fn arm_seams(&self, canvas: &mut Canvas, shade: f32) {
        let [sx, sy] = self.shoulder_point();
        for side in [-1.0, 1.0] {
            canvas.stroke(
                &[[side * (sx - 0.6), sy], [side * self.chest, self.top + 7.0]],
                0.6,
                shade,
            );
        }
    }
}

fn long_sleeves(top: &Top, canvas: &mut Canvas, dice: &mut Dice, shade: f32) -> [Point; 2] {
    let (length, spread, width) = (
        dice.between(13.5, 18.5),
        dice.between(2.0, 4.2),
        dice.between(2.4, 3.2),
    );
    top.sleeves(canvas, length, spread, width, shade)
}

fn short_sleeves(top: &Top, canvas: &mut Canvas, dice: &mut Dice, shade: f32) {
    let (length, spread, width) = (
        dice.between(4.5, 8.5),
        dice.between(2.6, 4.4),
        dice.between(3.4, 4.2),
    );
    top.sleeves(canvas, length, spread, width, shade);
}

pub fn t_shirt(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let top = Top::random(dice);
    if dice.chance(0.85) {
        short_sleeves(&top, canvas, dice, tones.cloth);
    }
    top.body(canvas, tones.cloth);
    if dice.chance(0.5) {
        // A print on the chest, of any proportions: a tall narrow one may look like a row of
        // buttons.
        let (w, h) = (dice.between(0.6, 4.0), dice.between(1.0, 5.0));
        let y = dice.between(-4.0, 2.0);
        canvas.fill(
            &Path::polygon(&[[-w, y - h], [w, y - h], [w, y + h], [-w, y + h]]),
            tones.detail,
        );
    }
}

pub fn pullover(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let top = Top {
        neck_depth: dice.between(0.3, 1.4),
        ..Top::random(dice)
    };
    let cuff = long_sleeves(&top, canvas, dice, tones.cloth);
    top.body(canvas, tones.cloth);
    top.arm_seams(canvas, tones.cloth * 0.7);
    // Ribbed hem and cuffs, and a band around the neck.
    let y = top.bottom - 0.9;
    canvas.stroke(&[[-top.hem, y], [top.hem, y]], 1.7, tones.detail);
    for side in [-1.0, 1.0] {
        let [inner, outer] = cuff.map(|[x, y]| [side * x, y - 0.8]);
        canvas.stroke(&[inner, outer], 1.5, tones.detail);
    }
    let band = Path::from([-top.neck, top.top]).curve(
        [0.0, top.top + 2.0 * top.neck_depth + 0.6],
        [top.neck, top.top],
    );
    canvas.stroke(band.points(), 1.3, tones.detail);
    if dice.chance(0.35) {
        let y = dice.between(-4.0, 4.0);
        canvas.stroke(
            &[[-top.waist, y], [top.waist, y]],
            dice.between(1.0, 3.5),
            tones.detail,
        );
    }
}

pub fn dress(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let top = Top {
        chest: dice.between(3.8, 5.4),
        bottom: dice.between(0.0, 2.0),
        hem_drop: 0.0,
        ..Top::random(dice)
    };
    let top = Top {
        shoulder: top.chest + dice.between(-0.6, 0.6),
        waist: top.chest - dice.between(0.4, 1.4),
        hem: top.chest - dice.between(0.2, 0.9),
        ..top
    };
    match dice.below(3) {
        0 => short_sleeves(&top, canvas, dice, tones.cloth),
        1 => {
            long_sleeves(&top, canvas, dice, tones.cloth);
        }
        _ => {}
    }
    top.body(canvas, tones.cloth);
    let flare = dice.between(1.0, 5.0);
    let bottom = dice.between(11.0, 13.0);
    let skirt = Path::from([0.0, top.bottom - 0.5])
        .line([top.hem, top.bottom - 0.5])
        .curve(
            [top.hem + 0.3 * flare, (top.bottom + bottom) / 2.0],
            [top.hem + flare, bottom],
        )
        .curve([0.0, bottom + dice.between(0.0, 1.5)], [0.0, bottom + 0.4])
        .mirrored();
    canvas.fill(&skirt, tones.cloth);
    if dice.chance(0.6) {
        canvas.stroke(
            &[[-top.hem, top.bottom], [top.hem, top.bottom]],
            dice.between(0.8, 1.8),
            tones.detail,
        );
    }
}

pub fn coat(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let random = Top::random(dice);
    let top = Top {
        bottom: random.bottom + 0.6,
        neck_depth: 0.4,
        ..random
    };
    long_sleeves(&top, canvas, dice, tones.cloth);
    top.body(canvas, tones.cloth);
    top.arm_seams(canvas, tones.cloth * 0.7);
    // The open front: a wedge of whatever is under it, between two lapels.
    let (upper, lower) = (dice.between(1.0, 2.6), dice.between(0.3, 1.6));
    let close = dice.between(-3.0, 3.0);
    let front = Path::from([0.0, top.top])
        .line([upper, top.top])
        .line([0.4, close])
        .line([lower, top.bottom + 0.6])
        .line([0.0, top.bottom + 0.6])
        .mirrored();
    if dice.chance(0.5) {
        canvas.erase(&front);
    } else {
        canvas.fill(&front, tones.detail);
    }
    for side in [-1.0, 1.0] {
        let notch = top.top + dice.between(3.0, 4.5);
        canvas.stroke(
            &[
                [side * upper, top.top],
                [side * (upper + 2.0), notch],
                [side * 0.6, close],
            ],
            0.7,
            tones.cloth * 0.65,
        );
        let pocket = dice.between(3.0, 5.5);
        canvas.stroke(
            &[[side * 2.4, pocket], [side * 4.8, pocket - 0.5]],
            0.8,
            tones.detail,
        );
    }
}

pub fn shirt(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let random = Top::random(dice);
    let top = Top {
        hem_drop: dice.between(0.4, 1.6),
        neck_depth: dice.between(0.6, 2.0),
        ..random
    };
    if dice.chance(0.3) {
        short_sleeves(&top, canvas, dice, tones.cloth);
        top.body(canvas, tones.cloth);
    } else {
        long_sleeves(&top, canvas, dice, tones.cloth);
        top.body(canvas, tones.cloth);
        top.arm_seams(canvas, tones.cloth * 0.7);
    }
    // The placket with its buttons, and the points of the collar.
    let x = dice.between(-0.3, 0.3);
    let edge = x + 0.9 * dice.sign();
    canvas.stroke(
        &[[edge, top.top + top.neck_depth], [edge, top.bottom]],
        0.6,
        tones.cloth * 0.7,
    );
    let pitch = dice.between(2.6, 4.2);
    let mut y = top.top + top.neck_depth + 1.5;
    while y < top.bottom - 1.0 {
        canvas.dot([x, y], 1.15, tones.detail);
        y += pitch;
    }
    for side in [-1.0, 1.0] {
        let collar = [
            [0.0, top.top + top.neck_depth + 0.4],
            [side * top.neck, top.top - 0.6],
            [side * (top.neck + 0.8), top.top + 1.2],
            [
                side * 1.6,
                top.top + top.neck_depth + dice.between(1.8, 3.0),
            ],
        ];
        canvas.fill(&Path::polygon(&collar), tones.detail);
    }
}
