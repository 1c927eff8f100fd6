//! Working memory that every thread allocates once and keeps.

use std::cell::Cell;
use std::thread::LocalKey;

/// A cache line; vectors in a buffer of them never straddle two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct CacheLine([f32; LINE]);

/// `f32` values per cache line. Parts of a buffer have a multiple of this length.
pub const LINE: usize = 16;

type Buffer = LocalKey<Cell<Vec<CacheLine>>>;

thread_local! {
    /// For one chunk of images on the thread that works on it.
    pub static LOCAL: Cell<Vec<CacheLine>> = const { Cell::new(Vec::new()) };
    /// For what all chunks of a call share, on the thread that makes the call.
    pub static SHARED: Cell<Vec<CacheLine>> = const { Cell::new(Vec::new()) };
}

/// Lends `f` the first `len` values of the buffer, whose contents are arbitrary. Debug builds fill
/// them with NaN, and check that nothing was written past them.
pub fn with<R>(buffer: &'static Buffer, len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    const GUARD: f32 = 1.234e-5;
    // Taken out meanwhile: should `f` come back here on this thread, it gets another buffer.
    let mut lines = buffer.take();
    let needed = len.div_ceil(LINE) + 1;
    if lines.len() < needed {
        lines.resize(needed, CacheLine([0.0; LINE]));
    }
    let pointer = lines.as_mut_ptr().cast::<f32>();
    // SAFETY: the vector holds `needed` lines or more of `LINE` initialised floats, without padding
    // between them, and is borrowed by nobody else.
    let all = unsafe { std::slice::from_raw_parts_mut(pointer, needed * LINE) };
    let (values, guard) = all.split_at_mut(len);
    if cfg!(debug_assertions) {
        values.fill(f32::NAN);
        guard.fill(GUARD);
    }
    let result = f(values);
    debug_assert!(
        guard.iter().all(|x| *x == GUARD),
        "a kernel wrote past its buffer"
    );
    buffer.set(lines);
    result
}

/// Cuts the first `len` values off a buffer.
pub fn cut<'a>(buffer: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    debug_assert_eq!(len % LINE, 0, "parts keep their alignment");
    buffer
        .split_off_mut(..len)
        .expect("a buffer is as long as its parts together")
}

/// `n` rounded up to whole cache lines (and so to whole vectors of any instruction set).
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(LINE)
}
