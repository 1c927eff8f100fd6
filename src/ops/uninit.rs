//! Memory that nobody zeroes before a kernel writes it.

use std::mem::MaybeUninit;

/// `len` elements as `write` writes them, and what it returns.
///
/// # Safety
/// `write` writes every element.
pub unsafe fn written<E, R>(
    len: usize,
    write: impl FnOnce(&mut [MaybeUninit<E>]) -> R,
) -> (Vec<E>, R) {
    let mut elements = Vec::with_capacity(len);
    let returned = write(&mut elements.spare_capacity_mut()[..len]);
    // SAFETY: there is capacity for `len` elements, which the caller promises are written.
    unsafe { elements.set_len(len) };
    (elements, returned)
}
