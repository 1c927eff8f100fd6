//! What a run leaves behind for people and programs: curves, tables, the summary, the evaluation on
//! the test set, and the report that shows it all.

mod axis;
mod canvas;
pub mod confusion;
pub mod curves;
pub mod data_check;
pub mod disagreement;
pub mod evaluation;
pub mod grid;
pub mod html;
mod pixels;
pub mod reliability;
mod series;
pub mod summary;
pub mod table;
pub mod test_set;
