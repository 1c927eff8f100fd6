//! Pictures of any kind, made into what the models saw in training, and what the models say of
//! them.
//!
//! - [`expand`]: folders into the pictures in them.
//! - [`load`]: a picture's file into a [`Picture`](crate::picture::Picture).
//! - [`Picture::to_input`](crate::picture::Picture::to_input),
//!   [`Picture::fit`](crate::picture::Picture::fit): a picture into 28×28 grey pixels on black.
//! - [`prepare()`]: a file into what the models of a run see, by the rule of the run.
//! - [`Show`], [`write_png`]: that as a file, for people who wonder.
//! - [`output`]: what the models say, for people and for programs.

mod background;
mod files;
mod fit;
mod frame;
pub mod output;
mod plane;
mod prepare;
mod show;

pub use files::{expand, load};
pub use fit::Fitted;
pub use prepare::{Prepared, prepare};
pub use show::{Show, write_png};
