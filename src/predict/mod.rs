//! Pictures of any kind, made into what the models saw in training, and what the models say of
//! them.
//!
//! - [`expand`]: folders into the pictures in them.
//! - [`load`], [`decode`]: a picture's file into a [`Picture`], within bounds of memory and time.
//! - [`Picture::to_input`], [`Picture::fit`]: a picture into 28×28 grey pixels on black.
//! - [`Show`], [`write_png`]: those 28×28 pixels as a file, for people who wonder.
//! - [`output`]: what the models say, for people and for programs.

mod background;
mod decoded;
mod files;
mod fit;
mod frame;
mod jpeg;
mod kind;
mod orientation;
mod others;
pub mod output;
mod picture;
mod png;
mod resample;
mod show;

pub use decoded::MAX_PIXELS;
pub(crate) use files::is_picture;
pub use files::{MAX_FILE_BYTES, expand, load};
pub use fit::Fitted;
pub use picture::{Picture, decode};
pub use show::{Show, write_png};
