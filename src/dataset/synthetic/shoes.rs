//! Everything that is worn on the feet.

use super::super::raster::{Canvas, Path, Point};
use super::Dice;
use super::tones::Tones;

/// Shoes are seen from the side, toe to the left; half of them are then turned round.
fn side_view(dice: &mut Dice) -> impl Fn(Point) -> Point + use<> {
    let side = dice.sign();
    let drop = dice.between(-1.5, 3.0);
    move |[x, y]| [side * x, y + drop]
}

fn polygon(points: &[Point], place: &impl Fn(Point) -> Point) -> Path {
    let points: Vec<Point> = points.iter().map(|&point| place(point)).collect();
    Path::polygon(&points)
}

pub fn sandal(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let place = side_view(dice);
    let heel = dice.between(0.5, 7.0);
    let thick = dice.between(1.0, 2.2);
    let floor = 6.0;
    let back = floor - thick - heel;
    // The sole from toe to heel, then the heel itself: a block or a wedge.
    let sole = [
        [-11.5, floor - thick],
        [-4.0, floor - thick - 0.2],
        [4.0, back],
        [11.0, back - 0.6],
        [11.0, back + thick],
        [4.5, back + thick],
        [-3.5, floor],
        [-11.0, floor],
    ];
    canvas.fill(&polygon(&sole, &place), tones.cloth);
    let wedge = if dice.chance(0.4) {
        -3.0
    } else {
        dice.between(6.5, 9.0)
    };
    let heel_block = [
        [wedge, if wedge < 0.0 { floor - thick } else { back }],
        [11.0, back],
        [10.6, floor],
        [wedge, floor],
    ];
    canvas.fill(&polygon(&heel_block, &place), tones.cloth);
    // Straps over the foot, and one around the ankle.
    let count = 1 + dice.below(3);
    let rise = dice.between(4.5, 8.5);
    for strap in 0..count {
        let x = -9.8 + 3.6 * strap as f32 + dice.between(-0.5, 0.5);
        let base = |x: f32| floor - thick - ((x + 4.0) / 8.0).clamp(0.0, 1.0) * heel;
        let reach = dice.between(2.8, 5.0);
        let over = Path::from([x, base(x)]).curve(
            [x + 0.6 * reach, base(x) - rise],
            [x + reach, base(x + reach)],
        );
        let over: Vec<Point> = over.points().iter().map(|&point| place(point)).collect();
        canvas.stroke(&over, dice.between(0.9, 1.6), tones.cloth);
    }
    if dice.chance(0.7) {
        let y = back - dice.between(3.5, 6.5);
        let line = [place([10.6, back]), place([10.2, y]), place([3.5, y - 0.6])];
        canvas.stroke(&line, dice.between(0.9, 1.5), tones.detail.max(0.25));
    }
}

pub fn sneaker(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let place = side_view(dice);
    let ankle = dice.between(-5.5, -1.5);
    let floor = 6.0;
    let sole = dice.between(1.4, 2.6);
    let toe = dice.between(1.0, 2.4);
    let upper = [
        [-11.8, floor - 1.0],
        [-11.2, toe + 0.9],
        [-8.5, toe],
        [-4.0, toe - 1.0],
        [0.5, ankle - 0.4],
        [2.5, ankle - 0.8],
        [4.5, ankle + 1.4],
        [8.5, ankle + 1.0],
        [10.8, ankle - 0.6],
        [11.5, ankle + 3.0],
        [11.6, floor - 1.0],
    ];
    canvas.fill(&polygon(&upper, &place), tones.cloth);
    let sole_line = [
        place([-12.2, floor - sole / 2.0]),
        place([12.0, floor - sole / 2.0]),
    ];
    canvas.stroke(&sole_line, sole, tones.detail.max(0.2));
    for lace in 0..3 {
        let at = lace as f32 / 3.0;
        let (x, y) = (-4.0 + 4.5 * at, toe - 1.0 + (ankle + 0.6 - toe) * at);
        canvas.stroke(
            &[place([x, y]), place([x + 1.8, y + 1.6])],
            0.7,
            tones.detail,
        );
    }
    if dice.chance(0.6) {
        let x = dice.between(0.0, 4.0);
        canvas.stroke(
            &[place([x, floor - sole]), place([x + 4.0, ankle + 3.0])],
            dice.between(0.8, 2.0),
            tones.detail,
        );
    }
}

pub fn ankle_boot(canvas: &mut Canvas, dice: &mut Dice, tones: &Tones) {
    let place = side_view(dice);
    let shaft = dice.between(-13.0, -6.0);
    let front = dice.between(0.0, 2.5);
    let floor = 7.0;
    let heel = dice.between(0.4, 4.0);
    let toe = dice.between(2.0, 4.0);
    let upper = [
        [-11.0, floor - 0.6],
        [-10.8, toe + 1.2],
        [-8.0, toe],
        [-3.0, toe - 2.0],
        [front, toe - 5.0],
        [front + 0.5, shaft],
        [10.0, shaft - 0.3],
        [9.4, 0.0],
        [10.6, floor - heel],
        [3.0, floor - heel * 0.8],
        [-3.0, floor - 0.4],
    ];
    canvas.fill(&polygon(&upper, &place), tones.cloth);
    let block = [
        [dice.between(5.5, 7.5), floor - heel - 0.4],
        [10.6, floor - heel - 0.4],
        [10.2, floor],
        [6.5, floor],
    ];
    canvas.fill(&polygon(&block, &place), tones.detail.max(0.2));
    canvas.stroke(
        &[place([-11.2, floor - 0.3]), place([-2.0, floor - 0.3])],
        0.9,
        tones.detail.max(0.2),
    );
    match dice.below(3) {
        0 => canvas.stroke(&[place([6.5, shaft]), place([6.0, 1.0])], 1.0, tones.detail),
        1 => {
            for lace in 0..4 {
                let y = shaft + 1.0 + (toe - 5.0 - shaft).max(2.0) * lace as f32 / 3.0;
                canvas.stroke(
                    &[place([front, y]), place([front + 3.0, y + 0.6])],
                    0.7,
                    tones.detail,
                );
            }
        }
        _ => canvas.stroke(
            &[place([front, shaft + 0.8]), place([10.0, shaft + 0.6])],
            1.4,
            tones.detail,
        ),
    }
}
