//! What a run leaves behind for people and programs: curves, the comparison table, the summary.

mod axis;
mod canvas;
pub mod curves;
pub mod grid;
mod series;
pub mod summary;
pub mod table;
