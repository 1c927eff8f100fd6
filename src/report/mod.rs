//! What a run leaves behind for people and programs: curves, the comparison table, the summary.

mod axis;
pub mod curves;
pub mod grid;
pub mod summary;
pub mod table;
