//! What a JPEG file says of its picture (ITU-T T.81, sections B.2.2 and B.2.3).

/// What a file says of its picture, and what the scans have brought of it.
#[derive(Default)]
pub(super) struct Frame {
    /// The marker's; 0 if there is none.
    pub code: u8,
    /// Bits per channel.
    pub precision: u8,
    pub components: Vec<Component>,
}

pub(super) struct Component {
    pub identifier: u8,
    /// Samples across and down, for one of another component.
    pub sampling: [u8; 2],
    /// Of its quantization.
    pub table: u8,
    /// A bit for each of its 64 coefficients that the scans have brought in full.
    brought: u64,
}

impl Frame {
    /// A frame of this marker and header (section B.2.2).
    pub fn new(code: u8, header: &[u8]) -> Self {
        let components = header.get(6..).unwrap_or_default();
        let component = |bytes: &[u8]| Component {
            identifier: bytes[0],
            sampling: [bytes[1] >> 4, bytes[1] & 0xf],
            table: bytes[2],
            brought: 0,
        };
        Self {
            code,
            precision: header.first().copied().unwrap_or_default(),
            components: components.chunks_exact(3).map(component).collect(),
        }
    }

    pub fn is_progressive(&self) -> bool {
        self.code == 0xc2
    }

    /// Whether no component has more samples than the first: the decoder is wrong about others.
    pub fn is_finest_in_first(&self) -> bool {
        let most = |side: usize| self.components.iter().map(|of| of.sampling[side]).max();
        let first = self.components.first();
        first.is_none_or(|first| first.sampling.map(Some) == [most(0), most(1)])
    }

    /// Takes in the header of a scan (section B.2.3).
    pub fn add_scan(&mut self, header: &[u8]) {
        let [count, rest @ ..] = header else { return };
        let Some((of, &[first, last, bits])) = rest
            .split_at_checked(2 * usize::from(*count))
            .and_then(|(of, rest)| Some((of, rest.first_chunk()?)))
        else {
            return;
        };
        let brought = match self.is_progressive() {
            false => !0,
            true if bits & 0xf == 0 => (first..=last.min(63)).fold(0, |all, bit| all | 1 << bit),
            true => 0, // the lowest bits are still to come
        };
        for component in &mut self.components {
            if of.iter().step_by(2).any(|&of| of == component.identifier) {
                component.brought |= brought;
            }
        }
    }

    pub fn is_complete(&self) -> bool {
        !self.components.is_empty() && self.components.iter().all(|of| of.brought == !0)
    }
}
