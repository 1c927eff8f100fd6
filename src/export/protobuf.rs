//! The part of Protocol Buffers' wire format that writing a file needs.

const VARINT: u8 = 0;
const BYTES: u8 = 2;
const FOUR_BYTES: u8 = 5;

/// A message under construction: fields in the order in which they are added.
#[derive(Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// An integer or an enumeration's value.
    pub(super) fn integer(self, field: u8, value: usize) -> Self {
        self.key(field, VARINT).varint(value)
    }

    /// A number of single precision.
    pub(super) fn float(self, field: u8, value: f32) -> Self {
        let mut message = self.key(field, FOUR_BYTES);
        message.0.extend_from_slice(&value.to_le_bytes());
        message
    }

    /// A string, bytes, or a packed list.
    pub(super) fn bytes(self, field: u8, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut message = self.key(field, BYTES).varint(bytes.len());
        message.0.extend_from_slice(bytes);
        message
    }

    /// A message within this one.
    pub(super) fn message(self, field: u8, message: Message) -> Self {
        self.bytes(field, message.0)
    }

    /// The same field for each of several messages.
    pub(super) fn messages(self, field: u8, messages: impl IntoIterator<Item = Message>) -> Self {
        messages
            .into_iter()
            .fold(self, |whole, message| whole.message(field, message))
    }

    /// The same field for each of several integers.
    pub(super) fn integers(self, field: u8, values: &[usize]) -> Self {
        values
            .iter()
            .fold(self, |message, &value| message.integer(field, value))
    }

    /// The message as it stands in a file.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(self, field: u8, wire_type: u8) -> Self {
        self.varint(usize::from(field) << 3 | usize::from(wire_type))
    }

    /// Seven bits to a byte, the lowest first; the eighth says that more follow.
    fn varint(mut self, mut value: usize) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // From protobuf.dev/programming-guides/encoding.
        let number = Message::default().integer(1, 150);
        assert_eq!(number.into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().bytes(2, "testing");
        assert_eq!(text.into_bytes(), b"\x12\x07testing");
        let nested = Message::default().message(3, Message::default().integer(1, 150));
        assert_eq!(nested.into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        // "An I32 value": wire type 5, little-endian; 1.0 is 0x3f800000 in IEEE 754.
        let number = Message::default().float(5, 1.0);
        assert_eq!(number.into_bytes(), [0x2d, 0x00, 0x00, 0x80, 0x3f]);
    }
}
