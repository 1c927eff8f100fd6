//! The program's allocator.

use std::alloc::{GlobalAlloc, Layout};

use mimalloc::MiMalloc;

use super::failure;

/// mimalloc, which keeps the pages of one step's tensors for the next: the system's allocator may
/// return them to the kernel and fault them in again.
///
/// Where it has no memory to give, the program ends with a message. Rust would abort without one
/// that helps, and its hook for that is not stable.
pub struct Allocator;

// SAFETY: all is mimalloc's, but for null, in whose place nothing is returned.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises is what mimalloc asks for; so below.
        given(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { MiMalloc.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }
}

fn given(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        failure::end_without_memory(bytes);
    }
    memory
}
