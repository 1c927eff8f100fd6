//! How light a garment is.

use super::Dice;

/// Brightness of the cloth, and of seams, buttons and trimmings: lighter or darker, with no regard
/// to the class.
pub struct Tones {
    /// The cloth itself.
    pub cloth: f32,
    /// What stands out against it.
    pub detail: f32,
}

impl Tones {
    /// Tones that stand out against each other and against the background.
    pub fn random(dice: &mut Dice) -> Self {
        let cloth = dice.between(0.30, 0.95);
        let contrast = dice.between(0.22, 0.45);
        let lighter = if cloth < 0.45 {
            true
        } else {
            cloth < 0.6 && dice.chance(0.5)
        };
        let detail = if lighter {
            cloth + contrast
        } else {
            cloth - contrast
        };
        Self { cloth, detail }
    }
}
